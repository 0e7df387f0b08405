/** Keeps a client within its provider's limits: calls wait in line instead of being refused. */

import { offAbort, onAbort } from "../abort.ts";
import { messagesFault, optionsFault } from "../check.ts";
import type { ClientWrapper, SendOptions, TypedClient } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantMessage, Message, RateLimits } from "../message.ts";
import { retryPolicyOf } from "../retry.ts";
import { LONGEST_TIMER_MS } from "../stream/metrics.ts";
import { tellSent } from "../stream/sent.ts";
import { estimateInputTokens } from "../token-estimate.ts";
import { MinuteWindow } from "./window.ts";

/** The limits; those that are absent do not hold. */
export interface RateLimitOptions {
  /** Most calls begun in any 60 seconds. */
  readonly requestsPerMinute?: number | undefined;
  /**
   * Most tokens, in and out, in any 60 seconds. A call is counted with an estimate of its input and its `maxOutputTokens`
   * (1 000 where it has none) when it begins, and with what the provider reported when it ends.
   */
  readonly tokensPerMinute?: number | undefined;
  /** Most calls under way at once; a stream is under way until it is read to its end, or left. */
  readonly concurrency?: number | undefined;
}

/** What a reply is taken to cost before it is known. */
const EXPECTED_OUTPUT_TOKENS = 1_000;

/** Somebody in line. */
interface Waiting {
  readonly tokens: number;
  /** A provider that asks for a longer wait than this is told to the caller. */
  readonly longestWaitMs: number;
  readonly refuse: (waitMs: number) => void;
  /** `correct` tells the real cost, once it is known. */
  readonly enter: (correct: (tokens: number) => void) => void;
}

/**
 * A client whose calls wait their turn, in the order in which they were made. A call whose signal fires leaves the line. It
 * learns from the provider: after a refusal with a wait (429), or when the provider says that nothing remains, nobody
 * goes before the wait is over; where it is longer than the call's `retries.maxRetryAfterMs` (60 s), the call fails with kind `rateLimit`
 * and nothing is sent. A call's timeouts begin when its turn has come. What a client sends again by itself (`retries`,
 * `recover`) is not counted.
 *
 * @throws {TypeError} when a limit is not a number above 0
 * @example
 * ```ts
 * import { OpenAIClient, rateLimit } from "cloudllm";
 *
 * export const client = rateLimit(new OpenAIClient({ model: "gpt-5-nano" }), { requestsPerMinute: 60, concurrency: 8 });
 * ```
 */
export function rateLimit(client: ClientWrapper, options: RateLimitOptions): TypedClient {
  const line = new Line(options);
  // What the schema has let through is of the schema's type, whoever is asked.
  const typed = client as TypedClient;
  return {
    provider: client.provider,
    model: client.model,
    async sendMessage<Output>(messages: readonly Message[], options: SendOptions<Output> = {}) {
      const leave = await line.enter(client, messages, options);
      try {
        const message = await typed.sendMessage(messages, options);
        line.learn(message.rateLimits);
        leave(message, undefined);
        return message;
      } catch (error) {
        leave(undefined, error);
        throw error;
      }
    },
    async sendMessageStream<Output>(messages: readonly Message[], options: SendOptions<Output> = {}) {
      const leave = await line.enter(client, messages, options);
      try {
        const stream = await typed.sendMessageStream(messages, options);
        // Known with the headers; a wrapper may know only in the end who has answered.
        const { rateLimits } = stream.partial;
        line.learn(rateLimits);
        stream.onEnd((message, error) => {
          if (!rateLimits) line.learn(message.rateLimits);
          leave(message, error);
        });
        return stream;
      } catch (error) {
        leave(undefined, error);
        throw error;
      }
    },
  };
}

/** Told once how a call ended. */
type Leave = (message: AssistantMessage | undefined, error: unknown) => void;

