/** xAI's Chat Completions. A page loads it only with `api: "chat"`: xAI's other protocol is the default. */

import { XAI_CHAT } from "../chat-completions/dialects.ts";
import { chatCompletions } from "../chat-completions/protocol.ts";
import type { Protocol } from "../protocol.ts";

export const xaiChat: Protocol = /* @__PURE__ */ chatCompletions(XAI_CHAT);
