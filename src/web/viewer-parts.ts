/** The parts of a viewer's streams: as small as they can be, since the relay has the exact ones. */

import { SendError } from "../contract/errors.ts";
import type { StreamParts } from "../stream/stream-parts.ts";
import { ViewerFold } from "./viewer-fold.ts";

/** The parts of the streams of `relayClient`. */
export const VIEWER_PARTS: StreamParts = {
  fold: (facts) => new ViewerFold(facts),
  partialOutput() {
    const message =
      "A stream of `relayClient` has no `partialObject()`. Use `partialObject(stream)` of `cloudllm/web`.";
    throw new SendError("unsupported", message);
  },
};
