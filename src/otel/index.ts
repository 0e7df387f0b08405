/** `cloudllm/otel`: calls, tools and requests as spans and metrics of OpenTelemetry. */

export type { Attributes, Counter, Histogram, InstrumentOptions, Meter, Span, SpanStart, Tracer } from "./api.ts";
export type {
  ContentFilter,
  ContextApi,
  PropagationApi,
  TelemetryOptions,
  TracedCall,
  TracedHandlerOptions,
  TracedOptions,
} from "./options.ts";
export { traced } from "./traced.ts";
export { tracedHandler } from "./traced-handler.ts";
export { tracedTools } from "./traced-tools.ts";
