/** A client of a relay: for browsers, and for programs on the other side of HTTP. */

import type { TypedClient } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { Message, ToolMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { SendOptions } from "../contract/options.ts";
import type { CallApproval, StartRequest } from "../dialects/native/wire.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { systemClock } from "../platform/clock.ts";
import { seenByCaller } from "../stream/caller-stack.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { clientOf } from "../stream/open-stream.ts";
import { Stopwatch } from "../stream/stopwatch.ts";
import { paused } from "./backoff.ts";
import { withFacts } from "./error-facts.ts";
import { checkNames } from "./option-names.ts";
import { randomId } from "./random-id.ts";
import { abortError, NO_RUN, type RelayedCall, relayedReply } from "./relayed-reply.ts";
import { bodyOf, type RelayAddress, requestsTo } from "./requests.ts";
import { viewerStream } from "./viewer-stream.ts";

/** The options of `relayClient`. */
export interface RelayClientOptions extends Pick<SendOptions, "timeouts" | "retries" | "maxReplyBytes"> {
  /** The address of the relay, such as `/api/chat`: where its `handle` is mounted. */
  readonly url: string | URL;
  /**
   * Headers of each request, or a function that returns them. The function is called before each request, and once more
   * after an answer with the status 401.
   */
  readonly headers?: RelayAddress["headers"];
  /**
   * Sends the requests.
   * @default the global `fetch`
   */
  readonly fetch?: RelayAddress["fetch"];
  /**
   * Whether cookies go to a relay of another origin: see `RequestInit.credentials`.
   * @default "same-origin", as `fetch` says
   */
  readonly credentials?: RelayAddress["credentials"];
  /**
   * The conversation, for a relay that keeps them (`sessions`): 1 to 128 characters of `A-Z a-z 0-9 _ -`. A call then
   * sends only what is new: the last message, or the results of tools at the end.
   * @default none: each call sends its messages, and has a chat of its own
   */
  readonly chat?: string | undefined;
  /**
   * The public name of one of the relay's `models`.
   * @default the relay's own model
   */
  readonly model?: string | undefined;
  /**
   * The fate of a reply that a program leaves by `break`, an error in the loop, or its signal. `"stop"`: the relay
   * stops it, as every client does. `"detach"`: only the connection is closed, and the relay's `linger` decides.
   * `stop()` always stops it. A page that is closed or reloaded, and a network that is lost, never do.
   * @default "stop"
   */
  readonly onLeave?: "stop" | "detach" | undefined;
  /**
   * How long a reply is waited for without any progress while connections fail, in milliseconds. Time in which the page
   * is hidden or offline does not count.
   * @default 300_000 (5 minutes, as long as a relay's `linger`)
   */
  readonly reconnectForMs?: number | undefined;
  /**
   * Called with the id of each run before it starts. A page that keeps it, such as in `sessionStorage`, can `attach` to
   * the run after a reload, also without `chat`.
   */
  readonly onRun?: ((run: string) => void) | undefined;
}

/** A client of a relay. */
export interface RelayClient extends TypedClient {
  /**
   * Watches a reply that is being written, or was just written: that of another tab, or from before a reload. It comes
   * from its beginning. Leaving it only closes the connection; `stop()` stops the reply for all viewers.
   * @param run the id of the run; default: the last one of `chat`
   * @returns `undefined` when there is none
   * @throws {SendError} the refusal
   */
  attach(
    run?: string,
    options?: Pick<SendOptions, "signal" | "timeouts" | "headers">,
  ): Promise<MessageStream | undefined>;
  /**
   * Answers calls that wait for approval (`toolCall.needsApproval`), and resolves with the stream of what follows: the
   * results of the calls that now run, and the reply to them. While other calls of a `chat` still wait, the answers are
   * kept, and the reply is those calls. With an empty array, the reply continues after a failure.
   * @param messages with `chat`: results of other calls that wait, if there are any. Without: the complete
   * conversation, to its last reply as it came
   * @throws {SendError} as `sendMessageStream`
   */
  answer(
    answers: readonly CallApproval[],
    messages?: readonly Message[],
    options?: SendOptions,
  ): Promise<MessageStream>;
}

const OWN_NAMES = {
  chat: true,
  onLeave: true,
  onRun: true,
  timeouts: true,
  retries: true,
  maxReplyBytes: true,
} as const;

const MAX_RETRIES = 2;
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Returns a client of a relay (`createRelay` of `cloudllm/server`). It keeps every law of `ClientWrapper`, and its
 * replies outlive their connections: a reply continues where it broke, exactly once. The options of a call go to the
 * relay, which takes those that it allows; `signal`, `timeouts`, `retries`, `headers` and `maxReplyBytes` are its own.
 *
 * - A request whose answer is lost is sent again under the same id: the provider is asked once.
 * - A connection that breaks, ends early, or is silent for 45 seconds is made again: at once, then after a random time
 *   of up to 0.25, 0.5 … 8 seconds. A page that is hidden or offline waits until it is not.
 * - Only the relay's own end ends a reply. `metrics.reconnects` counts the connections that were made again, and
 *   `metrics.attempts` the runs that the call has started: more than one after a refusal with `Retry-After`.
 * @throws {TypeError} when `url` is missing, and for an option that does not exist
 *
 * @example
 * ```ts
 * import { relayClient } from "cloudllm/web";
 *
 * export async function ask(question: string, show: (text: string) => void): Promise<void> {
 *   const client = relayClient({ url: "/api/chat" });
 *   const stream = await client.sendMessageStream([{ role: "user", content: question }]);
 *   for await (const chunk of stream) show(chunk.content);
 * }
 * ```
 */
export function relayClient(options: RelayClientOptions): RelayClient {
  checkNames<RelayClientOptions>(options, OWN_NAMES);
  const { url, chat, model, onLeave = "stop", reconnectForMs, onRun, ...rest } = options;
  const address: RelayAddress = { ...rest, url };
  const named = { provider: "relay", model: model ?? "default" };
  const now = systemClock();

  async function call(
    given: Omit<SendOptions, "output">,
    run: string | undefined,
    parts: Pick<RelayedCall, "start" | "stopsWhenLeft" | "attempts">,
    startedAt: number,
  ): Promise<MessageStream> {
    const { signal, headers, maxReplyBytes = rest.maxReplyBytes } = given;
    const timeouts = { ...rest.timeouts, ...given.timeouts };
    for (const ms of Object.values(timeouts)) if (ms !== undefined) checkNumber("timeouts", ms);
    if (signal?.aborted) throw abortError(signal);
    // Not in the constructor, which a page calls on its server too.
    if (!rest.fetch && !URL.canParse(String(url), globalThis.document?.baseURI ?? globalThis.location?.href))
      throw new SendError("invalidRequest", "The `url` is not complete. Outside a page, begin it with https://.");
    const reply = relayedReply({
      ...named,
      ...parts,
      requests: requestsTo(address, headers),
      chat: chat ?? run ?? "",
      run,
      reconnectForMs,
      maxReplyBytes,
      timeouts,
      signal,
      now,
    });
    const stream = viewerStream(reply, new Stopwatch(now, startedAt));
    await reply.open();
    return stream as Pick<MessageStream, keyof MessageStream> as MessageStream; // all but its private fields
  }

  async function send(
    messages: readonly Message[],
    given: SendOptions,
    answers?: readonly CallApproval[],
  ): Promise<MessageStream> {
    const startedAt = now();
    const retries = given.retries ?? rest.retries ?? {};
    const { max = MAX_RETRIES, maxRetryAfterMs = MAX_RETRY_AFTER_MS } =
      typeof retries === "number" ? { max: retries } : retries;
    checkNumber("retries", max);
    const request = requestOf(messages, given, { chat, model }, answers);
    const attempts: Attempt[] = [];
    for (let refusals = 1; ; refusals++) {
      const run = randomId();
      const start = bodyOf({ run, ...request });
      onRun?.(run);
      try {
        return await call(given, run, { start, attempts, stopsWhenLeft: onLeave === "stop" }, startedAt);
      } catch (error) {
        const ms = error instanceof SendError ? error.retryAfterMs : undefined;
        if (ms === undefined || ms > maxRetryAfterMs || refusals > max) throw error;
        await pausedFor(ms, given.signal);
      }
    }
  }

  const open = async <Output>(
    messages: readonly Message[],
    given: SendOptions<Output>,
    answers?: readonly CallApproval[],
  ): Promise<MessageStream<Output>> => {
    try {
      return (await send(messages, given, answers)) as MessageStream<Output>;
    } catch (error) {
      throw error instanceof SendError ? seenByCaller(withFacts(error, named)) : error;
    }
  };

  return {
    ...clientOf({ ...named, open: (messages, given) => open(messages, given) }),
    answer: (answers, messages = [], given = {}) => open(messages, given, answers),
    async attach(run, given = {}) {
      if (!run && !chat) throw new SendError("invalidRequest", "Give `attach` a run, or the client a `chat`.", named);
      try {
        return await call(given, run, { attempts: [], stopsWhenLeft: false }, now());
      } catch (error) {
        if (error instanceof SendError && error.code === NO_RUN) return undefined;
        throw error;
      }
    },
  };
}

/** Waits as long as the relay has asked for, or until the caller's signal fires. */
async function pausedFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const waiting = new AbortController();
  const leave = (): void => waiting.abort();
  onAbort(signal, leave);
  await paused(ms, true, waiting.signal);
  offAbort(signal, leave);
}

