/** Types of `telemetry.mjs`, which is JavaScript because the packages of OpenTelemetry may not be installed. */

import type { Meter, Tracer } from "cloudllm/otel";

/** Why OpenTelemetry cannot be run; `undefined` when it can. */
export const telemetryMissing: string | undefined;

/** A span as an exporter gets it. */
export interface ExportedSpan {
  readonly name: string;
  readonly kind: number;
  readonly spanId: string;
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code: number };
  readonly isEnded: boolean;
}

/** A metric as an exporter gets it. */
export interface ExportedMetric {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly {
    readonly attributes: Readonly<Record<string, unknown>>;
    /** The sum, or the number of records and their boundaries. */
    readonly value: number | { readonly count: number; readonly boundaries: readonly number[] };
  }[];
}

/** The official SDKs with exporters in memory, and the parts of their API. */
export function startTelemetry(): Promise<{
  readonly tracer: Tracer;
  readonly meter: Meter;
  /** A tracer whose spans a sampler drops. */
  readonly dropped: Tracer;
  readonly context: { active(): unknown; with<Result>(context: unknown, run: () => Result): Result };
  readonly propagation: {
    extract(context: unknown, carrier: Record<string, string>): unknown;
    inject(context: unknown, carrier: Record<string, string>): void;
  };
  spans(): readonly ExportedSpan[];
  metrics(): Promise<readonly ExportedMetric[]>;
  reset(): void;
  close(): Promise<void>;
}>;
