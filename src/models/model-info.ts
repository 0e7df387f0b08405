/** The known facts of a model: its limits, its prices, and their sources. */

import { checkArgument } from "../contract/argument.ts";
import { MODELS, SOURCES } from "./data.ts";
import type { Prices, Row, Source } from "./row.ts";

/** A model by name. Clients, replies (`AssistantMessage`) and turns of `session.tokenUsage()` are also such names. */
export interface ModelName {
  /** The client's name for the provider: `openai`, `anthropic`, `gemini`, `xai` … */
  readonly provider: string;
  readonly model: string;
}

/** The facts of a model that have a source of their own. */
export type ModelFact = "contextWindow" | "maxOutputTokens" | keyof Prices | "longInput" | "pricesUntil" | "retired";

/** The known facts of a model. Facts that no source states are absent. */
export interface ModelInfo {
  readonly provider: string;
  /** The name in the list: without the date of a snapshot that has the same facts. */
  readonly id: string;
  /** Maximum number of tokens of input and output together (at Google: of input). */
  readonly contextWindow?: number;
  /** Maximum number of tokens of one reply, reasoning included. */
  readonly maxOutputTokens?: number;
  readonly prices?: Prices;
  /** The number of input tokens from which a request costs more, and the higher prices, where a source states them. */
  readonly longInput?: { readonly fromTokens: number; readonly prices?: Prices };
  /** The last day of `prices`, as `YYYY-MM-DD`, and the prices from the next day on, where they are known. */
  readonly pricesUntil?: { readonly day: string; readonly later?: Prices };
  /** The day, as `YYYY-MM-DD`, on which the provider stopped the model, or will stop it. */
  readonly retired?: string;
  /** The sources of each fact, and their dates. */
  readonly sources: { readonly [fact in ModelFact]?: readonly Source[] };
}

/**
 * Returns the facts of a model. Snapshots are found by their own name or else by their family's
 * (`claude-haiku-4-5-20251001`, `gpt-5.4-2026-03-05`, `grok-4.3-latest`). There are no guesses: a name that only
 * resembles a known one is unknown. Names that move from one model to the next (`gemini-flash-latest`) are also
 * unknown; there the reply's `model` reports the model.
 * @returns `undefined` when the model is not known
 * @example
 * ```ts
 * import { ClaudeClient, ClaudeModel, LLMSession } from "cloudllm";
 * import { modelInfoOf } from "cloudllm/models";
 *
 * const client = new ClaudeClient({ model: ClaudeModel.ClaudeSonnet46 });
 * export const session = new LLMSession({ client, maxTokens: modelInfoOf(client)?.contextWindow ?? 100_000 });
 * ```
 */
export function modelInfoOf(name: ModelName): ModelInfo | undefined {
  checkArgument("name", name, { provider: "string", model: "string" });
  const { provider, model } = name;
  const rows = Object.hasOwn(MODELS, provider) ? (MODELS[provider] ?? []) : [];
  const id = model.replace(/^models\//, ""); // as Google writes it
  const row = rows.find((each) => each.id === id) ?? rows.find((each) => each.id === familyOf(id));
  return row && infoOf(provider, row);
}

/** Returns the name without the date at its end, which Google Cloud puts after an `@`. */
function familyOf(id: string): string {
  return id.replace(/[-@](latest|\d{8}|\d{4}-\d\d-\d\d)$/, "");
}

function infoOf(provider: string, row: Row): ModelInfo {
  const { id, contextWindow, maxOutputTokens, longInput, until, retired } = row;
  const prices = pricesOf(row);
  return {
    provider,
    id,
    ...(contextWindow && { contextWindow: contextWindow[0] }),
    ...(maxOutputTokens && { maxOutputTokens: maxOutputTokens[0] }),
    ...(prices && { prices }),
    ...(longInput && { longInput: { fromTokens: longInput[0], ...(longInput[2] && { prices: longInput[2] }) } }),
    ...(until && { pricesUntil: { day: until[0], ...(until[2] && { later: until[2] }) } }),
    ...(retired && { retired: retired[0] }),
    sources: sourcesOf(row),
  };
}

function pricesOf({ input, cachedInput, cacheWrite, cacheWriteHour, output }: Row): Prices | undefined {
  if (!input || !output) return undefined;
  return {
    input: input[0],
    ...(cachedInput && { cachedInput: cachedInput[0] }),
    ...(cacheWrite && { cacheWrite: cacheWrite[0] }),
    ...(cacheWriteHour && { cacheWriteHour: cacheWriteHour[0] }),
    output: output[0],
  };
}

function sourcesOf({ id: _id, until, ...row }: Row): ModelInfo["sources"] {
  const facts = { ...row, ...(until && { pricesUntil: until }) };
  return Object.fromEntries(
    Object.entries(facts).map(([name, [, letters]]) => [name, [...letters].flatMap((letter) => SOURCES[letter] ?? [])]),
  );
}
