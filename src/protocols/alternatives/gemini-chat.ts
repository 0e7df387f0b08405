/** Google's Chat Completions. A page loads it only with `api: "chat"`: Google's other protocol is the default. */

import { GEMINI_CHAT } from "../chat-completions/dialects.ts";
import { chatCompletions } from "../chat-completions/protocol.ts";
import type { Protocol } from "../protocol.ts";

export const geminiChat: Protocol = /* @__PURE__ */ chatCompletions(GEMINI_CHAT);
