/** Replies of Gemini, put back: at models that want signatures, and at those that do without. */

import { describeHistories } from "../support/histories.ts";

describeHistories("gemini", () => [
  { client: "gemini", model: "gemini-3.5-flash", otherModel: "gemini-3.1-pro" },
  { client: "gemini", model: "gemini-2.5-flash", otherModel: "gemini-2.5-pro" },
]);
