/** The queue of calls, in the order in which they came, within the limits and what the provider reports of its own. */

import type { ClientWrapper } from "../contract/client.ts";
import type { SendErrorKind } from "../contract/error-kind.ts";
import { SendError, type SendErrorFacts } from "../contract/errors.ts";
import type { AssistantMessage, Message, RateLimits } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { retryPolicyOf } from "../contract/retry-policy.ts";
import { completeUsageOf } from "../contract/usage.ts";
import { messagesFault, optionsFault } from "../contract/validate.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { reportAttempts } from "../stream/attempts-in-flight.ts";
import { waitsInVain } from "../stream/idle-alternative.ts";
import { estimateInputTokens } from "../tokens/estimate.ts";
import type { RateLimitOptions } from "./rate-limit-options.ts";
import type { SharedWindow } from "./shared-window.ts";
import { SlidingWindow } from "./sliding-window.ts";

/** The assumed tokens of a reply before they are known. */
const EXPECTED_OUTPUT_TOKENS = 1_000;

/** Time after a failure of the shared window before it is asked again, in milliseconds. */
const UNSHARED_MS = 1_000;
/** A waiting call asks the shared window again after this time at the latest, in milliseconds. */
const MAX_ASK_PAUSE_MS = 1_000;

/** A call in the queue. */
interface Waiting {
  readonly id: string;
  /** Whether it is in the line of the shared window. */
  isInLine: boolean;
  readonly tokens: number;
  /** A longer wait than this that a provider asks for fails the call. */
  readonly longestWaitMs: number;
  readonly refuse: (waitMs: number) => void;
  /** Whether another client is idle, so that a long wait is in vain. */
  readonly mayPassOn: (waitMs: number) => boolean;
  /** `correct` reports the real cost, once it is known. */
  readonly enter: (correct: (tokens: number) => void) => void;
}

/** Called once with how a call ended. */
export type Release = (message: AssistantMessage | undefined, error: unknown) => void;

/** The queue of one client's calls. */
export class CallQueue {
  readonly #requests: SlidingWindow | undefined;
  readonly #tokens: SlidingWindow | undefined;
  readonly #concurrency: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  /** No call begins before this time. */
  #closedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #limits: Pick<RateLimitOptions, "requestsPerMinute" | "tokensPerMinute">;
  readonly #shared: SharedWindow | undefined;
  readonly #onUnshared: RateLimitOptions["onUnshared"];
  /** Until this time the shared window is not asked. */
  #unsharedUntil = 0;
  #isUnshared = false;
  #isAsking = false;

  constructor(options: RateLimitOptions) {
    const { requestsPerMinute, tokensPerMinute, concurrency = Number.POSITIVE_INFINITY, shared, onUnshared } = options;
    this.#requests = requestsPerMinute === undefined ? undefined : new SlidingWindow(requestsPerMinute);
    this.#tokens = tokensPerMinute === undefined ? undefined : new SlidingWindow(tokensPerMinute);
    this.#concurrency = concurrency;
    this.#limits = { requestsPerMinute, tokensPerMinute };
    this.#shared = shared;
    this.#onUnshared = onUnshared;
  }

  /** Resolves when it is the call's turn. @throws {SendError} kind `aborted` when the signal fires before. */
  async acquire(client: ClientWrapper, messages: readonly Message[], options: SendOptions): Promise<Release> {
    reportAttempts(options.signal, () => []); // until it is its turn
    // An invalid call is refused by the client, and costs nothing.
    const isSound = messagesFault(messages) === undefined && optionsFault({ ...options }) === undefined;
    const { signal, retries, timeouts, maxOutputTokens = EXPECTED_OUTPUT_TOKENS } = isSound ? options : {};
    const tokens = this.#tokens && isSound ? estimateInputTokens(messages) + maxOutputTokens : 0;
    const { provider, model } = client;
    const correct = await new Promise<(tokens: number) => void>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(limit);
        offAbort(signal, abort);
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        if (waiting.isInLine) this.#share((shared) => shared.leave(waiting.id));
      };
      const fail = (kind: SendErrorKind, message: string, facts: SendErrorFacts): void => {
        leave();
        reject(new SendError(kind, message, { provider, model, attempts: [], ...facts }));
      };
      const refusal = (waitMs: number): SendError => {
        const message = `${provider} can be asked again in ${Math.ceil(waitMs / 1_000)} s; send again then.`;
        return new SendError("rateLimit", message, { provider, model, attempts: [], retryAfterMs: waitMs });
      };
      const abort = (): void => {
        const message = "The caller's signal ended the call while it waited for its turn.";
        fail("aborted", message, { cause: signal?.reason });
        this.#advance();
      };
      const tooLate = (): void => {
        const waitedMs = timeouts?.total;
        const message = `The call waited ${waitedMs} ms for its turn (limit \`timeouts.total\`); raise it, or try again.`;
        fail("timeout", message, { phase: "total", waitedMs });
        this.#advance();
      };
      const limit = timeouts?.total ? setTimeout(tooLate, Math.min(MAX_TIMER_MS, timeouts.total)) : undefined;
      const waiting: Waiting = {
        id: crypto.randomUUID(),
        isInLine: false,
        tokens,
        longestWaitMs: retryPolicyOf(retries).maxRetryAfterMs,
        refuse(waitMs) {
          leave();
          reject(refusal(waitMs));
        },
        mayPassOn: (waitMs) => waitsInVain(signal, waitMs, refusal(waitMs)),
        enter(correct) {
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
      const usage = completeUsageOf(message ?? partial ?? {});
      // A refusal costs nothing.
      correct(usage?.totalTokens ?? 0);
      const asked = error instanceof SendError && error.kind === "rateLimit" ? error.retryAfterMs : undefined;
      this.#close(asked);
      this.#advance();
    };
  }

