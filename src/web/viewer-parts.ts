/** The parts of a viewer's streams: as small as they can be. */

import { SendError } from "../contract/errors.ts";
import { ViewerFold } from "../dialects/viewer-fold.ts";
import type { StreamParts } from "../stream/stream-parts.ts";

/** The parts of the streams of `relayClient`. */
export const VIEWER_PARTS: StreamParts = {
  fold: (facts) => new ViewerFold(facts),
  partialOutput() {
    throw unsupported("partialObject()", "Use `partialObject(stream)` of `cloudllm/web`.");
  },
  readableOf: (chunks, stop) =>
    new ReadableStream(
      {
        async pull(controller) {
          try {
            const { done, value } = await chunks.next();
            if (done) controller.close();
            else controller.enqueue(value);
          } catch (error) {
            throw error instanceof SendError ? error.forTransfer() : error;
          }
        },
        cancel: stop,
      },
      { highWaterMark: 0 },
    ),
  watchUnread() {
    throw unsupported("onUnread()", "Note when your loop takes a chunk.");
  },
};

function unsupported(method: string, instead: string): SendError {
  return new SendError("unsupported", `A stream of \`relayClient\` has no \`${method}\`. ${instead}`);
}
