/** One run, read over as many connections as it takes. */

import { SendError } from "../contract/errors.ts";
import { eventReader, relayFault } from "../dialects/native/reader.ts";
import type { WireEvent } from "../dialects/native/wire.ts";
import { RELEASE_LIMIT_MS } from "../transport/transport.ts";
import { backoffMs, paused } from "./backoff.ts";
import { onWake } from "./page.ts";
import { ASK_MS, errorIn, type Requests } from "./requests.ts";

/** A connection without a byte for so long is dead, in milliseconds: a relay writes at least every 8 seconds. */
export const WATCHDOG_MS = 45_000;

/** As long as a relay's `linger`, in milliseconds. */
const RECONNECT_FOR_MS = 300_000;

const MAX_REPLY_BYTES = 67_108_864;

const EVENT_STREAM = "text/event-stream";

/** An event of a link: one of the relay's, or one that the link has found out itself. */
export type LinkEvent =
  | WireEvent
  /**
   * The connection is lost, and is made again. `cause`: the error, if there was one. `isAgain`: the reply then comes
   * from its start.
   */
  | { readonly type: "lost"; readonly cause: unknown; readonly isAgain: boolean }
  /** The relay has no run to watch. */
  | { readonly type: "absent" };

/** A limit on silence, in milliseconds, and the error when it has passed. */
interface Silence {
  readonly ms: number;
  readonly error: Error;
}

/** The parts of a link. */
export interface LinkParts {
  readonly requests: Requests;
  /** The body that starts the run; absent for a run that others have started. */
  readonly start?: string | undefined;
  readonly chat: string;
  /** Absent: the chat's last one. */
  readonly run?: string | undefined;
  /** Ends the link, and its connection at once. */
  readonly signal: AbortSignal;
  /**
   * How long it tries without any progress, while the page is awake, in milliseconds.
   * @default 300_000
   */
  readonly reconnectForMs?: number | undefined;
  /**
   * The longest of these times until the relay has taken the run, in milliseconds.
   * @default 60_000
   */
  readonly startForMs?: number | undefined;
  /**
   * The limit on silence in an answer. A `SendError` ends the link.
   * @default the watchdog's: the connection is made again
   */
  readonly idle?: Silence | undefined;
  /** @default 67_108_864 */
  readonly maxReplyBytes?: number | undefined;
}

/**
 * Reads the events of a run when it is asked: those of one read at a time. Connects again whenever a connection ends
 * before the reply does. Ends when it is left.
 * @throws {SendError} a refusal, a fault of the relay, or the end of all tries
 */
