/** A reply that came in one piece, as the stream it would have been. */

import { chunksOf } from "../fold.ts";
import type { AssistantMessage } from "../message.ts";
import { MessageStream } from "./message-stream.ts";

export function streamOf<Output>(message: AssistantMessage<Output>): MessageStream<Output> {
  async function* chunks() {
    yield* chunksOf(message);
  }
  return MessageStream.from(chunks());
}
