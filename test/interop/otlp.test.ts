/**
 * A collector on loopback gets traced calls over OTLP/HTTP, in JSON as the protocol has it.
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { LLMSession } from "cloudllm";
import { traced } from "cloudllm/otel";
import { scriptedClient } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { otlpMissing, startExport } from "./otlp.mjs";

type Value = Readonly<Record<string, unknown>>;
interface Attribute {
  readonly key: string;
  readonly value: Value;
}
interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code?: number };
}
interface Point {
  readonly attributes: readonly Attribute[];
  readonly timeUnixNano: string;
  readonly count?: number | string;
  readonly sum?: number;
  readonly bucketCounts?: readonly (number | string)[];
  readonly explicitBounds?: readonly number[];
  readonly asInt?: number | string;
  readonly asDouble?: number;
}
interface Points {
  readonly dataPoints: readonly Point[];
  readonly aggregationTemporality: number;
  readonly isMonotonic?: boolean;
}
interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly histogram?: Points;
  readonly sum?: Points;
}
interface Body {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[] }[];
}

/** Takes what an exporter posts, and answers as a collector does. */
async function startCollector() {
  const posts: { readonly path: string; readonly type: string | undefined; readonly body: Body }[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      posts.push({
        path: request.url ?? "",
        type: request.headers["content-type"],
        body: JSON.parse(text) as Body,
      });
      response.writeHead(200, { "content-type": "application/json", connection: "close" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

/** The attributes as plain values. A value that is not one of the protocol's is an error. */
function plain(attributes: readonly Attribute[]): Value {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: Value): unknown {
  const [[type = "", content] = []] = Object.entries(value);
  expect(["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue"]).toContain(type);
  if (type === "intValue") return Number(content); // a string or a number
  return type === "arrayValue" ? (content as { readonly values: readonly Value[] }).values.map(plainValue) : content;
}

describe.skipIf(otlpMissing !== undefined)(`a collector ${otlpMissing ?? ""}`, () => {
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let sdk: Awaited<ReturnType<typeof startExport>>;
  let spans: readonly Span[];
  let metrics: readonly Metric[];

  beforeAll(async () => {
    collector = await startCollector();
    sdk = await startExport(collector.origin);
    const client = traced(
      scriptedClient([
        { text: ["Ra", "in"], ending: { usage: { inputTokens: 11, outputTokens: 7 } } },
        { refusal: { status: 401, message: "no" } },
        { text: Array.from({ length: 400 }, (_, at) => `word${at} `) },
      ]),
      { tracer: sdk.tracer, meter: sdk.meter, captureContent: (value) => JSON.stringify(value) },
    );
    await (await client.sendMessageStream([{ role: "user", content: "Weather?" }])).finalMessage();
    await client.sendMessage([{ role: "user", content: "Weather?" }]).catch(() => undefined);
    const session = new LLMSession({ client, budget: { tokens: 100 } });
    expect((await (await session.sendMessageStream("Go on")).finalMessage()).finishReason).toBe("budget");
    await sdk.flush();
    const bodies = collector.posts.map(({ body }) => body);
    spans = bodies.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
    metrics = bodies.flatMap(({ resourceMetrics = [] }) =>
      resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics)),
    );
  });
  afterAll(async () => {
    await sdk?.close();
    await collector?.close();
  });

  test("is posted JSON at its paths", () => {
    expect(new Set(collector.posts.map(({ path, type }) => `${path} ${type}`))).toEqual(
      new Set(["/v1/traces application/json", "/v1/metrics application/json"]),
    );
  });

  test("has a span for each call: complete, failed, and cut by a budget", () => {
    expect(spans.map(({ name, kind, status }) => [name, kind, status.code ?? 0])).toEqual([
      ["chat script", 3, 0],
      ["chat script", 3, 2],
      ["chat script", 3, 0],
    ]);
    for (const { traceId, spanId, startTimeUnixNano, endTimeUnixNano } of spans) {
      expect(traceId).toMatch(/^[\da-f]{32}$/);
      expect(spanId).toMatch(/^[\da-f]{16}$/);
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
    }
    const [complete = {}, failed = {}, cut = {}] = spans.map(({ attributes }) => plain(attributes));
    expect(complete).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "script",
      "gen_ai.request.stream": true,
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 11,
      "gen_ai.usage.output_tokens": 7,
      "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Rain"}]}]',
    });
    expect(failed).toMatchObject({ "error.type": "authentication", "gen_ai.response.finish_reasons": ["error"] });
    expect(cut["gen_ai.response.finish_reasons"]).toEqual(["error"]);
    expect(cut["error.type"]).toBeUndefined();
  });

  test("has metrics of the kinds, units and buckets of the conventions", () => {
    const of = (name: string) => metrics.find((metric) => metric.name === `gen_ai.client.inference.${name}`);
    const duration = of("duration");
    expect(duration?.unit).toBe("s");
    const counts = duration?.histogram?.dataPoints.map((point) => Number(point.count));
    expect(counts?.reduce((sum, count) => sum + count, 0)).toBe(3);
    for (const { explicitBounds = [], bucketCounts = [] } of duration?.histogram?.dataPoints ?? []) {
      expect(explicitBounds).toEqual(expect.arrayContaining([0.01, 81.92]));
      expect(bucketCounts).toHaveLength(explicitBounds.length + 1);
    }
    const input = of("usage.input_tokens");
    expect(input).toMatchObject({ unit: "{token}", sum: { isMonotonic: true } });
    const byModality = input?.sum?.dataPoints.map(({ attributes, asInt, asDouble }) => [
      plain(attributes)["gen_ai.token.modality"],
      Number(asInt ?? asDouble),
    ]);
    expect(byModality).toContainEqual(["text", 11]);
  });
});
