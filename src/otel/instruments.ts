/** The instruments of a meter, and one call's measurements. */

import type { Attributes, Counter, Histogram, Meter } from "./api.ts";
import { ATTRIBUTE, METRIC, SECONDS, TOKENS } from "./conventions.ts";
import type { ByModality, CountedUsage } from "./usage.ts";

/** The attributes of a metric: those of the target, and the model that answered. */
interface MetricAttributes {
  readonly target: Attributes;
  readonly responseModel?: string | undefined;
  readonly errorType?: string | undefined;
}

/** A call that has ended. Durations are in seconds. */
export interface Measured extends MetricAttributes {
  readonly duration: number;
  /** Of a streamed call whose first chunk came. */
  readonly timeToFirstChunk?: number | undefined;
  readonly usage: CountedUsage;
}

/** Records calls. */
export class Instruments {
  readonly #duration: Histogram;
  readonly #timeToFirstChunk: Histogram;
  readonly #timePerOutputChunk: Histogram;
  readonly #operationInput: Histogram;
  readonly #operationOutput: Histogram;
  readonly #counters: Readonly<Record<keyof CountedUsage, Counter>>;

  constructor(meter: Meter) {
    this.#duration = seconds(meter, METRIC.duration, "Duration of the call.");
    this.#timeToFirstChunk = seconds(meter, METRIC.timeToFirstChunk, "Time from the call to the first chunk.");
    this.#timePerOutputChunk = seconds(meter, METRIC.timePerOutputChunk, "Time from one chunk to the next.");
    this.#operationInput = tokens(meter, METRIC.operationInput, "Input tokens of a call.");
    this.#operationOutput = tokens(meter, METRIC.operationOutput, "Output tokens of a call.");
    const counter = (name: string, description: string) => meter.createCounter(name, { unit: "{token}", description });
    this.#counters = {
      input: counter(METRIC.inputTokens, "Input tokens, cached ones included."),
      output: counter(METRIC.outputTokens, "Output tokens, reasoning included."),
      cacheRead: counter(METRIC.cacheReadTokens, "Input tokens that were read from a cache."),
      cacheWrite: counter(METRIC.cacheWriteTokens, "Input tokens that were written to a cache."),
      reasoning: counter(METRIC.reasoningTokens, "Output tokens of reasoning."),
    };
  }

  /** `count` chunks came together, `gap` seconds after the one before. */
  chunksArrived(target: Attributes, count: number, gap: number): void {
    for (let number = 0; number < count; number++) this.#timePerOutputChunk.record(number === 0 ? gap : 0, target);
  }

  ended({ target, responseModel, errorType, duration, timeToFirstChunk, usage }: Measured): void {
    const attributes = { ...target, ...(responseModel !== undefined && { [ATTRIBUTE.responseModel]: responseModel }) };
    const withError = { ...attributes, ...(errorType !== undefined && { [ATTRIBUTE.errorType]: errorType }) };
    this.#duration.record(duration, withError);
    if (timeToFirstChunk !== undefined) this.#timeToFirstChunk.record(timeToFirstChunk, attributes);
    this.#operationInput.record(totalOf(usage.input), withError);
    this.#operationOutput.record(totalOf(usage.output), withError);
    for (const [name, counts] of Object.entries(usage) as [keyof CountedUsage, ByModality | undefined][]) {
      for (const [modality, count] of counts ?? []) {
        this.#counters[name].add(count, { ...attributes, [ATTRIBUTE.modality]: modality });
      }
    }
  }
}

/** Returns a histogram of seconds with the conventions' buckets. */
export function seconds(meter: Meter, name: string, description: string): Histogram {
  return histogram(meter, name, "s", description, SECONDS);
}

function tokens(meter: Meter, name: string, description: string): Histogram {
  return histogram(meter, name, "{token}", description, TOKENS);
}

function histogram(
  meter: Meter,
  name: string,
  unit: string,
  description: string,
  boundaries: readonly number[],
): Histogram {
  return meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...boundaries] } });
}

function totalOf(counts: ByModality): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
