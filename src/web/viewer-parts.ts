/** The parts of a viewer's streams: as small as they can be, since the relay has the exact ones. */

import type { MediaChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { Media } from "../contract/message.ts";
import { completeMedium } from "../stream/media-collector.ts";
import type { MediaPart, StreamParts } from "../stream/stream-parts.ts";

/** UTF-16 units of a token, about: English has four. */
const UNITS_PER_TOKEN = 4;

/** Complete media as they came. Pieces of a sound are in its chunks, and joined in the message of the relay. */
class CompleteMedia implements MediaPart {
  readonly tokens = 0;
  readonly #media: Media[] = [];

  add(chunk: MediaChunk): void {
    const medium = completeMedium(chunk);
    if (medium) this.#media.push(medium);
  }

  dropPartial(): void {}

  list(): readonly Media[] {
    return [...this.#media];
  }
}

/** The parts of the streams of `relayClient`. Only a reply that ends here is estimated here. */
export const VIEWER_PARTS: StreamParts = {
  estimateTokens: ({ length }) => Math.ceil(length / UNITS_PER_TOKEN),
  estimateMediaTokens: () => 0,
  mediaCollector: () => new CompleteMedia(),
  partialOutput() {
    const message =
      "A stream of `relayClient` has no `partialObject()`. Use `partialObject(stream)` of `cloudllm/web`.";
    throw new SendError("unsupported", message);
  },
  withAllDigits: (replay) => replay,
};
