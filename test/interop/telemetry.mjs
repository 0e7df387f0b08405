/** The official SDKs of OpenTelemetry, loaded when they are used: this module can be imported without them. */

import { existsSync } from "node:fs";

const has = (name) => existsSync(new URL(`node_modules/@opentelemetry/${name}`, import.meta.url));

export const telemetryMissing = ["api", "sdk-trace-node", "sdk-metrics"].every(has)
  ? undefined
  : "OpenTelemetry is not installed: npm ci --prefix test/interop";

/** Starts both SDKs, with exporters in memory. */
export async function startTelemetry() {
  const api = await import("@opentelemetry/api");
  const sdk = await import("@opentelemetry/sdk-trace-node");
  const measured = await import("@opentelemetry/sdk-metrics");
  const exporter = new sdk.InMemorySpanExporter();
  const provider = new sdk.NodeTracerProvider({ spanProcessors: [new sdk.SimpleSpanProcessor(exporter)] });
  provider.register();
  const reader = new measured.PeriodicExportingMetricReader({
    exporter: new measured.InMemoryMetricExporter(measured.AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 3_600_000,
  });
  const meters = new measured.MeterProvider({ readers: [reader] });
  const dropping = new sdk.NodeTracerProvider({
    sampler: new sdk.AlwaysOffSampler(),
    spanProcessors: [new sdk.SimpleSpanProcessor(exporter)],
  });
  return {
    tracer: api.trace.getTracer("cloudllm-test"),
    meter: meters.getMeter("cloudllm-test"),
    dropped: dropping.getTracer("cloudllm-test"),
    context: api.context,
    propagation: api.propagation,
    spans: () =>
      exporter.getFinishedSpans().map((span) => ({
        name: span.name,
        kind: span.kind,
        spanId: span.spanContext().spanId,
        traceId: span.spanContext().traceId,
        parentSpanId: span.parentSpanContext?.spanId,
        attributes: span.attributes,
        events: span.events,
        status: span.status,
        isEnded: span.ended,
      })),
    async metrics() {
      const { resourceMetrics } = await reader.collect();
      return resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .map(({ descriptor, dataPoints }) => ({
          name: descriptor.name,
          unit: descriptor.unit,
          points: dataPoints.map(({ attributes, value }) => ({
            attributes,
            value: typeof value === "number" ? value : { count: value.count, boundaries: value.buckets.boundaries },
          })),
        }));
    },
    reset: () => exporter.reset(),
    async close() {
      await provider.shutdown();
      await meters.shutdown();
      api.trace.disable();
      api.context.disable();
      api.propagation.disable();
    },
  };
}
