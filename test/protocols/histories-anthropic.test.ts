/** Replies of Anthropic Messages, put back: at models that take thinking from anywhere, and at those that tie it to its conversation. */

import { describeHistories } from "../support/histories.ts";

describeHistories("anthropic-messages", () => [
  { client: "claude", model: "claude-sonnet-4-6", otherModel: "claude-sonnet-4-5" },
  { client: "claude", model: "claude-opus-5-5", otherModel: "claude-sonnet-5-5" },
]);
