/**
 * The parts of `@opentelemetry/api` that this layer calls, as types of our own: the caller's objects fit them, and
 * nothing is imported.
 */

/** Values of a span's or a measurement's attributes. One that is `undefined` is not recorded. */
export type Attributes = Record<string, string | number | boolean | string[] | undefined>;

/** A span of the caller's tracer. */
export interface Span {
  isRecording(): boolean;
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string, attributes?: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** How a span begins. `kind` is a `SpanKind`. */
export interface SpanStart {
  kind: number;
  attributes: Attributes;
}

/** A tracer: `trace.getTracer("my-program")`. The spans that begin within `run` are children of the new span. */
export interface Tracer {
  startActiveSpan<Run extends (span: Span) => unknown>(name: string, start: SpanStart, run: Run): ReturnType<Run>;
}

/** How a measurement is described. */
export interface InstrumentOptions {
  unit: string;
  description: string;
  advice?: { explicitBucketBoundaries: number[] };
}

/** A histogram of the caller's meter. */
export interface Histogram {
  record(value: number, attributes: Attributes): void;
}

/** A counter of the caller's meter. */
export interface Counter {
  add(value: number, attributes: Attributes): void;
}

/** A meter: `metrics.getMeter("my-program")`. */
export interface Meter {
  createHistogram(name: string, options: InstrumentOptions): Histogram;
  createCounter(name: string, options: InstrumentOptions): Counter;
}

/** The values of `SpanKind`. */
export const SPAN_KIND = { internal: 0, server: 1, client: 2 } as const;

/** `SpanStatusCode.ERROR`. */
export const STATUS_ERROR = 2;