class Line {
  readonly #requests: MinuteWindow | undefined;
  readonly #tokens: MinuteWindow | undefined;
  readonly #concurrency: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  /** Nobody goes before. */
  #closedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ requestsPerMinute, tokensPerMinute, concurrency = Number.POSITIVE_INFINITY }: RateLimitOptions) {
    for (const [name, limit] of Object.entries({ requestsPerMinute, tokensPerMinute, concurrency })) {
      if (limit !== undefined && !(typeof limit === "number" && limit > 0))
        throw new TypeError(`\`${name}\` must be a number above 0.`);
    }
    this.#requests = requestsPerMinute === undefined ? undefined : new MinuteWindow(requestsPerMinute);
    this.#tokens = tokensPerMinute === undefined ? undefined : new MinuteWindow(tokensPerMinute);
    this.#concurrency = concurrency;
  }

  /** Resolves when it is the call's turn. @throws {SendError} kind `aborted` when the signal fires before. */
  async enter(client: ClientWrapper, messages: readonly Message[], options: SendOptions): Promise<Leave> {
    tellSent(options.signal, () => []); // until it is its turn
    // What makes no sense is the client's to refuse, and costs nothing.
    const isSound = messagesFault(messages) === undefined && optionsFault({ ...options }) === undefined;
    const { signal, retries, maxOutputTokens = EXPECTED_OUTPUT_TOKENS } = isSound ? options : {};
    const tokens = this.#tokens && isSound ? estimateInputTokens(messages) + maxOutputTokens : 0;
    const { provider, model } = client;
    const correct = await new Promise<(tokens: number) => void>((resolve, reject) => {
      const leave = (): void => {
        offAbort(signal, abort);
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      };
      const abort = (): void => {
        leave();
        const message = "The caller's signal ended the call while it waited for its turn.";
        reject(new SendError("aborted", message, { provider, model, cause: signal?.reason, attempts: [] }));
        this.#advance();
      };
      const waiting: Waiting = {
        tokens,
        longestWaitMs: retryPolicyOf(retries).maxRetryAfterMs,
        refuse: (waitMs) => {
          leave();
          const message = `${provider} asks for ${Math.ceil(waitMs / 1_000)} s without a request; send again then.`;
          reject(new SendError("rateLimit", message, { provider, model, retryAfterMs: waitMs, attempts: [] }));
        },
        enter: (correct) => {
          leave();
          resolve(correct);
        },
      };
      this.#waiting.push(waiting);
      if (signal?.aborted) return abort();
      onAbort(signal, abort);
      this.#advance();
    });
    let left = false;
    return (message, error) => {
      if (left) return;
      left = true;
      this.#running--;
      const partial = error instanceof SendError ? error.partial : undefined;
      const { usage: reported, estimatedUsage } = message ?? partial ?? {};
      // What a cut reply reported does not cover its end; the estimate does.
      const usage = estimatedUsage ?? reported;
      // A refusal costs nothing.
      correct(usage?.totalTokens ?? 0);
      const asked = error instanceof SendError && error.kind === "rateLimit" ? error.retryAfterMs : undefined;
      this.#close(asked);
      this.#advance();
    };
  }

  /** Lets in whoever may go, first come first served; sets the clock for the next. */
  #advance(): void {
    clearTimeout(this.#timer);
    const closedMs = this.#closedUntil - performance.now();
    for (const waiting of [...this.#waiting]) if (closedMs > waiting.longestWaitMs) waiting.refuse(closedMs);
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (this.#running >= this.#concurrency) return;
      const now = performance.now();
      const wait = Math.max(
        this.#closedUntil - now,
        this.#requests?.waitMs(1, now) ?? 0,
        this.#tokens?.waitMs(first.tokens, now) ?? 0,
      );
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#advance(), Math.min(LONGEST_TIMER_MS, Math.ceil(wait)));
        return;
      }
      this.#running++;
      this.#requests?.spend(1, now);
      first.enter(this.#tokens?.spend(first.tokens, now) ?? (() => undefined));
    }
  }

  /** What the provider says that remains. */
  learn({ requests, tokens }: RateLimits = {}): void {
    for (const limit of [requests, tokens]) if (limit?.remaining === 0) this.#close(limit.resetMs);
  }

  #close(forMs = 0): void {
    this.#closedUntil = Math.max(this.#closedUntil, performance.now() + forMs);
  }
}
