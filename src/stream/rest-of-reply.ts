/** The rest of a reply whose process has ended, asked for by another one. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { systemClock } from "../platform/clock.ts";
import { chunksOf } from "./complete-source.ts";
import { loadRecovery, openRecovering } from "./load-recovery.ts";
import { MessageStream } from "./message-stream.ts";
import type { RecoverableCall } from "./recovering-source.ts";

/** The waits before the continuation, and before it is asked for again, in milliseconds. */
const RETRIES_MS = [0, 1_000, 4_000] as const;

/** The call that has begun the reply. */
export interface LeftCall {
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  open(messages: readonly Message[], options: SendOptions): Promise<MessageStream>;
}

/**
 * Opens the rest of a reply, as the recovery of a broken one does. The stream begins with the reply so far, in the
 * chunks of `chunksSoFar`.
 * @throws {SendError} when the signal has fired
 */
export async function openRest(
  { messages, options, open }: LeftCall,
  message: AssistantMessage,
  signal: AbortSignal,
): Promise<MessageStream> {
  const now = systemClock();
  const startedAt = now();
  await loadRecovery();
  const call: RecoverableCall = {
    messages,
    options: { ...options, signal, recover: "continue" },
    open: (more, { recover: _once, ...its }) => open(more, its),
    delayMs: ({ retryable, kind }, recoveries) =>
      retryable || kind === "truncated" ? RETRIES_MS[recoveries] : undefined,
    now,
    startedAt,
  };
  return openRecovering(call, MessageStream.from(brokenOff(message)));
}

/** Returns the chunks of a reply that is not complete. */
export function chunksSoFar(message: AssistantMessage): readonly MessageChunk[] {
  return chunksOf(message).slice(0, -1);
}

/** Returns the error of a reply whose process has ended. */
export function producerLost(
  partial: AssistantMessage,
  why = "The process that wrote the reply has ended.",
): SendError {
  const { provider, model } = partial;
  return new SendError("truncated", why, { provider, model, code: "producerLost", retryable: true, partial });
}

/** The reply so far, as the stream that broke. */
async function* brokenOff(message: AssistantMessage): AsyncGenerator<MessageChunk> {
  yield* chunksSoFar(message);
  throw producerLost(message);
}