export async function* eventsOf({
  requests,
  start,
  chat,
  run,
  signal,
  reconnectForMs = RECONNECT_FOR_MS,
  startForMs = ASK_MS,
  idle,
  maxReplyBytes = MAX_REPLY_BYTES,
}: LinkParts): AsyncGenerator<readonly LinkEvent[], never> {
  const watchdog: Silence = { ms: WATCHDOG_MS, error: new Error("The connection is dead.") };
  /** The relay has the run. */
  let isTaken = false;
  /** The relay has ended the reply, so its connection may serve the next request. */
  let isEnded = false;
  /**
   * The last entry that came: a new connection reads on behind it. Absent while the start of the reply is the only
   * place to continue from, also after chunks without an id.
   */
  let last: string | undefined;
  let bytes = 0;
  /** Failed connections since the last progress, and when the first of them failed. */
  let failures = 0;
  let failingSince = 0;
  /** How long the relay asks to wait, in milliseconds. */
  let askedMs: number | undefined;

  const note = (event: WireEvent): void => {
    if (event.type === "opened") {
      if (run !== undefined && event.run !== run) throw relayFault("is that of another run");
      isTaken = true;
      run = event.run;
    }
    if (event.type === "chunks") {
      const { id, after = idBefore(id) } = event;
      if (id !== undefined && last !== undefined && after !== last) {
        throw relayFault(`has an entry that does not follow ${last}`);
      }
    }
    if ("chunks" in event) {
      last = event.id;
      failures = 0;
    }
    if (event.type === "reconnect") askedMs = Number(event.afterMs) || 0;
    isEnded ||= event.type === "complete" || event.type === "failed";
  };

  /** @throws the reason why an answer is not a reply: a `SendError` when another try would be in vain */
  const rejectionOf = async (response: Response): Promise<never> => {
    const { ok, status, headers } = response;
    if (isTaken && isGone(response)) {
      throw new SendError("truncated", "The relay has the reply no longer. Send the message again.");
    }
    if (!ok) {
      const { error, isOfRelay } = await errorIn(response);
      const isFinal = start !== undefined && !isTaken && isOfRelay;
      if (isFinal || (status < 500 && !error.retryable)) throw error;
      askedMs = error.retryAfterMs;
      throw new Error(error.message);
    }
    // Without TLS, Chromium shows a response whose connection broke within its headers.
    const isCut = status === 200 && EVENT_STREAM.startsWith(headers.get("content-type") ?? "");
    if (isTaken || isCut) throw new Error("The answer is not a reply."); // or the page of a hotel's network
    throw relayFault("is not an event stream. Look at the `url` of the relay client", { status });
  };

  for (;;) {
    signal.throwIfAborted();
    const connection = new AbortController();
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    let cause: unknown;
    /** Ends the connection. Reads of a page that was frozen may stay pending for ever, unless they are cancelled. */
    const cut = (reason?: unknown): void => {
      connection.abort(reason);
      reader?.cancel().catch(() => undefined); // a broken one
    };
    const leave = (): void => {
      if (!isEnded) cut(signal.reason);
    };
    /** Settles as the step does. A connection that is silent for too long is dead. */
    const alive = <T>(step: Promise<T>, { ms, error }: Silence = watchdog): Promise<T> => {
      const timer = setTimeout(cut, ms, error);
      return step.finally(() => clearTimeout(timer));
    };
    signal.addEventListener("abort", leave, { signal: connection.signal });
    onWake((isCut) => isCut && cut(watchdog.error), connection.signal);
    try {
      const response = await alive(
        start !== undefined && !isTaken
          ? requests("", { body: start, signal: connection.signal })
          : requests(`/${chat}/stream`, { signal: connection.signal }, { run, after: last }),
      );
      if (response.headers.get("content-type")?.startsWith(EVENT_STREAM)) {
        reader = response.body?.getReader();
        const eventsIn = eventReader();
        while (reader && askedMs === undefined) {
          const { done, value } = await alive(reader.read(), idle);
          if (done) break;
          bytes += value.byteLength;
          if (bytes > maxReplyBytes) throw relayFault(`is larger than ${maxReplyBytes} bytes (\`maxReplyBytes\`)`);
          const events = eventsIn(value);
          for (const event of events) note(event);
          if (events[0]) yield events;
        }
        connection.signal.throwIfAborted();
      } else if (start === undefined && !isTaken && isGone(response)) yield [{ type: "absent" }];
      else await rejectionOf(response);
    } catch (error) {
      cause = connection.signal.reason ?? error;
      if (cause instanceof SendError) throw cause;
    } finally {
      leave();
      // It is read to the end of its body, so that it is used again.
      if (isEnded && reader) alive(reader.read(), { ...watchdog, ms: RELEASE_LIMIT_MS }).then(cut, cut);
    }
    yield [{ type: "lost", cause, isAgain: last === undefined }];
    if (failures++ === 0) failingSince = performance.now();
    const ms = Math.max(askedMs ?? 0, backoffMs(failures));
    const limitMs = isTaken ? reconnectForMs : Math.min(startForMs, reconnectForMs);
    if (performance.now() - failingSince + ms > limitMs) {
      const kind = cause === undefined ? "truncated" : "network";
      throw new SendError(kind, `The relay could not be reached again within ${limitMs} ms.`, { cause });
    }
    if (await paused(ms, askedMs !== undefined, signal)) failures = 0;
    askedMs = undefined;
  }
}

/** Returns whether the relay has no run to watch. */
function isGone({ status }: Response): boolean {
  return status === 204 || status === 404;
}

/** Returns the error of a reply that cannot be read on. */
export function failureFrom(thrown: unknown): SendError {
  if (thrown instanceof SendError) return thrown;
  return new SendError("protocol", "The reply cannot be read.", { cause: thrown, retryable: false });
}

/** Returns the id of the entry before; `undefined` before the first. */
function idBefore(id = ""): string | undefined {
  const [attempt, number] = id.split("-");
  return Number(number) > 0 ? `${attempt}-${Number(number) - 1}` : undefined;
}
