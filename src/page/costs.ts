/** The costs of replies, as the server computes them from its list of prices. */

import type { ChatReply } from "../web/index.ts";
import { type CostQuestion, costQuestionOf } from "./figures.ts";

/** Asks the server for costs, several at once, and keeps the answers. */
export class Costs {
  readonly #onChange: () => void;
  /** By question: the same tokens of the same model cost the same. Null: not known. */
  readonly #known = new Map<string, number | null>();
  /** Asked with the next request. */
  #open = new Map<string, CostQuestion>();

  /** @param onChange called when costs are known that were not */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Returns the cost of a reply in US dollars; `undefined` while it is not known. Asks for it the first time. */
  costOf(reply: ChatReply): number | undefined {
    const question = reply.state === "writing" ? undefined : costQuestionOf(reply);
    if (!question) return undefined;
    const key = JSON.stringify(question);
    const cost = this.#known.get(key);
    if (cost === undefined && !this.#open.has(key)) {
      if (this.#open.size === 0) setTimeout(() => void this.#ask());
      this.#open.set(key, question);
    }
    return cost ?? undefined;
  }

  /** Asks for all that is open, in one request. A cost that the server does not answer stays unknown. */
  async #ask(): Promise<void> {
    const asked = [...this.#open];
    this.#open = new Map();
    const answer = await costsOf(asked.map(([, question]) => question));
    for (const [index, [key]] of asked.entries()) this.#known.set(key, answer[index] ?? null);
    if (answer.some((cost) => cost !== null)) this.#onChange();
  }
}

async function costsOf(questions: readonly CostQuestion[]): Promise<readonly (number | null)[]> {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch("/costs", { method: "POST", headers, body: JSON.stringify(questions) });
    return response.ok ? ((await response.json()) as (number | null)[]) : [];
  } catch {
    return [];
  }
}
