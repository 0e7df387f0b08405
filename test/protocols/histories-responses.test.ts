/** Replies of Responses, put back: at OpenAI and at xAI. */

import { describeHistories } from "../support/histories.ts";

describeHistories("openai-responses", ({ file }) =>
  /\/xai/.test(file)
    ? [{ client: "grok", model: "grok-4.6", otherModel: "grok-4.7" }]
    : [{ client: "openai", model: "gpt-5.4", otherModel: "gpt-5.5" }],
);
