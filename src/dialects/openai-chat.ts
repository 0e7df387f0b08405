/** OpenAI's Chat Completions, as a server speaks it. */

import type { MachineDialect } from "./machine-dialect.ts";
import { chatWire } from "./openai-chat-reply.ts";
import { chatRequest } from "./openai-chat-request.ts";
import { openAiErrorBody } from "./openai-errors.ts";

/** `POST chat/completions`. */
export const openAiChat: MachineDialect = {
  name: "openai-chat",
  routeOf: ({ method, path }) => (method === "POST" && path === "chat/completions" ? { name: "reply" } : undefined),
  decode(body) {
    const { includesUsage, ...request } = chatRequest(body);
    return { ...request, wire: chatWire(includesUsage) };
  },
  error: openAiErrorBody,
};
