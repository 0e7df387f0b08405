/** A request whose answer is ignored. */

import type { Exchange, HttpRequest, Transport } from "../transport/transport.ts";

/** Maximum duration of the request, in milliseconds. */
const LIMIT_MS = 5_000;

/** Sends a request and ignores its outcome. */
export function sendAndForget(transport: Transport, request: HttpRequest): void {
  const limit = setTimeout(() => exchange?.close(), LIMIT_MS);
  const over = () => clearTimeout(limit);
  let exchange: Exchange | undefined;
  try {
    exchange = transport.open(request, {
      onHead() {
        over();
        exchange?.release();
      },
      onText: over,
      onEnd: over,
      onError: over,
    });
  } catch {
    over();
  }
}
