/** Anthropic's Chat Completions. A page loads it only with `api: "chat"`: Anthropic's other protocol is the default. */

import { ANTHROPIC_CHAT } from "../chat-completions/dialects.ts";
import { chatCompletions } from "../chat-completions/protocol.ts";
import type { Protocol } from "../protocol.ts";

export const anthropicChat: Protocol = /* @__PURE__ */ chatCompletions(ANTHROPIC_CHAT);
