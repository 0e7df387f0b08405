/** The values of the option `reasoning` that a model accepts, in the words of OpenAI's protocols. */

import type { ReasoningEffort } from "../../contract/options.ts";

/** The capabilities of one family of models. */
export interface ReasoningCapabilities {
  /** Whether the model thinks: never, only when asked to, by default, or unknown because its name is. */
  readonly reasons: "never" | "asked" | "unasked" | "unknown";
  /** The efforts that the model takes, weakest first; empty where it takes none. */
  readonly efforts: readonly string[];
}

/** The efforts that most models take. */
export const LEVELS: readonly string[] = ["low", "medium", "high"];

/** The same for models whose thinking can be turned off. */
export const LEVELS_AND_NONE: readonly string[] = ["none", "low", "medium", "high"];

/**
 * Returns whether a model thinks when this effort is asked for. One that thinks by default and cannot stop does so also
 * with `none`, which is not sent then.
 */
export function thinksWith({ reasons, efforts }: ReasoningCapabilities, effort: ReasoningEffort | undefined): boolean {
  if (effort === undefined || (effort === "none" && !efforts.includes("none"))) return reasons === "unasked";
  return effort !== "none" && reasons !== "never";
}

/** Models of unknown names. */
const UNKNOWN_REASONING: ReasoningCapabilities = { reasons: "unknown", efforts: LEVELS_AND_NONE };

/** Models by their names: the first row whose pattern matches counts. */
export type ReasoningTable = readonly (readonly [RegExp, ReasoningCapabilities])[];

/** The last model that was looked up: a request asks three times, and a client's requests have the same model. */
let last: { readonly table: ReasoningTable; readonly model: string; readonly found: ReasoningCapabilities } | undefined;

/** Returns the capabilities of a model. */
export function reasoningIn(table: ReasoningTable, model: string): ReasoningCapabilities {
  if (last?.table !== table || last.model !== model) {
    const found = table.find(([name]) => name.test(model))?.[1] ?? UNKNOWN_REASONING;
    last = { table, model, found };
  }
  return last.found;
}
