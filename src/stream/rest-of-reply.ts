/** The rest of a reply whose process has ended, asked for by another one. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import { loadPart } from "../contract/load-part.ts";
import type { AssistantMessage, Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { systemClock } from "../platform/clock.ts";
import { chunksOf } from "./complete-source.ts";
import { openRecovering, recovery } from "./load-recovery.ts";
import { MessageStream } from "./message-stream.ts";
import type { RecoverableCall } from "./recovering-source.ts";
import { isUnrepeatable } from "./unrepeatable.ts";

/** The waits before the continuation, and before it is asked for again, in milliseconds. */
const RETRIES_MS = [0, 1_000, 4_000] as const;

/** The call that has begun the reply. */
export interface LeftCall {
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  /** The client's own options, which apply where `options` has none. */
  readonly defaults: SendOptions | undefined;
  open(messages: readonly Message[], options: SendOptions): Promise<MessageStream>;
}

/**
 * Opens the rest of a reply, as the recovery of a broken one does. The stream begins with the reply so far, in the
 * chunks of `chunksSoFar`.
 * @throws {SendError} when the signal has fired
 */
export async function openRest(
  { messages, options, defaults, open }: LeftCall,
  message: AssistantMessage,
  signal: AbortSignal,
): Promise<MessageStream> {
  const now = systemClock();
  const startedAt = now();
  await loadPart(recovery);
  const call: RecoverableCall = {
    messages,
    options: { ...restOptions(defaults), ...options, signal, recover: "continue" },
    open: (more, { recover: _once, ...its }) => open(more, its),
    delayMs: ({ retryable, kind }, recoveries) =>
      retryable || kind === "truncated" ? RETRIES_MS[recoveries] : undefined,
    now,
    startedAt,
  };
  return openRecovering(call, MessageStream.from(brokenOff(message)));
}

/** Returns the options on which it depends how a reply is continued. */
function restOptions({ output, maxOutputTokens }: SendOptions = {}): SendOptions {
  return { ...(output !== undefined && { output }), ...(maxOutputTokens !== undefined && { maxOutputTokens }) };
}

/** Returns the chunks of a reply that is not complete, with those of the calls that were begun. */
export function chunksSoFar(message: AssistantMessage): readonly MessageChunk[] {
  const { toolCalls, unfinishedToolCalls = [] } = message;
  const begun = unfinishedToolCalls.map(({ id, name, argumentsText: argumentsDelta }, place) => {
    const index = toolCalls.length + place;
    return { type: "toolCallDelta", content: "", index, id, name, argumentsDelta, isFinal: false } as const;
  });
  return [...chunksOf(message).slice(0, -1), ...begun];
}

/** Returns whether the rest of a reply may be asked for: nothing of it would be made, or run, twice. */
export function canGoOn(message: AssistantMessage): boolean {
  return !chunksSoFar(message).some(isUnrepeatable);
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
