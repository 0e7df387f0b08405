/** OpenAI's Chat Completions. A page loads it only with `api: "chat"`: OpenAI's other protocol is the default. */

import { OPENAI_CHAT } from "../chat-completions/dialects.ts";
import { chatCompletions } from "../chat-completions/protocol.ts";
import type { Protocol } from "../protocol.ts";

export const openaiChat: Protocol = /* @__PURE__ */ chatCompletions(OPENAI_CHAT);
