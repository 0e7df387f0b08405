/** What v0.1.0 of the conventions demands of the span and the measurements of one call that has ended. */

import type { AssistantMessage, Attempt, SendError } from "cloudllm";
import type { Attributes } from "cloudllm/otel";
import { expect } from "vitest";
import type { KeptSpan, Measurement } from "../support/telemetry.ts";

/** A call as its caller saw it. */
export interface SeenCall {
  readonly provider: string;
  readonly model: string;
  readonly operation: "chat" | "generate_content";
  readonly isStreamed: boolean;
  readonly address: { readonly host: string; readonly port: number };
  readonly message?: AssistantMessage | undefined;
  readonly error?: SendError | undefined;
}

/** Every name that a call's span may have without `captureContent`. */
const NAMES: readonly RegExp[] = [
  /^gen_ai\.(operation|provider)\.name$/,
  /^gen_ai\.request\.(model|stream|temperature|top_p|top_k|seed|max_tokens|stop_sequences|reasoning\.level)$/,
  /^gen_ai\.output\.type$/,
  /^gen_ai\.response\.(id|model|finish_reasons|time_to_first_chunk)$/,
  /^gen_ai\.usage\.((text|image|audio)\.)?(input_tokens|output_tokens|(cache_read|cache_write)\.input_tokens)$/,
  /^gen_ai\.usage\.reasoning\.output_tokens$/,
  /^server\.(address|port)$|^error\.type$|^http\.response\.status_code$/,
  /^cloudllm\./,
];

const REASONS: Readonly<Record<string, string>> = {
  stop: "stop",
  length: "length",
  toolCalls: "tool_call",
  contentFilter: "content_filter",
  refusal: "content_filter",
  stopped: "error",
  interrupted: "error",
};

/** Checks a call's span. */
export function demandSpan(call: SeenCall, span: KeptSpan): void {
  const { message, error } = call;
  const reply = message ?? error?.partial;
  const base = baseOf(call);
  expect(span).toMatchObject({ name: `${call.operation} ${call.model}`, kind: 2, ends: 1 });
  expect(span.created).toMatchObject(base); // samplers see them
  const { attributes } = span;
  for (const name of Object.keys(attributes))
    expect(
      NAMES.some((known) => known.test(name)),
      name,
    ).toBe(true);
  expect(Object.values(attributes)).not.toContain(undefined);
  expect(attributes["gen_ai.request.stream"]).toBe(call.isStreamed || undefined);
  const isFailed = error !== undefined && error.kind !== "aborted";
  expect(span.status).toEqual(isFailed ? { code: 2 } : undefined);
  expect(attributes["error.type"]).toBe(isFailed ? error.kind : undefined);
  const reason = message
    ? (REASONS[message.finishReason] ?? message.rawFinishReason?.toLowerCase() ?? "error")
    : "error";
  expect(attributes["gen_ai.response.finish_reasons"]).toEqual([reason]);
  expect(attributes["gen_ai.response.id"]).toBe(reply?.id);
  const usage = usageOf(call);
  expect(attributes["gen_ai.usage.input_tokens"]).toBe(usage?.input);
  expect(attributes["gen_ai.usage.output_tokens"]).toBe(usage?.output);
  if (reply?.estimatedUsage) expect(attributes["cloudllm.usage.estimated"]).toBe(true);
  const first = reply?.metrics.timeToFirstChunkMs;
  const isTimed = call.isStreamed && first !== undefined;
  expect(attributes["gen_ai.response.time_to_first_chunk"]).toBe(isTimed ? first / 1000 : undefined);
  const attempts = attemptsOf(call);
  expect(attributes["cloudllm.attempts"]).toBe(attempts.length);
  expect(span.events.map(({ name, attributes: its }) => [name, its["cloudllm.attempt.outcome"]])).toEqual(
    attempts.map(({ outcome }) => ["cloudllm.attempt", outcome]),
  );
}

/** Checks a call's measurements. */
export function demandMeasurements(call: SeenCall, measurements: readonly Measurement[]): void {
  const { error } = call;
  const of = (name: string) =>
    measurements.filter(({ instrument }) => instrument === `gen_ai.client.inference.${name}`);
  const attempts = attemptsOf(call);
  const isLocal = error && ["unsupported", "invalidRequest", "busy"].includes(error.kind) && error.status === undefined;
  if (isLocal && attempts.length === 0) return expect(measurements).toEqual([]);
  const base = baseOf(call);
  const usage = usageOf(call);
  const errorType = error && error.kind !== "aborted" ? error.kind : undefined;
  for (const { attributes } of measurements) expect(attributes).toMatchObject(base);
  for (const name of ["duration", "operation.input_tokens", "operation.output_tokens"]) {
    expect(of(name), name).toHaveLength(1);
    expect(of(name)[0]?.attributes["error.type"], name).toBe(errorType);
    expect(of(name)[0]?.attributes).not.toHaveProperty("gen_ai.token.modality");
  }
  expect(of("operation.input_tokens")[0]?.value).toBe(usage?.input ?? 0);
  expect(of("operation.output_tokens")[0]?.value).toBe(usage?.output ?? 0);
  for (const [name, total] of [
    ["usage.input_tokens", usage?.input],
    ["usage.output_tokens", usage?.output],
  ] as const) {
    const counts = of(name);
    expect(counts.length, name).toBeGreaterThan(0); // failed calls, too
    expect(
      counts.reduce((sum, { value }) => sum + value, 0),
      name,
    ).toBe(total ?? 0);
    for (const { attributes } of counts) {
      expect(attributes).not.toHaveProperty("error.type");
      expect(["text", "image", "audio", "unknown"]).toContain(attributes["gen_ai.token.modality"]);
      if (total === undefined) expect(attributes["gen_ai.token.modality"]).toBe("unknown");
    }
  }
  const reply = call.message ?? call.error?.partial;
  const isTimed = call.isStreamed && reply?.metrics.timeToFirstChunkMs !== undefined;
  expect(of("time_to_first_chunk")).toHaveLength(isTimed ? 1 : 0);
  const gaps = of("time_per_output_chunk");
  if (call.isStreamed && reply) expect(gaps).toHaveLength(Math.max(0, reply.metrics.chunks - 1));
  for (const { attributes } of gaps) expect(attributes).not.toHaveProperty("error.type");
}

function baseOf({ operation, provider, model, address }: SeenCall): Attributes {
  return {
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": model,
    "server.address": address.host,
    "server.port": address.port,
  };
}

function attemptsOf({ message, error }: SeenCall): readonly Attempt[] {
  return error?.attempts ?? (message ?? error?.partial)?.metrics.attempts ?? [];
}

/** What the provider counted, never an estimate: for the reply, else for the attempts. */
function usageOf(call: SeenCall): { readonly input: number; readonly output: number } | undefined {
  const { usage } = call.message ?? call.error?.partial ?? {};
  const all = usage ? [usage] : attemptsOf(call).flatMap(({ usage: its }) => (its ? [its] : []));
  if (all.length === 0) return undefined;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  return { input: sum(all.map((each) => each.inputTokens)), output: sum(all.map((each) => each.outputTokens)) };
}
