/** OpenTelemetry's SDKs with their exporters for collectors, loaded when they are used. */

import { existsSync } from "node:fs";

const has = (name) => existsSync(new URL(`node_modules/@opentelemetry/${name}`, import.meta.url));

export const otlpMissing = ["sdk-trace-node", "exporter-trace-otlp-http", "exporter-metrics-otlp-http"].every(has)
  ? undefined
  : "OpenTelemetry's exporters are not installed: npm ci --prefix test/interop";

/** Starts both SDKs; what they record goes to a collector. `flush` sends it. */
export async function startExport(collector) {
  const sdk = await import("@opentelemetry/sdk-trace-node");
  const measured = await import("@opentelemetry/sdk-metrics");
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-http");
  const spans = new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url: `${collector}/v1/traces` }));
  const provider = new sdk.NodeTracerProvider({ spanProcessors: [spans] });
  const reader = new measured.PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${collector}/v1/metrics` }),
    exportIntervalMillis: 3_600_000,
  });
  const meters = new measured.MeterProvider({ readers: [reader] });
  return {
    tracer: provider.getTracer("cloudllm-test"),
    meter: meters.getMeter("cloudllm-test"),
    async flush() {
      await provider.forceFlush();
      await meters.forceFlush();
    },
    async close() {
      await provider.shutdown();
      await meters.shutdown();
    },
  };
}
