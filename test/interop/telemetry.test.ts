/** OpenTelemetry's own SDKs export what traced clients, tools and relays give them. */

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CompatibleClient, LLMSession, type Tool } from "cloudllm";
import { traced, tracedHandler, tracedTools } from "cloudllm/otel";
import { createRelay } from "cloudllm/server";
import { scriptedClient, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTelemetry, telemetryMissing } from "./telemetry.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const QUESTION = [{ role: "user", content: "Weather in Oslo?" }] as const;
const USAGE = { inputTokens: 11, outputTokens: 7 };
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

describe.skipIf(telemetryMissing !== undefined)(`OpenTelemetry's SDKs ${telemetryMissing ?? ""}`, () => {
  let sdk: Awaited<ReturnType<typeof startTelemetry>>;
  let api: Pick<typeof sdk, "tracer" | "meter" | "context" | "propagation">;
  beforeAll(async () => {
    sdk = await startTelemetry();
    const { tracer, meter, context, propagation } = sdk;
    api = { tracer, meter, context, propagation };
  });
  beforeEach(() => sdk.reset());
  afterAll(() => sdk.close());

  test("a streamed call over HTTP is one span with its server, usage and times", async () => {
    await using server = await startProviderServer([
      { refusal: { status: 503, message: "busy", headers: { "retry-after": "0" } } },
      { text: ["Ra", "in"], ending: { usage: USAGE } },
    ]);
    const client = new CompatibleClient({ model: "m-1", baseUrl: server.baseUrl });
    await (await traced(client, api).sendMessageStream(QUESTION)).finalMessage();
    expect(sdk.spans()).toMatchObject([
      {
        name: "chat m-1",
        kind: 2,
        isEnded: true,
        status: { code: 0 },
        events: [{ name: "cloudllm.attempt" }, { name: "cloudllm.attempt" }],
        attributes: {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "compatible",
          "gen_ai.request.model": "m-1",
          "gen_ai.request.stream": true,
          "gen_ai.response.finish_reasons": ["stop"],
          "gen_ai.response.time_to_first_chunk": expect.any(Number),
          "gen_ai.usage.input_tokens": 11,
          "gen_ai.usage.output_tokens": 7,
          "server.address": "127.0.0.1",
          "server.port": Number(new URL(server.origin).port),
          "http.response.status_code": 200,
          "cloudllm.attempts": 2,
        },
      },
    ]);
  });

  test("metrics have the units, buckets and attributes of the conventions, for failed calls also", async () => {
    const scripts = [{ text: "Rain", ending: { usage: USAGE } }, { refusal: { status: 401, message: "no" } }];
    const client = traced(scriptedClient(scripts, { model: "of-metrics" }), api);
    await client.sendMessage(QUESTION);
    await expect(client.sendMessage(QUESTION)).rejects.toMatchObject({ kind: "authentication" });
    const metrics = await sdk.metrics();
    const of = (name: string) => {
      const metric = metrics.find((each) => each.name === `gen_ai.client.inference.${name}`);
      const points = metric?.points.filter(({ attributes }) => attributes["gen_ai.request.model"] === "of-metrics");
      return { unit: metric?.unit, points: points?.map(({ attributes, value }) => [attributes, value]) };
    };
    const duration = of("duration");
    expect(duration.unit).toBe("s");
    expect(duration.points?.map(([attributes]) => attributes)).toMatchObject([{}, { "error.type": "authentication" }]);
    expect(duration.points?.[0]?.[1]).toMatchObject({ count: 1, boundaries: expect.arrayContaining([0.01, 81.92]) });
    expect(of("usage.input_tokens")).toMatchObject({
      unit: "{token}",
      points: [
        [{ "gen_ai.token.modality": "text" }, 11],
        [{ "gen_ai.token.modality": "unknown" }, 0],
      ],
    });
  });

  test("a span that a sampler drops gets no content, and the metrics count its call", async () => {
    let captured = 0;
    const client = scriptedClient([{ text: "Rain" }], { model: "dropped" });
    const captureContent = () => captured++;
    await traced(client, { tracer: sdk.dropped, meter: sdk.meter, captureContent }).sendMessage(QUESTION);
    expect(sdk.spans()).toEqual([]);
    expect(captured).toBe(0);
    const metrics = await sdk.metrics();
    const duration = metrics.find(({ name }) => name === "gen_ai.client.inference.duration");
    expect(duration?.points.some(({ attributes }) => attributes["gen_ai.request.model"] === "dropped")).toBe(true);
  });

  test("spans of a tool are its children, and everything in a span of the caller is of one trace", async () => {
    const look = (): Promise<string> =>
      sdk.tracer.startActiveSpan("database", START, async (span) => {
        span.end();
        return "rain";
      });
    const tools: readonly Tool[] = [{ name: "weather", run: look }];
    const call = { toolCall: { name: "weather", arguments: {} } } as const;
    const client = traced(scriptedClient([{ steps: [call] }, { text: "Rain." }]), api);
    const session = new LLMSession({ client, tools: tracedTools(tools, api) });
    await sdk.tracer.startActiveSpan("invoke_agent weather", START, async (span) => {
      const stream = await session.sendMessageStream("Weather?");
      for await (const _chunk of stream);
      span.end();
    });
    const spans = sdk.spans();
    const idOf = (name: string) => spans.find((span) => span.name === name)?.spanId;
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(Object.fromEntries(spans.map(({ name, parentSpanId }) => [name, parentSpanId]))).toEqual({
      "chat script": idOf("invoke_agent weather"),
      "execute_tool weather": idOf("invoke_agent weather"),
      database: idOf("execute_tool weather"),
      "invoke_agent weather": undefined,
    });
    expect(spans.filter(({ name }) => name === "chat script")).toHaveLength(2);
  });

  test("a run of a relay continues the browser's trace, also after the browser has left", async () => {
    const client = traced(scriptedClient([{ steps: [{ text: "Ra" }, { pause: 30 }, { text: "in" }] }]), api);
    const relay = createRelay({ client, authorize: () => ({ user: "ada" }), linger: "continue" });
    const handle = tracedHandler(relay.handle, { ...api, route: "/api/chat" });
    const body = JSON.stringify({ run: crypto.randomUUID(), messages: QUESTION });
    const headers = { "content-type": "application/json", traceparent: `00-${TRACE}-${PARENT}-01` };
    const response = await handle(new Request("http://relay.test/api/chat", { method: "POST", headers, body }));
    expect(response.status).toBe(200);
    await response.body?.cancel();
    await expect.poll(() => sdk.spans().length).toBe(2);
    const [request, call] = sdk.spans();
    expect(request).toMatchObject({ name: "POST /api/chat", kind: 1, traceId: TRACE, parentSpanId: PARENT });
    expect(call).toMatchObject({ name: "chat script", traceId: TRACE, parentSpanId: request?.spanId });
    expect(call?.attributes["gen_ai.response.finish_reasons"]).toEqual(["stop"]);
    await relay.drain(0);
  });

  test("a gateway gets the trace of the call with `inject`", async () => {
    const client = scriptedClient([{ text: "Rain" }]);
    const inject = (headers: Record<string, string>) => sdk.propagation.inject(sdk.context.active(), headers);
    await traced(client, { ...api, inject }).sendMessage(QUESTION);
    const [span] = sdk.spans();
    expect(client.calls[0]?.options.headers?.traceparent).toBe(`00-${span?.traceId}-${span?.spanId}-01`);
  });

  test("the objects of @opentelemetry/api have the types that the options ask for", async () => {
    const folder = mkdtempSync(join(here, "node_modules", ".telemetry-"));
    try {
      const at = (path: string) => [join(here, "../..", path)];
      const paths = {
        "#runtime": at("src/runtime/node.ts"),
        cloudllm: at("src/index.ts"),
        "cloudllm/otel": at("src/otel/index.ts"),
      };
      const config = { extends: at("tsconfig.json")[0], compilerOptions: { paths }, include: ["p.ts"], exclude: [] };
      writeFileSync(join(folder, "p.ts"), TYPED);
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
      const tsc = join(here, "../../node_modules/typescript/bin/tsc");
      const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", folder]).catch((error) => error);
      expect(stdout).toBe("");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("the program in docs/telemetry.md prints its span and its metrics", async () => {
    const document = readFileSync(join(here, "../../docs/telemetry.md"), "utf8");
    const [, program = ""] = /^```js\n([\s\S]*?)^```$/m.exec(document) ?? [];
    const folder = mkdtempSync(join(here, "node_modules", ".telemetry-"));
    try {
      const built = (name: string) => new URL(`../../dist/${name}/index.js`, import.meta.url).href;
      const file = join(folder, "program.mjs");
      writeFileSync(
        file,
        program.replace(/"cloudllm\/(otel|testing)"/g, (_, name: string) => `"${built(name)}"`),
      );
      const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 15_000 });
      expect(stdout).toContain("name: 'chat script'");
      expect(stdout).toContain("gen_ai.client.inference.duration");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const TYPED = `
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import type { ClientWrapper } from "cloudllm";
import { traced, tracedHandler, tracedTools } from "cloudllm/otel";
declare const client: ClientWrapper;
const both = { tracer: trace.getTracer("x"), meter: metrics.getMeter("x") };
traced(client, { ...both, inject: (headers) => propagation.inject(context.active(), headers) });
tracedTools([{ name: "x" }], both);
export const handle: (request: Request) => Promise<Response> = tracedHandler(async () => new Response(), {
  ...both,
  context,
  propagation,
});
`;

const START = { kind: 0, attributes: {} };
