/** A tracer and a meter that keep what they are told. */

import type { Attributes, InstrumentOptions, Meter, Span, SpanStart, Tracer } from "cloudllm/otel";

export interface KeptSpan {
  readonly name: string;
  readonly kind: number;
  /** The attributes at its creation, which a sampler sees. */
  readonly created: Attributes;
  readonly attributes: Attributes;
  readonly events: { readonly name: string; readonly attributes: Attributes }[];
  status: { readonly code: number; readonly message?: string } | undefined;
  ends: number;
}

export interface Measurement {
  readonly instrument: string;
  readonly value: number;
  readonly attributes: Attributes;
}

export interface Telemetry {
  readonly tracer: Tracer;
  readonly meter: Meter;
  readonly spans: readonly KeptSpan[];
  readonly measurements: readonly Measurement[];
  readonly instruments: ReadonlyMap<string, InstrumentOptions & { readonly kind: "histogram" | "counter" }>;
  /** The sum of what an instrument was told. */
  sum(instrument: string): number;
  of(instrument: string): readonly Measurement[];
}

export function telemetry(): Telemetry {
  const spans: KeptSpan[] = [];
  const measurements: Measurement[] = [];
  const instruments = new Map<string, InstrumentOptions & { readonly kind: "histogram" | "counter" }>();
  const noteOf = (instrument: string) => (value: number, attributes: Attributes) => {
    if (!Number.isFinite(value) || value < 0) throw new Error(`${instrument}: ${value}`);
    measurements.push({ instrument, value, attributes: { ...attributes } });
  };
  const of = (instrument: string) => measurements.filter((each) => each.instrument === instrument);
  return {
    spans,
    measurements,
    instruments,
    of,
    sum: (instrument) => of(instrument).reduce((sum, { value }) => sum + value, 0),
    tracer: {
      startActiveSpan<Run extends (span: Span) => unknown>(name: string, start: SpanStart, run: Run) {
        const kept: KeptSpan = {
          name,
          kind: start.kind,
          created: { ...start.attributes },
          attributes: { ...start.attributes },
          events: [],
          status: undefined,
          ends: 0,
        };
        spans.push(kept);
        return run({
          isRecording: () => kept.ends === 0,
          setAttributes: (more) => Object.assign(kept.attributes, more),
          addEvent: (event, attributes = {}) => kept.events.push({ name: event, attributes }),
          setStatus: (status) => {
            kept.status = status;
          },
          end: () => {
            kept.ends++;
          },
        }) as ReturnType<Run>;
      },
    },
    meter: {
      createHistogram(name, options) {
        instruments.set(name, { ...options, kind: "histogram" });
        return { record: noteOf(name) };
      },
      createCounter(name, options) {
        instruments.set(name, { ...options, kind: "counter" });
        return { add: noteOf(name) };
      },
    },
  };
}
