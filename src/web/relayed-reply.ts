/** One run of a relay, as the stream of `relayClient` reads it: its chunks, its limits, and its end. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { Timeouts } from "../contract/timeouts.ts";
import { Mirror } from "../dialects/mirror.ts";
import { tokensOf } from "../dialects/native/viewer-fold.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { type Clock, MAX_TIMER_MS } from "../platform/clock.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Ending } from "../stream/ending.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { Stopwatch } from "../stream/stopwatch.ts";
import { withFacts } from "./error-facts.ts";
import { eventsOf, failureFrom, type LinkEvent, type LinkParts, WATCHDOG_MS } from "./link.ts";
import { errorOf, stopRun } from "./requests.ts";
import { checkChunks, checkedMessage } from "./shapes.ts";

/** The parts of a call that one reply needs. */
export interface RelayedCall
  extends Pick<LinkParts, "requests" | "chat" | "run" | "start" | "reconnectForMs" | "maxReplyBytes"> {
  readonly provider: string;
  readonly model: string;
  readonly timeouts: Timeouts;
  /** Of the caller. */
  readonly signal: AbortSignal | undefined;
  /** Whether the run is stopped when its consumer leaves: only by the call that has started it. */
  readonly stopsWhenLeft: boolean;
  /** Earlier runs of the same call, which were refused. */
  readonly attempts: Attempt[];
  readonly now: Clock;
}

/** How long the relay may take to open a reply, its connections included, in milliseconds. */
const DEFAULT_HEADERS_MS = 60_000;

/** How the reply ended at the relay: complete, or with an error and the message so far. */
type End =
  | { readonly error?: undefined; readonly message: AssistantMessage }
  | { readonly error: SendError; readonly message: AssistantMessage | undefined };

/** The state of the reply. */
type Phase =
  /** `opening`: the relay has not taken the run. `open`: no chunk has been asked for. `flowing`: one has. */
  | { readonly status: "opening" | "open" | "flowing"; readonly end?: undefined }
  /** The relay has ended it. `given`: all chunks were asked for, and the end. */
  | { readonly status: "ended" | "given"; readonly end: End };

/** The code of the error for a run that is not there. */
export const NO_RUN = "noRun";

/** One run that is read. */
export interface RelayedReply {
  readonly facts: ReplyFacts;
  /** Fires when the reply is over. Its reason is the failure, when a limit has passed or the caller has aborted. */
  readonly over: AbortSignal;
  /**
   * Resolves when the relay has taken the run.
   * @throws {SendError} the refusal
   */
  open(): Promise<void>;
  /**
   * Resolves with true when chunks have arrived; with false at the end.
   * @throws {SendError} the failure, at the end
   */
  next(): Promise<boolean>;
  /** Returns the chunks that have arrived, each once. */
  takeReady(): readonly MessageChunk[];
  /** Reads on for the usage only. */
  mute(): void;
  /** Counts a chunk that comes after `mute`. Returns its estimated tokens. */
  count(chunk: MessageChunk): number;
  outputTokens(): number;
  /** Returns the reply so far. That of the relay has more than chunks say, such as the steps of a session's turn. */
  message(ending: Ending, stopwatch: Stopwatch): AssistantMessage;
  /**
   * Lets the run go.
   * @param isStopped whether its consumer has stopped it, so that it also stops at the relay
   */
  close(outcome: Attempt["outcome"], isStopped?: boolean, status?: number): void;
}

