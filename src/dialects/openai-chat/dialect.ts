/** OpenAI's Chat Completions, as a server speaks it. */

import type { GatewayDialect } from "../gateway/dialect.ts";
import { openAiErrorBody } from "../gateway/openai-errors.ts";
import { chatWire } from "./reply.ts";
import { chatRequest } from "./request.ts";

/** `POST chat/completions`. */
export const openAiChat: GatewayDialect = {
  name: "openai-chat",
  routeOf: ({ method, path }) => (method === "POST" && path === "chat/completions" ? { name: "reply" } : undefined),
  decode(body) {
    const { includesUsage, ...request } = chatRequest(body);
    return { ...request, wire: chatWire(includesUsage) };
  },
  error: openAiErrorBody,
};
