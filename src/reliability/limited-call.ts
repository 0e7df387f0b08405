/** One call of a rate limit: it waits for its turn, is sent, and reports what the provider says of its limits. */

import type { ClientWrapper } from "../contract/client.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { limitsLeft } from "../contract/timeouts.ts";
import { settledFor } from "../stream/caller-stack.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { refusalOf } from "../stream/transfer.ts";
import { waitBefore, withWaitBefore } from "../stream/wait-before.ts";
import { askComplete, askStreamed } from "./ask.ts";
import type { CallQueue } from "./call-queue.ts";

export { CallQueue } from "./call-queue.ts";

/** A call, and the queue in which it waits. */
interface LimitedCall {
  readonly queue: CallQueue;
  readonly client: ClientWrapper;
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  readonly streamed: boolean;
  /** On the clock of `performance.now`. */
  readonly startedAt: number;
}

/** Resolves with the reply. Its end makes room in the queue. */
export async function openLimited(call: LimitedCall): Promise<MessageStream<never>> {
  const { queue, client, messages, options, streamed, startedAt } = call;
  const release = await settledFor(queue.acquire(client, messages, options));
  const { timeouts } = options;
  const passedMs = performance.now() - startedAt;
  const beforeMs = waitBefore(timeouts, passedMs);
  try {
    const ask = streamed ? askStreamed : askComplete;
    const stream = await ask(client, messages, { ...options, timeouts: limitsLeft(timeouts, passedMs) });
    stream.replaceFailure((error) => withWaitBefore(error, beforeMs));
    // Known with the headers; a wrapper may know only at the end which client has answered.
    const { rateLimits } = stream.partial;
    queue.learn(rateLimits);
    stream.onEnd((message, error) => {
      if (!rateLimits) queue.learn(message.rateLimits);
      release(message, error);
    });
    // A value that the schema has accepted is of the schema's type, whichever client was asked.
    return stream as MessageStream<never>;
  } catch (error) {
    const refusal = withWaitBefore(refusalOf(error, client, options.signal), beforeMs);
    release(undefined, refusal);
    throw refusal;
  }
}
