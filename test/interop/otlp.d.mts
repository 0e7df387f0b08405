/** Types of `otlp.mjs`, which is JavaScript because the packages of OpenTelemetry may not be installed. */

import type { Meter, Tracer } from "cloudllm/otel";

/** Why nothing can be exported; `undefined` when it can. */
export const otlpMissing: string | undefined;

/** Both SDKs with exporters to a collector at this address. */
export function startExport(collector: string): Promise<{
  readonly tracer: Tracer;
  readonly meter: Meter;
  flush(): Promise<void>;
  close(): Promise<void>;
}>;