  /** Starts the calls that may begin, in order; sets the timer for the next. */
  #advance(): void {
    clearTimeout(this.#timer);
    const closedMs = this.#closedUntil - performance.now();
    for (const waiting of [...this.#waiting]) if (closedMs > waiting.longestWaitMs) waiting.refuse(closedMs);
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (this.#running >= this.#concurrency) return;
      const now = performance.now();
      const isShared = this.#shared !== undefined && this.#unsharedUntil <= now;
      const wait = Math.max(
        this.#closedUntil - now,
        isShared ? 0 : (this.#requests?.waitMs(1, now) ?? 0),
        isShared ? 0 : (this.#tokens?.waitMs(first.tokens, now) ?? 0),
      );
      // A process that keeps the limit for itself looks from time to time whether it may share it again.
      if (wait > 0) return this.#wait(wait, this.#isUnshared ? UNSHARED_MS : MAX_TIMER_MS);
      if (isShared) return void this.#ask(this.#shared, first);
      this.#begin(first);
    }
  }

  #wait(ms: number, atMostMs: number): void {
    for (const waiting of [...this.#waiting]) if (waiting.mayPassOn(ms)) waiting.refuse(ms);
    if (this.#waiting.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#advance(), Math.min(atMostMs, Math.ceil(ms)));
  }

  #begin(first: Waiting): void {
    const now = performance.now();
    this.#running++;
    this.#requests?.spend(1, now);
    const correct = this.#tokens?.spend(first.tokens, now);
    first.enter((tokens) => {
      correct?.(tokens);
      if (correct) this.#share((shared) => shared.settle(first.id, tokens));
    });
  }

  /** Asks the shared window whether the first call may begin, and continues with its answer. */
  async #ask(shared: SharedWindow, first: Waiting): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    let waitMs = 0;
    try {
      first.isInLine = true;
      const answer = await shared.ask({ id: first.id, tokens: first.tokens, ...this.#limits });
      this.#isUnshared = false;
      waitMs = answer.waitMs;
      this.#closedUntil = Math.max(this.#closedUntil, performance.now() + answer.closedMs);
      first.isInLine = waitMs > 0;
      if (waitMs === 0 && this.#waiting.includes(first)) this.#begin(first);
      // It left while it asked: it costs nothing.
      else if (!this.#waiting.includes(first))
        this.#share((window) => (waitMs > 0 ? window.leave(first.id) : window.settle(first.id, 0)));
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isAsking = false;
    }
    if (waitMs > 0 && this.#waiting[0] === first && this.#closedUntil <= performance.now())
      this.#wait(waitMs, MAX_ASK_PAUSE_MS);
    else this.#advance();
  }

  /** Reports to the shared window; nothing waits for it. */
  #share(report: (shared: SharedWindow) => Promise<void>): void {
    if (!this.#shared || this.#isUnshared) return;
    report(this.#shared).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#unsharedUntil = performance.now() + UNSHARED_MS;
    if (this.#isUnshared) return;
    this.#isUnshared = true;
    try {
      this.#onUnshared?.(error);
    } catch {
      // An error of the caller's function must not stop the queue.
    }
  }

  /** Takes the provider's report of what remains. */
  learn({ requests, tokens }: RateLimits = {}): void {
    for (const limit of [requests, tokens]) if (limit?.remaining === 0) this.#close(limit.resetMs);
  }

  #close(forMs = 0): void {
    if (forMs > 0) this.#share((shared) => shared.close(forMs));
    this.#closedUntil = Math.max(this.#closedUntil, performance.now() + forMs);
  }
}
