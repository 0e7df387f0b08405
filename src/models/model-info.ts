/** What is known of a model: its limits, its prices, and who says so. */

import { MODELS, SOURCES } from "./data.ts";
import type { Prices, Row, Source } from "./row.ts";

/** A model by name. Clients, replies (`AssistantMessage`) and turns of `session.tokenUsage()` are such names, too. */
export interface ModelName {
  /** As the client calls it: `openai`, `anthropic`, `gemini`, `xai` … */
  readonly provider: string;
  readonly model: string;
}

/** What of a model is known by a source of its own. */
export type ModelFact = "contextWindow" | "maxOutputTokens" | keyof Prices | "longInput" | "pricesUntil" | "retired";

/** What is known of a model. What no source states is absent. */
export interface ModelInfo {
  readonly provider: string;
  /** The name under which it is listed: without the date of a snapshot that differs in nothing. */
  readonly id: string;
  /** Tokens of input and output together (at Google: of input). */
  readonly contextWindow?: number;
  /** Most tokens of one reply, reasoning included. */
  readonly maxOutputTokens?: number;
  readonly prices?: Prices;
  /** Requests with at least so many input tokens cost more; how much, where a source states it. */
  readonly longInput?: { readonly fromTokens: number; readonly prices?: Prices };
  /** The last day on which `prices` hold, as `YYYY-MM-DD`, and what holds from the next on, where that is known. */
  readonly pricesUntil?: { readonly day: string; readonly later?: Prices };
  /** The day, as `YYYY-MM-DD`, on which the provider stopped it, or is going to. */
  readonly retired?: string;
  /** Who states each of these, and when. */
  readonly sources: { readonly [fact in ModelFact]?: readonly Source[] };
}

/**
 * Looks a model up. Snapshots are found by their own name or else by their family's (`claude-haiku-4-5-20251001`,
 * `gpt-5.4-2026-03-05`, `grok-4.3-latest`). Nothing is guessed: a name that only resembles a known one is not known, and
 * names that move from one model to the next (`gemini-flash-latest`) are not either; there the reply's `model` says what ran.
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
export function modelInfoOf({ provider, model }: ModelName): ModelInfo | undefined {
  const rows = Object.hasOwn(MODELS, provider) ? (MODELS[provider] ?? []) : [];
  const id = model.replace(/^models\//, ""); // as Google writes it
  const row = rows.find((each) => each.id === id) ?? rows.find((each) => each.id === familyOf(id));
  return row && infoOf(provider, row);
}

/** The name without the date at its end, which Google Cloud puts after an `@`. */
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
