/** A reply that came in one piece, as the stream it would have been. */

import type { AssistantMessage } from "../contract/message.ts";
import { chunksOf } from "./fold.ts";
import { MessageStream } from "./message-stream.ts";

export function streamOf<Output>(message: AssistantMessage<Output>): MessageStream<Output> {
  async function* chunks() {
    yield* chunksOf(message);
  }
  return MessageStream.from(chunks());
}
