/** The cure for slow first tokens: a second request when the first takes longer than it should. */

import type { ClientWrapper, TypedClient } from "../contract/client.ts";
import { checkSettings, type Fault, isPatience } from "../contract/option-faults.ts";
import { checkedClients, raceClient } from "./race-client.ts";

/** When the second client is asked: after a fixed time, or after one that most first chunks keep. */
export type HedgeOptions =
  | {
      /** Milliseconds without a first chunk. */
      readonly afterMs: number;
    }
  | {
      /**
       * The part of the first client's calls whose first chunk came sooner, such as 0.95: then about one call in twenty
       * is asked twice. Learned from its latest 200 calls; until there are 20, nothing is asked twice.
       */
      readonly quantile: number;
    };

const OPTION_FAULTS: Readonly<Record<string, Fault>> = {
  afterMs: isPatience,
  quantile: (value) =>
    typeof value === "number" && value > 0 && value < 1 ? undefined : "must be a number between 0 and 1",
};

/** Calls that are remembered, and how many are needed to know a quantile. */
const REMEMBERED = 200;
const ENOUGH = 20;

/**
 * Returns a client that asks `first`, and also `second` when no chunk has come after a while (or when `first` fails
 * before). The first to deliver a chunk is the reply; the other's socket closes at once. Costs a second request in the
 * slow cases only. `metrics.attempts` lists both. `sendMessage` streams inside, so that the first chunk is also known
 * there.
 *
 * @throws {TypeError} when an argument is invalid
 * @example
 * ```ts
 * import { hedge, OpenAIClient } from "cloudllm";
 *
 * const options = { model: "gpt-6-luna" };
 * export const client = hedge(new OpenAIClient(options), new OpenAIClient(options), { afterMs: 1_500 });
 * ```
 */
export function hedge(first: ClientWrapper, second: ClientWrapper, options: HedgeOptions): TypedClient {
  const clients = checkedClients([first, second]);
  const afterMs = delayOf(options);
  const waits = new Waits();
  return raceClient(clients, () => {
    const waiting = [...clients];
    let started = 0;
    return {
      ask: (client, messages, options) => client.sendMessageStream(messages, options),
      slow: "keep",
      startsNext: ({ retryable }) => retryable,
      next: () => {
        started++;
        return waiting.shift();
      },
      patienceMs: () => (started === 1 ? afterMs(waits) : undefined),
      report(client, result) {
        // The loser would have taken longer still; without it, the slow calls would not count.
        if (client === first && (result.status === "first" || result.status === "lost")) waits.add(result.waitedMs);
      },
    };
  });
}

/** The first client's latest waits for a first chunk, in milliseconds. */
class Waits {
  readonly #waits: number[] = [];

  add(waitMs: number): void {
    this.#waits.push(waitMs);
    if (this.#waits.length > REMEMBERED) this.#waits.shift();
  }

  quantile(part: number): number | undefined {
    if (this.#waits.length < ENOUGH) return undefined;
    const sorted = [...this.#waits].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  }
}

function delayOf(options: HedgeOptions): (waits: Waits) => number | undefined {
  checkSettings(options, OPTION_FAULTS);
  const { afterMs, quantile }: { readonly afterMs?: number; readonly quantile?: number } = options;
  if (afterMs !== undefined) return () => afterMs;
  if (quantile === undefined) throw new TypeError("Give `afterMs`, or a `quantile` between 0 and 1.");
  return (waits) => waits.quantile(quantile);
}
