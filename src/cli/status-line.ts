/** The summary of a turn, in one line. */

import { type AssistantMessage, completeUsageOf, type FinishReason, type SendError } from "../index.ts";
import { replyCostOf } from "./cost.ts";
import { withFlags } from "./flags.ts";
import { quoted } from "./one-line.ts";

/** The endings that deserve a word. Absent: the model was done. */
const ENDINGS: Readonly<Record<FinishReason, string | undefined>> = {
  stop: undefined,
  length: "cut off at the token limit",
  toolCalls: "waits for a tool",
  contentFilter: "withheld by a content filter",
  refusal: "refused",
  stopped: "stopped",
  budget: "ended at the budget of its turn",
  interrupted: "broke off",
  unknown: "ended for an unknown reason",
};

/** Longer messages of providers are cut, in characters. */
const MAX_MESSAGE = 4_000;

/** Shortest time for a rate, in milliseconds: a shorter one means that the complete reply came in one piece. */
const MIN_WRITING_MS = 50;

/**
 * Returns a line such as `0.41 s to first token · 52 tokens/s · 12 in, 118 out · $0.000048 · gpt-6-luna`; `≈` marks an
 * estimate.
 * @param cost the result of `replyCostOf`
 */
export function statusLineOf(message: AssistantMessage, cost?: string): string {
  const { metrics, model, finishReason, rawFinishReason } = message;
  const { timeToFirstChunkMs, durationMs, outputTokensPerSecond: rate } = metrics;
  const writingMs = durationMs - (timeToFirstChunkMs ?? durationMs);
  const usage = completeUsageOf(message);
  const about = message.estimatedUsage ? "≈" : "";
  const ending = ENDINGS[finishReason];
  const raw = finishReason === "unknown" && rawFinishReason !== undefined ? ` (${quoted(rawFinishReason)})` : "";
  return [
    timeToFirstChunkMs === undefined
      ? `${secondsOf(durationMs)}, nothing came`
      : `${secondsOf(timeToFirstChunkMs)} to first token`,
    rate !== undefined && writingMs >= MIN_WRITING_MS && `${about}${rateOf(rate)} tokens/s`,
    usage && `${about}${usage.inputTokens} in, ${about}${usage.outputTokens} out`,
    cost,
    quoted(model),
    metrics.attempts.length > 1 && `${metrics.attempts.length} attempts`,
    ending !== undefined && `${ending}${raw}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Returns the same, with the cost of the reply where its price is known. */
export async function statusOf(message: AssistantMessage): Promise<string> {
  return statusLineOf(message, await replyCostOf(message));
}

/** Returns a failure in one line. */
export function failureLineOf({ message }: SendError): string {
  return `cloudllm: ${quoted(withFlags(message), MAX_MESSAGE)}`;
}

/** `0.41 s`, `12.3 s`, `2 min 5 s`. */
export function secondsOf(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const rounded = Math.round(seconds);
  return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

function rateOf(rate: number): string {
  return rate < 9.95 ? rate.toFixed(1) : String(Math.round(rate));
}