/** @throws {SendError} kind `unsupported` for a schema in code */
function requestOf(
  messages: readonly Message[],
  {
    // These five are not the relay's affair.
    signal: _signal,
    timeouts: _timeouts,
    retries: _retries,
    headers: _headers,
    maxReplyBytes: _maxReplyBytes,
    ...options
  }: SendOptions,
  { chat, model }: Pick<RelayClientOptions, "chat" | "model">,
  answers: readonly CallApproval[] | undefined,
): Omit<StartRequest, "run"> {
  const schemas = [options.output, ...(options.tools ?? []).map(({ parameters }) => parameters)];
  if (schemas.some((schema) => schema && "~standard" in schema)) {
    throw new SendError("unsupported", "A relay takes schemas as JSON Schema. Convert this one.");
  }
  return {
    ...(chat === undefined ? { messages } : { chat, ...turnIn(messages) }),
    answers,
    options: { model, ...options },
  };
}

/** Returns the end of a conversation that the relay does not have. Where nothing is new, the relay refuses it. */
function turnIn(messages: readonly Message[]): Pick<StartRequest, "message" | "results"> {
  const last = Array.isArray(messages) ? messages.at(-1) : undefined;
  if (last?.role === "user") return { message: last.content };
  const results = last ? messages.slice(messages.findLastIndex(({ role }) => role !== "tool") + 1) : [];
  return results.length > 0 ? { results: results as ToolMessage[] } : {};
}

/** @throws {SendError} kind `invalidRequest` for a negative number, and for what is not a number */
function checkNumber(option: string, value: number): void {
  if (!(value >= 0)) throw new SendError("invalidRequest", `The option \`${option}\` must be 0 or more.`);
}
