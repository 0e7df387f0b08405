/** The rest of a reply whose process has ended, asked for by another one. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { ClientWrapper } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { systemClock } from "../platform/clock.ts";
import { chunksOf } from "../stream/complete-source.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { openStream } from "../stream/open-stream.ts";
import { RecoveringSource } from "../stream/recovering-source.ts";
import type { RunRequest } from "./log.ts";

/** The waits before the continuation, and before it is asked for again, in milliseconds. */
const RETRIES_MS = [0, 1_000, 4_000] as const;

/**
 * Returns whether a reply can be continued from its log: a call or a medium that was delivered would be made, and
 * billed, a second time.
 */
export function canContinue({ toolCalls, media = [], providerToolCalls = [] }: AssistantMessage): boolean {
  return toolCalls.length === 0 && media.length === 0 && providerToolCalls.length === 0;
}

/** Returns how many chunks a continued stream shows of the reply so far. */
export function chunksShown(message: AssistantMessage): number {
  return chunksOf(message).length - 1;
}

/**
 * Opens the rest of a reply, as the recovery of a broken one does. The stream begins with the reply so far, in
 * `chunksShown` chunks.
 * @throws {SendError} when the signal has fired
 */
export async function openRest(
  client: ClientWrapper,
  { messages, options }: RunRequest,
  message: AssistantMessage,
  signal: AbortSignal,
): Promise<MessageStream> {
  const now = systemClock();
  const startedAt = now();
  const call = {
    messages,
    options: { ...(options as SendOptions), signal, recover: "continue" },
    open: (more, { recover: _once, ...its }) => client.sendMessageStream(more, its),
    delayMs: ({ retryable, kind }, recoveries) =>
      retryable || kind === "truncated" ? RETRIES_MS[recoveries] : undefined,
    now,
    startedAt,
  } satisfies ConstructorParameters<typeof RecoveringSource>[0];
  return openStream(new RecoveringSource(call, MessageStream.from(brokenOff(message))), { now, startedAt });
}

/** The reply so far, as the stream that broke. */
async function* brokenOff(message: AssistantMessage): AsyncGenerator<MessageChunk> {
  for (const chunk of chunksOf(message)) if (chunk.type !== "final") yield chunk;
  const { provider, model } = message;
  const facts = { provider, model, code: "producerLost", retryable: true, partial: message };
  throw new SendError("truncated", "The process that wrote the reply has ended.", facts);
}