/** Returns the reader of one run. Its link is read only when it is asked. */
export function relayedReply(call: RelayedCall): RelayedReply {
  const { requests, chat, start = "", stopsWhenLeft, attempts, timeouts, signal, now } = call;
  const facts: ReplyFacts = {
    provider: call.provider,
    model: call.model,
    attempts,
    reconnects: 0,
    estimateInput: () => tokensOf(start.length),
  };
  const mirror = new Mirror(facts);
  const closing = new AbortController();
  const over = closing.signal;
  const startedAt = now();
  let { run } = call;
  /** The connection is lost. `trouble`: why the last one was. */
  let isLost = false;
  let trouble: unknown;
  /** How long it took to open, in milliseconds. */
  let openedAfterMs = 0;
  /** Chunks that have arrived, are part of the message, and are not taken. */
  let ready: readonly MessageChunk[] = [];
  let phase: Phase = { status: "opening" };
  /** Only the usage is wanted. */
  let isMuted = false;
  let total: ReturnType<typeof setTimeout> | undefined;

  const idleMs = timeouts.idle || WATCHDOG_MS;
  const idle = idleMs < WATCHDOG_MS ? { ms: idleMs, error: timeoutError("idle", idleMs) } : undefined;
  const batches: AsyncGenerator<readonly LinkEvent[], readonly LinkEvent[]> = eventsOf({
    ...call,
    signal: over,
    startForMs: Number.POSITIVE_INFINITY, // `timeouts.headers` limits it
    idle,
  });

  const abort = (): void => closing.abort(abortError(signal));

  /** Fails the reply after so many milliseconds. */
  const limitOf = (
    name: TimeoutPhase,
    ms: number | undefined,
    passedMs = 0,
  ): ReturnType<typeof setTimeout> | undefined => {
    if (!ms || ms > MAX_TIMER_MS) return undefined;
    const expired = (): void => {
      const message = `The relay cannot be reached: ${messageOf(trouble)}.`;
      const isTimeout = name !== "headers" || trouble === undefined;
      closing.abort(isTimeout ? timeoutError(name, ms) : new SendError("network", message, { cause: trouble }));
    };
    return setTimeout(expired, Math.max(0, ms - passedMs));
  };

  const show = (chunks: readonly MessageChunk[]): void => {
    ready = ready.concat(chunks);
  };

  const ended = (end: End): void => {
    const { error, message } = end;
    if (message) {
      if (!isMuted) show(mirror.replace(message, error ? "failed" : "complete"));
      const { usage, model } = message;
      if (usage) facts.usage = usage;
      if (model) facts.model = model;
    }
    const { status } = phase;
    phase = { status: "ended", end };
    if (error && status === "opening") throw error;
  };

  const take = (event: LinkEvent): void => {
    switch (event.type) {
      case "opened": {
        const { provider, model } = event;
        run = event.run;
        if (typeof provider === "string") facts.provider = provider;
        if (typeof model === "string") facts.model = model;
        if (isLost) facts.reconnects = (facts.reconnects ?? 0) + 1;
        isLost = false;
        if (phase.status === "opening") phase = { status: "open" };
        return;
      }
      case "chunks":
        checkChunks(event.chunks);
        return show(isMuted ? event.chunks : mirror.add(event.chunks));
      case "snapshot":
        checkChunks(event.chunks);
        if (isMuted) return;
        mirror.restart();
        return show(mirror.add(event.chunks));
      case "complete":
        return ended({ message: checkedMessage(event.message) });
      case "failed": {
        const { partial } = event.error;
        return ended({ error: errorOf(event.error), message: partial ? checkedMessage(partial) : undefined });
      }
      case "absent":
        throw new SendError("notFound", "The relay has no such run.", { code: NO_RUN });
      case "lost":
        isLost = true;
        trouble = event.cause;
        if (event.isAgain) mirror.restart();
        return;
      case "reconnect":
    }
  };

  const read = async (): Promise<void> => {
    over.throwIfAborted();
    const { value } = await batches.next();
    for (const event of value) take(event);
  };

  return {
    facts,
    over,
    async open() {
      const limit = limitOf("headers", timeouts.headers ?? DEFAULT_HEADERS_MS);
      total = limitOf("total", timeouts.total);
      onAbort(signal, abort);
      try {
        while (phase.status === "opening") await read();
        openedAfterMs = now() - startedAt;
      } catch (thrown) {
        const error = failureFrom(thrown);
        closing.abort(error);
        const { provider, model } = facts;
        throw withFacts(error, { provider, model, attempts: [...attempts] });
      } finally {
        clearTimeout(limit);
      }
    },
    async next() {
      const limit =
        phase.status === "open"
          ? limitOf("firstChunk", timeouts.firstChunk, openedAfterMs)
          : limitOf("stall", timeouts.stall);
      try {
        while (ready.length === 0 && !phase.end) await read();
      } finally {
        clearTimeout(limit);
      }
      const { end } = phase;
      if (!end) phase = { status: "flowing" };
      else if (ready.length === 0) {
        phase = { status: "given", end };
        if (end.error) throw end.error;
        return false;
      }
      return true;
    },
    takeReady() {
      const chunks = ready;
      ready = [];
      return chunks;
    },
    mute() {
      isMuted = true;
    },
    count: (chunk) => mirror.shown.addUnseen(chunk),
    outputTokens: () => mirror.shown.outputTokens(),
    message(ending, stopwatch) {
      const { reconnects } = facts;
      const message = mirror.shown.message(ending, (tokens) =>
        stopwatch.read({ attempts: [...attempts], ...(reconnects !== undefined && { reconnects }) }, tokens),
      );
      if (phase.status !== "given" || isMuted) return message;
      const { error, message: relayed } = phase.end;
      if (error) return { ...relayed, ...message }; // a viewer may have more than the relay's log
      return { ...message, ...relayed, metrics: message.metrics };
    },
    close(outcome, isStopped = false, status) {
      const { provider, model } = facts;
      const durationMs = now() - startedAt;
      attempts.push({ provider, model, durationMs, outcome, ...(status !== undefined && { status }) });
      closing.abort();
      offAbort(signal, abort);
      clearTimeout(total);
      void batches.return([]);
      // Law 5: a call that has started a run stops it however it is left.
      if (!phase.end && (isStopped || stopsWhenLeft)) void stopRun(requests, chat, run);
    },
  };
}

/** Returns the error of a call whose signal has fired. */
export function abortError(signal: AbortSignal | undefined): SendError {
  return new SendError("aborted", "The caller's signal ended the call.", { cause: signal?.reason });
}

/** Returns the error of a wait that has passed its limit, of `waitedMs` milliseconds. */
function timeoutError(phase: TimeoutPhase, waitedMs: number): SendError {
  const message = `The relay took longer than ${waitedMs} ms (\`timeouts.${phase}\`).`;
  return new SendError("timeout", message, { phase, waitedMs });
}
