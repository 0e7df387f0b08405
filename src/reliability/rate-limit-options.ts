/** The options of a rate limit, and their validation. */

import { checkSettings, type Fault, isBetween, isFunction } from "../contract/option-faults.ts";
import type { SharedWindow } from "./shared-window.ts";

/** The limits; those that are absent do not hold. */
export interface RateLimitOptions {
  /** Maximum number of calls begun in any 60 seconds. */
  readonly requestsPerMinute?: number | undefined;
  /**
   * Maximum number of tokens, in and out, in any 60 seconds. A call is counted with an estimate of its input and its
   * `maxOutputTokens` (1 000 where it has none) when it begins, and with what the provider reported when it ends.
   */
  readonly tokensPerMinute?: number | undefined;
  /** Maximum number of calls under way at once; a stream is under way until it is read to its end, or left. */
  readonly concurrency?: number | undefined;
  /**
   * Counts the calls of all processes together: `redisWindow` of `cloudllm/store/redis`. `requestsPerMinute`,
   * `tokensPerMinute` and the waits that the provider asks for then hold for all of them. Each call asks in one round
   * trip; each process gets its turn. `concurrency` stays a limit of each process. While the place cannot be reached,
   * each process keeps the limits for itself (see `onUnshared`).
   */
  readonly shared?: SharedWindow | undefined;
  /**
   * Called with the error when `shared` cannot be reached, once until it can be again. Until then, all processes
   * together may exceed the limits.
   */
  readonly onUnshared?: ((error: unknown) => void) | undefined;
}

const isLimit: Fault = (value) =>
  isBetween(value, Number.MIN_VALUE, Number.POSITIVE_INFINITY) ? undefined : "must be a number above 0";

const OPTION_FAULTS: { readonly [Name in keyof RateLimitOptions]-?: Fault } = {
  requestsPerMinute: isLimit,
  tokensPerMinute: isLimit,
  concurrency: isLimit,
  shared: (value) =>
    typeof (value as SharedWindow | null)?.ask === "function"
      ? undefined
      : "must be a shared window, such as `redisWindow(redis, { name })`",
  onUnshared: isFunction,
};

/** @throws {TypeError} when an option is invalid */
export function checkRateLimit(options: RateLimitOptions): void {
  checkSettings(options, OPTION_FAULTS);
}
