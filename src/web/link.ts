/** One run, read over as many connections as it takes. */

import type { TimeoutPhase } from "../contract/error-kind.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantTurn } from "../contract/message.ts";
import { NativeReader, relayFault } from "../dialects/native/reader.ts";
import type { ChatHistory, NativeEvent } from "../dialects/native/wire.ts";
import { RELEASE_LIMIT_MS } from "../transport/transport.ts";
import { backoffMs, paused } from "./backoff.ts";
import { onWake } from "./page.ts";
import { type Requests, refusalOf } from "./requests.ts";

/** A connection without a byte for so long is dead, in milliseconds: a relay writes at least every 8 seconds. */
const WATCHDOG_MS = 45_000;

/** As long as a relay's `linger`, in milliseconds. */
const RECONNECT_FOR_MS = 300_000;

const MAX_REPLY_BYTES = 67_108_864;

const EVENT_STREAM = "text/event-stream";

/** An event that a link reports: one of the relay's, or one that it has found out itself. */
export type LinkEvent =
  | NativeEvent
  /** The events that follow begin from the start of the reply. */
  | { readonly type: "restart" }
  /** The connection is lost, and is made again. */
  | { readonly type: "lost" }
  /** The relay has the reply no longer, but its history has it, complete. */
  | { readonly type: "recorded"; readonly message: AssistantTurn }
  /** The relay has no run to watch. */
  | { readonly type: "absent" };

const LOST: readonly LinkEvent[] = [{ type: "lost" }];

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
  /** The caller's limit on silence, in milliseconds. */
  readonly idleMs?: number | undefined;
  /** @default 67_108_864 */
  readonly maxReplyBytes?: number | undefined;
}

