/** Keeps a client within its provider's limits: calls wait in a queue instead of being refused. */

import type { ClientWrapper, TypedClient } from "../contract/client.ts";
import { loadPart } from "../contract/load-part.ts";
import { settledFor } from "../stream/caller-stack.ts";
import { clientOf } from "../stream/open-stream.ts";
import type { CallQueue } from "./call-queue.ts";
import { limitedCalls } from "./load-limited-call.ts";
import { countingBy } from "./race-client.ts";
import { checkRateLimit, type RateLimitOptions } from "./rate-limit-options.ts";

/**
 * Returns a client whose calls wait their turn, in the order in which they were made. A call whose signal fires leaves
 * the queue. The client learns from the provider: after a refusal with a wait (429), or when the provider reports that
 * nothing remains, no call begins before the wait is over. Within a `fallback` with an idle client, a call that would
 * wait beyond a second goes to that one. Where the wait is longer than the call's `retries.maxRetryAfterMs` (60 s), the
 * call fails with kind `rateLimit` and nothing is sent. Of a call's timeouts, `total` runs while it waits; the others
 * begin when its turn has come. The client's own further attempts (`retries`, `recover`) are not counted.
 *
 * @throws {TypeError} when an option is invalid
 * @example
 * ```ts
 * import { OpenAIClient, rateLimit } from "cloudllm";
 *
 * export const client = rateLimit(new OpenAIClient({ model: "gpt-6-luna" }), { requestsPerMinute: 60, concurrency: 8 });
 * ```
 */
export function rateLimit(client: ClientWrapper, options: RateLimitOptions): TypedClient {
  checkRateLimit(options);
  const limits = { ...options };
  let queue: CallQueue | undefined;
  const limited = clientOf({
    provider: client.provider,
    model: client.model,
    defaults: client.defaults,
    async open(messages, options, streamed) {
      const startedAt = performance.now();
      if (!limitedCalls.isLoaded) await settledFor(loadPart(limitedCalls));
      const { CallQueue, openLimited } = limitedCalls.loaded;
      queue ??= new CallQueue(limits);
      return await openLimited({ queue, client, messages, options, streamed, startedAt });
    },
  });
  return countingBy(client, limited);
}
