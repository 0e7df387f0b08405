/** A request whose answer nobody waits for. */

import type { Exchange, HttpRequest, Transport } from "../transport/transport.ts";

/** How long it may take, in milliseconds. */
const LIMIT_MS = 5_000;

/** Sends it and forgets it: what becomes of it is nobody's concern. */
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
