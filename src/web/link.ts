/** One run, read over as many connections as it takes. */

import { SendError } from "../contract/errors.ts";
import { eventReader, relayFault } from "../dialects/native/reader.ts";
import type { WireEvent } from "../dialects/native/wire.ts";
import { RELEASE_LIMIT_MS } from "../transport/transport.ts";
import { backoffMs, paused } from "./backoff.ts";
import { onWake } from "./page.ts";
import { errorIn, type Requests } from "./requests.ts";

/** A connection without a byte for so long is dead, in milliseconds: a relay writes at least every 8 seconds. */
export const WATCHDOG_MS = 45_000;

/** As long as a relay's `linger`, in milliseconds. */
const RECONNECT_FOR_MS = 300_000;

const MAX_REPLY_BYTES = 67_108_864;

const EVENT_STREAM = "text/event-stream";

/** An event of a link: one of the relay's, or one that the link has found out itself. */
export type LinkEvent =
  | WireEvent
  /** The events that follow begin from the start of the reply. */
  | { readonly type: "restart" }
  /** The connection is lost, and is made again. `cause`: the error, if there was one. */
  | { readonly type: "lost"; readonly cause: unknown }
  /** The relay has no run to watch. */
  | { readonly type: "absent" };

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
   * @default reconnectForMs
   */
  readonly startForMs?: number | undefined;
  /** A limit on silence below the watchdog's, in milliseconds, and the error when it has passed. */
  readonly idle?: { readonly ms: number; readonly error: SendError } | undefined;
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
  startForMs = reconnectForMs,
  idle,
  maxReplyBytes = MAX_REPLY_BYTES,
}: LinkParts): AsyncGenerator<readonly LinkEvent[], never> {
  /** `taken`: the relay has the run. `ended`: it has ended the reply, so its connection may serve the next request. */
  let progress: "asked" | "taken" | "ended" = "asked";
  /**
   * The last entry that came: a new connection reads on behind it. Absent while the start of the reply is the only
   * place to go on from, also after chunks without an id.
   */
  let last: string | undefined;
  let hasChunks = false;
  let bytes = 0;
  let failures = 0;
  let failingSince: number | undefined;
  /** How long the relay asks to wait, in milliseconds. */
  let askedMs: number | undefined;

  const cameTo = (id: string | undefined): void => {
    last = id;
    hasChunks = true;
    failures = 0;
    failingSince = undefined;
  };

  const note = (event: WireEvent): void => {
    switch (event.type) {
      case "opened":
        if (run !== undefined && event.run !== run) throw relayFault("is that of another run");
        progress = "taken";
        run = event.run;
        break;
      case "chunks": {
        const { id, after = idBefore(id) } = event;
        if (id !== undefined && last !== undefined && after !== last) {
          throw relayFault(`has an entry that does not follow ${last}`);
        }
        cameTo(id);
        break;
      }
      case "snapshot":
        cameTo(event.id);
        break;
      case "reconnect":
        askedMs = Number(event.afterMs) || 0;
        break;
      case "complete":
      case "failed":
        progress = "ended";
    }
  };

  /** @throws {SendError} the refusal, when another try would be in vain */
  const answerIn = async (response: Response): Promise<LinkEvent> => {
    const { status, headers } = response;
    const isNew = progress === "asked";
    if (status === 204 || status === 404) {
      if (!isNew) throw new SendError("truncated", "The relay has the reply no longer. Send the message again.");
      if (start === undefined) return { type: "absent" };
    }
    if (status < 300) {
      // Without TLS, Chromium shows a response whose connection broke within its headers.
      const isCut = status === 200 && EVENT_STREAM.startsWith(headers.get("content-type") ?? "");
      if (isNew && !isCut) {
        throw relayFault("is not an event stream. Look at the `url` of the relay client", { status });
      }
      throw new Error("The answer is not a reply."); // such as the page of a hotel's network
    }
    const { error, isOfRelay } = await errorIn(response);
    const isFinal = start !== undefined && isNew && isOfRelay;
    if (isFinal || (status < 500 && status !== 429 && status !== 408)) throw error;
    askedMs = error.retryAfterMs;
    throw new Error(error.message);
  };

  for (;;) {
    signal.throwIfAborted();
    const connection = new AbortController();
    const close = (): void => {
      if (progress !== "ended") connection.abort(signal.reason);
    };
    signal.addEventListener("abort", close);
    const unwatch = onWake((isCut) => isCut && connection.abort(new Error("The network has changed.")));
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    let cause: unknown;
    try {
      const response = await alive(
        connection,
        start !== undefined && progress === "asked"
          ? requests("", { body: start, signal: connection.signal })
          : requests(`/${chat}/stream`, { signal: connection.signal }, { run, after: last }),
      );
      const { body, status, headers } = response;
      if (status === 200 && body && headers.get("content-type")?.startsWith(EVENT_STREAM)) {
        if (last === undefined && hasChunks) yield [{ type: "restart" }];
        reader = body.getReader();
        const eventsIn = eventReader();
        while (askedMs === undefined) {
          const { done, value } = await alive(connection, reader.read(), idle);
          if (done) break;
          bytes += value.byteLength;
          if (bytes > maxReplyBytes) throw relayFault(`is larger than ${maxReplyBytes} bytes (\`maxReplyBytes\`)`);
          const events = eventsIn(value);
          for (const event of events) note(event);
          if (events[0]) yield events;
        }
      } else yield [await answerIn(response)];
    } catch (error) {
      if (error instanceof SendError) throw error;
      cause = error;
    } finally {
      if (reader) release(reader, progress);
      unwatch();
      signal.removeEventListener("abort", close);
      close();
    }
    yield [{ type: "lost", cause }];
    const isAsked = askedMs !== undefined;
    failingSince ??= performance.now();
    const ms = Math.max(askedMs ?? 0, backoffMs(++failures));
    const limitMs = progress === "asked" ? Math.min(startForMs, reconnectForMs) : reconnectForMs;
    if (performance.now() - failingSince + ms > limitMs) {
      const kind = cause === undefined ? "truncated" : "network";
      throw new SendError(kind, `The relay could not be reached again within ${limitMs} ms.`, { cause });
    }
    askedMs = undefined;
    if (await paused(ms, isAsked, signal)) {
      failures = 0;
      failingSince = undefined;
    }
  }
}

/** Lets a connection go: one that has come to its end is read to the end of its body, so that it is used again. */
function release(reader: ReadableStreamDefaultReader<Uint8Array>, progress: string): void {
  const cancel = (): void => void reader.cancel().catch(() => undefined); // a broken one
  if (progress !== "ended") return cancel();
  const timer = setTimeout(cancel, RELEASE_LIMIT_MS);
  reader.read().then(() => clearTimeout(timer), cancel);
}

/**
 * Settles as the step of a connection does, or as soon as the connection is dead: one that is silent for too long, and
 * one of a page that was frozen, whose reads may stay pending for ever.
 */
function alive<T>(connection: AbortController, step: Promise<T>, idle?: LinkParts["idle"]): Promise<T> {
  const { signal } = connection;
  return new Promise<T>((resolve, reject) => {
    const cut = (): void => reject(signal.reason);
    const timer = setTimeout(
      () => connection.abort(idle?.error ?? new Error("The relay is silent.")),
      idle?.ms ?? WATCHDOG_MS,
    );
    signal.addEventListener("abort", cut);
    const settled = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
    };
    step.finally(settled).then(resolve, reject);
  });
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
