/**
 * The answers of a gateway: a body, or a reply as it is written. Those to requests that fail are in `error-answer.ts`.
 */

import type { DialectBody } from "../../dialects/dialect.ts";
import type { GatewayReply, GatewayWire } from "../../dialects/gateway/dialect.ts";
import type { Feed } from "../feed/feed.ts";
import { EncodedWire } from "../feed/viewer-wire.ts";
import type { Shown } from "../http/handler.ts";
import type { RunHost } from "../run/run-host.ts";
import type { GatewayCall } from "./call.ts";

/** A comment, which every library takes also as the first bytes. */
const OPENING = ": stream\n\n";

/** Returns the headers of every answer. OpenAI's libraries read the first id, Anthropic's the second. */
export function answerHeaders(requestId: string): Readonly<Record<string, string>> {
  return {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
    "request-id": requestId,
  };
}

/** Returns an answer in one piece. */
export function bodyAnswer({ contentType, text }: DialectBody, requestId: string): Response {
  return new Response(text, { headers: { "content-type": contentType, ...answerHeaders(requestId) } });
}

/** The reply that an answer shows while it is written. */
export interface ShownReply {
  readonly feed: Feed;
  readonly wire: GatewayWire;
  readonly reply: GatewayReply;
  readonly host: RunHost;
}

/** Returns an answer with server-sent events. */
export function streamAnswer({ feed, wire, reply, host }: ShownReply, { dialect, id }: GatewayCall): Shown {
  const viewer = host.viewer({
    feed,
    wire: new EncodedWire(feed, wire.encoder(reply)),
    keepAlive: dialect.keepAlive,
    opening: OPENING,
  });
  const headers = {
    ...answerHeaders(id),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  };
  return { viewer, headers };
}
