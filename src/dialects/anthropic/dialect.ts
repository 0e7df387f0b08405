/** Anthropic Messages, as a server speaks it. */

import { jsonBody } from "../dialect.ts";
import type { GatewayDialect } from "../gateway/dialect.ts";
import { anthropicErrorBody } from "./errors.ts";
import { anthropicWire } from "./reply.ts";
import { anthropicRequest } from "./request.ts";

/** `POST messages` and `POST messages/count_tokens`. */
export const anthropicMessages: GatewayDialect = {
  name: "anthropic",
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
  routeOf({ method, path }) {
    if (method !== "POST") return undefined;
    if (path === "messages") return { name: "reply" };
    return path === "messages/count_tokens" ? { name: "countTokens" } : undefined;
  },
  decode: (body) => ({ ...anthropicRequest(body), wire: anthropicWire }),
  error: anthropicErrorBody,
  tokens: (count) => jsonBody({ input_tokens: count }),
};
