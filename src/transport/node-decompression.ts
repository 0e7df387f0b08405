/** Decompresses the bodies of responses on Node, as the header `content-encoding` says. */

import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";

/**
 * Returns the decompressed body. A body may be compressed without a request for it. Each flush of the sender arrives at
 * once. An unknown encoding is left as it is, as `fetch` does: its status still counts, and unreadable text is not a
 * reply.
 * @param fail gets the error of every step but the last, whose errors the body itself reports
 */
export function decompressed(response: IncomingMessage, fail: (error: unknown) => void): Readable {
  const header = response.headers["content-encoding"];
  if (header === undefined) return response;
  const encodings = header.toLowerCase().split(",");
  const steps = encodings.map((name) => decompressorOf(name.trim())).reverse(); // the last encoding was applied last
  if (steps.every((step) => step === "none") || steps.includes(undefined)) return response;
  let stream: Readable = response;
  for (const step of steps) {
    if (step === "none" || step === undefined) continue;
    stream.on("error", fail);
    stream = stream.pipe(step());
  }
  return stream;
}

function decompressorOf(encoding: string): "none" | (() => Transform) | undefined {
  const { createGunzip, createInflate, createBrotliDecompress, constants } = process.getBuiltinModule("node:zlib");
  const flush = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
  const brotli = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };
  switch (encoding) {
    case "":
    case "identity":
      return "none";
    case "gzip":
    case "x-gzip":
      return () => createGunzip(flush);
    case "deflate":
      return () => createInflate(flush);
    case "br":
      return () => createBrotliDecompress(brotli);
    default:
      return undefined;
  }
}