/** Reads events, and connects again whenever a connection ends before the reply does. */
export class Link {
  /** How often a connection was made again. */
  reconnects = 0;
  run: string | undefined;
  /** Why the last connection was lost. */
  trouble: unknown;
  readonly #parts: LinkParts;
  /**
   * The last entry that came: a new connection reads on behind it. Absent while the start of the reply is the only
   * place to go on from, also after chunks without an id.
   */
  #last: string | undefined;
  /** `taken`: the relay has the run. `ended`: it has ended the reply, so its connection may serve the next request. */
  #progress: "asked" | "taken" | "ended" = "asked";
  #hasChunks = false;
  #isLost = false;
  #failures = 0;
  #failingSince: number | undefined;
  /** How long the relay asks to wait, in milliseconds. */
  #askedMs: number | undefined;
  #bytes = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.run = parts.run;
  }

  /**
   * Reads on when it is asked: the events of one read at a time. Ends when it is left.
   * @throws {SendError} a refusal, a fault of the relay, or the end of all tries
   */
  async *batches(): AsyncGenerator<readonly LinkEvent[], never> {
    const { signal } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      this.trouble = undefined;
      try {
        yield* this.#connected();
      } catch (error) {
        if (error instanceof SendError) throw error;
        this.trouble = error;
      }
      this.#isLost = true;
      yield LOST;
      await this.#pause();
    }
  }

  /** Makes one connection and reads it to its end. */
  async *#connected(): AsyncGenerator<readonly LinkEvent[], void> {
    const { requests, start, chat, signal } = this.#parts;
    const connection = new AbortController();
    const close = (): void => {
      if (this.#progress !== "ended") connection.abort(signal.reason);
    };
    signal.addEventListener("abort", close);
    const unwatch = onWake((isCut) => isCut && connection.abort(new Error("The network has changed.")));
    try {
      const after = this.#last;
      const response = await alive(
        connection,
        start !== undefined && this.#progress === "asked"
          ? requests.send("", { body: start, signal: connection.signal })
          : requests.send(`/${chat}/stream`, { signal: connection.signal }, { run: this.run, after }),
      );
      const { body, status, headers } = response;
      if (status === 200 && body && headers.get("content-type")?.startsWith(EVENT_STREAM)) {
        if (after === undefined && this.#hasChunks) yield [{ type: "restart" }];
        return yield* this.#events(body.getReader(), connection);
      }
      yield [await this.#answerIn(response)];
    } finally {
      unwatch();
      signal.removeEventListener("abort", close);
      close();
    }
  }

  async *#events(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    connection: AbortController,
  ): AsyncGenerator<readonly LinkEvent[], void> {
    const { maxReplyBytes = MAX_REPLY_BYTES, idleMs } = this.#parts;
    const wire = new NativeReader();
    try {
      for (;;) {
        const { done, value } = await alive(connection, reader.read(), idleMs);
        if (done) return;
        this.#bytes += value.byteLength;
        if (this.#bytes > maxReplyBytes) throw relayFault(`is larger than ${maxReplyBytes} bytes (\`maxReplyBytes\`)`);
        const events = wire.push(value);
        for (const event of events) this.#note(event);
        if (events.length > 0) yield events;
        if (this.#askedMs !== undefined) return;
      }
    } finally {
      release(reader, this.#progress === "ended");
    }
  }

  #note(event: NativeEvent): void {
    switch (event.type) {
      case "opened":
        if (this.run !== undefined && event.run !== this.run) throw relayFault("is that of another run");
        this.#progress = "taken";
        this.run = String(event.run);
        if (this.#isLost) this.reconnects++;
        this.#isLost = false;
        break;
      case "chunks": {
        const { id, after = idBefore(id) } = event;
        if (id !== undefined && this.#last !== undefined && after !== this.#last) {
          throw relayFault(`has an entry that does not follow ${this.#last}`);
        }
        this.#cameTo(id);
        break;
      }
      case "snapshot":
        this.#cameTo(event.id);
        break;
      case "reconnect":
        this.#askedMs = Number(event.afterMs) || 0;
        break;
      case "complete":
      case "failed":
        this.#progress = "ended";
    }
  }

  #cameTo(id: string | undefined): void {
    this.#last = id;
    this.#hasChunks = true;
    this.#startAfresh();
  }

  #startAfresh(): void {
    this.#failures = 0;
    this.#failingSince = undefined;
  }

  /**
   * Returns what a response without a reply means.
   * @throws {SendError} the refusal, when another try would be in vain
   */
  async #answerIn(response: Response): Promise<LinkEvent> {
    const { start } = this.#parts;
    const { status, headers } = response;
    const isNew = this.#progress === "asked";
    if (status === 204 || status === 404) {
      if (!isNew) return this.#recorded();
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
    const { error, isOfRelay } = await refusalOf(response);
    const isFinal = start !== undefined && isNew && isOfRelay;
    if (isFinal || (status < 500 && status !== 429 && status !== 408)) throw error;
    this.#askedMs = error.retryAfterMs;
    throw new Error(error.message);
  }

  /** The reply is gone from the relay, and may be in its history. */
  async #recorded(): Promise<LinkEvent> {
    const { requests, chat, signal } = this.#parts;
    const response = await requests.send(`/${chat}`, { signal });
    if (response.ok) {
      const { messages, run } = (await response.json()) as Partial<ChatHistory>;
      const message = Array.isArray(messages) ? (messages.at(-1) as ChatHistory["messages"][number]) : undefined;
      if (run === this.run && message?.role === "assistant" && !message.interrupted) {
        return { type: "recorded", message };
      }
    }
    throw new SendError("truncated", "The relay has the reply no longer. Send the message again.");
  }

  /** @throws {SendError} when all tries were in vain */
  async #pause(): Promise<void> {
    const { reconnectForMs = RECONNECT_FOR_MS, startForMs = reconnectForMs, signal } = this.#parts;
    const limitMs = this.#progress === "asked" ? Math.min(startForMs, reconnectForMs) : reconnectForMs;
    const askedMs = this.#askedMs;
    this.#askedMs = undefined;
    this.#failures++;
    this.#failingSince ??= performance.now();
    const ms = Math.max(askedMs ?? 0, backoffMs(this.#failures));
    const triedMs = performance.now() - this.#failingSince;
    if (triedMs + ms > limitMs) {
      const kind = this.trouble === undefined ? "truncated" : "network";
      const message = `The relay could not be reached again within ${limitMs} ms.`;
      throw new SendError(kind, message, { cause: this.trouble });
    }
    if (await paused(ms, askedMs !== undefined, signal)) this.#startAfresh();
  }
}

/** Lets a connection go: one that has come to its end is read to the end of its body, so that it is used again. */
function release(reader: ReadableStreamDefaultReader<Uint8Array>, isAtEnd: boolean): void {
  const cancel = (): void => void reader.cancel().catch(() => undefined); // a broken one
  if (!isAtEnd) return cancel();
  const timer = setTimeout(cancel, RELEASE_LIMIT_MS);
  reader.read().then(() => clearTimeout(timer), cancel);
}

/**
 * Settles as the step of a connection does, or as soon as the connection is dead: one that is silent for too long, and
 * one of a page that was frozen, whose reads may stay pending for ever.
 */
function alive<T>(connection: AbortController, step: Promise<T>, idleMs?: number): Promise<T> {
  const { signal } = connection;
  const ms = Math.min(idleMs || WATCHDOG_MS, WATCHDOG_MS);
  const silent = (): void =>
    connection.abort(ms === idleMs ? timeoutError("idle", ms) : new Error("The relay is silent."));
  const timer = setTimeout(silent, ms);
  return new Promise<T>((resolve, reject) => {
    const cut = (): void => reject(signal.reason);
    const settled = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
    };
    signal.addEventListener("abort", cut);
    step.finally(settled).then(resolve, reject);
  });
}

/** Returns the error of a reply that cannot be read on. */
export function failureFrom(thrown: unknown): SendError {
  if (thrown instanceof SendError) return thrown;
  return new SendError("protocol", "The reply cannot be read.", { cause: thrown, retryable: false });
}

/** Returns the error of a wait that has passed its limit, of `waitedMs` milliseconds. */
export function timeoutError(phase: TimeoutPhase, waitedMs: number): SendError {
  const message = `The relay took longer than ${waitedMs} ms (\`timeouts.${phase}\`).`;
  return new SendError("timeout", message, { phase, waitedMs });
}

/** Returns the id of the entry before; `undefined` before the first. */
function idBefore(id = ""): string | undefined {
  const [attempt, number] = id.split("-");
  return Number(number) > 0 ? `${attempt}-${Number(number) - 1}` : undefined;
}
