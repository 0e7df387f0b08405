/** Whether a user may begin another run: the limit of runs at once, and the limit that the application sets. */

import { Refusal } from "../../dialects/refusal.ts";
import type { Policy } from "../policy/policy.ts";
import type { Caller } from "../policy/policy-options.ts";
import type { Runs } from "./runs.ts";

/** A user at a limit may try again after so long, in milliseconds. */
const LIMIT_RETRY_MS = 1_000;

/** Counts the runs of each user in this process. */
export class Admission {
  readonly #policy: Policy;
  readonly #runs: Runs;
  /** How many runs of each user have been reserved and have not begun yet. */
  readonly #reserved = new Map<string, number>();

  constructor(policy: Policy, runs: Runs) {
    this.#policy = policy;
    this.#runs = runs;
  }

  /** Counts a run that is about to begin. Returns the function that ends the reservation. */
  reserve({ user }: Caller): () => void {
    const count = (by: number): void => {
      const reserved = (this.#reserved.get(user) ?? 0) + by;
      if (reserved === 0) this.#reserved.delete(user);
      else this.#reserved.set(user, reserved);
    };
    count(1);
    return () => count(-1);
  }

  /**
   * Checks the limits of a user whose run has been reserved.
   * @throws {Refusal} 429 when the user is at a limit
   */
  async check(caller: Caller): Promise<void> {
    const { limits, limit } = this.#policy;
    const { user } = caller;
    if (this.#runs.countOf(user) + (this.#reserved.get(user) ?? 0) > limits.runsPerUser) {
      const message = `At most ${limits.runsPerUser} replies may be written at once.`;
      throw new Refusal(429, "rateLimit", message, { retryAfterMs: LIMIT_RETRY_MS });
    }
    const answer = await limit?.(caller);
    if (!answer) return;
    const { retryAfterMs } = answer;
    throw new Refusal(429, "rateLimit", "The limit of replies is reached.", { retryAfterMs });
  }
}
