/** What a traced client records, beside the table of faults. */

import { fallback, LLMSession, type SendOptions, type Tool } from "cloudllm";
import { type TracedOptions, traced, tracedHandler, tracedTools } from "cloudllm/otel";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import { type Telemetry, telemetry } from "../support/telemetry.ts";

const QUESTION = [{ role: "user", content: "Weather in Oslo?" }] as const;

async function spanOf(
  script: Parameters<typeof scriptedClient>[0],
  options: TracedOptions = {},
  call: SendOptions = {},
): Promise<Telemetry> {
  const kept = telemetry();
  const client = traced(scriptedClient(script), { tracer: kept.tracer, meter: kept.meter, ...options });
  await client.sendMessage(QUESTION, call).catch(() => undefined);
  return kept;
}

test("the options of a call are attributes of its span when it begins, so that samplers see them", async () => {
  const kept = await spanOf(
    [{ text: "Rain" }],
    { attributes: { "gen_ai.conversation.id": "chat-1" } },
    {
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      maxOutputTokens: 99,
      stop: ["END"],
      providerOptions: { top_k: 40, frequency_penalty: 0.1, presence_penalty: 0.2, previous_response_id: "resp_0" },
    },
  );
  expect(kept.spans[0]?.created).toMatchObject({
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.top_k": 40,
    "gen_ai.request.seed": 7,
    "gen_ai.request.max_tokens": 99,
    "gen_ai.request.stop_sequences": ["END"],
    "gen_ai.request.frequency_penalty": 0.1,
    "gen_ai.request.presence_penalty": 0.2,
    "gen_ai.request.previous_response.id": "resp_0",
    "gen_ai.conversation.id": "chat-1",
  });
});

test.each([
  ["vertex", "gemini-3-pro-preview", "generate_content", "gcp.vertex_ai"],
  ["vertex", "claude-sonnet-5", "chat", "gcp.vertex_ai"],
  ["azure", "gpt-6-luna", "chat", "azure.ai.openai"],
  ["bedrock", "gpt-oss-20b", "chat", "aws.bedrock"],
  ["together", "llama", "chat", "together"],
])("a call of %s to %s has the names of the conventions", async (provider, model, operation, name) => {
  const kept = telemetry();
  await traced(scriptedClient([{ text: "Rain" }], { provider, model }), { tracer: kept.tracer }).sendMessage(QUESTION);
  expect(kept.spans[0]).toMatchObject({ name: `${operation} ${model}`, created: { "gen_ai.provider.name": name } });
});

test("nothing of a conversation is recorded without captureContent, and all of it with it", async () => {
  const script = [{ steps: [{ reasoning: "Hm." }, { text: "I look." }, CALL] }];
  const silent = await spanOf(script);
  expect(JSON.stringify(silent.spans)).not.toMatch(/Oslo|Hm\.|I look/);
  const open = await spanOf(script, { captureContent: true }, { tools: [{ name: "weather" }] });
  const { attributes = {} } = open.spans[0] ?? {};
  expect(JSON.parse(String(attributes["gen_ai.input.messages"]))).toEqual([
    { role: "user", parts: [{ type: "text", content: "Weather in Oslo?" }] },
  ]);
  expect(JSON.parse(String(attributes["gen_ai.output.messages"]))).toMatchObject([
    {
      role: "assistant",
      parts: [
        { type: "reasoning", content: "Hm." },
        { type: "text", content: "I look." },
        { type: "tool_call", name: "weather", arguments: { city: "Oslo" } },
      ],
    },
  ]);
  expect(attributes["gen_ai.tool.definitions"]).toBe('[{"type":"function","name":"weather"}]');
});

const CALL = { toolCall: { name: "weather", arguments: { city: "Oslo" } } } as const;

test("a filter decides what is recorded of each piece of content", async () => {
  const seen: string[] = [];
  const kept = await spanOf([{ text: "secret rain" }], {
    captureContent: (value, attribute) => {
      seen.push(attribute);
      return attribute === "gen_ai.input.messages" ? undefined : JSON.stringify(value).replaceAll("secret", "***");
    },
  });
  expect(seen).toEqual(["gen_ai.input.messages", "gen_ai.output.messages"]);
  const { attributes = {} } = kept.spans[0] ?? {};
  expect(attributes).not.toHaveProperty("gen_ai.input.messages");
  expect(attributes["gen_ai.output.messages"]).toContain("*** rain");
});

test("the bytes of a picture are not recorded, and its address is", async () => {
  const kept = telemetry();
  const client = traced(scriptedClient([{ text: "A cat" }]), { tracer: kept.tracer, captureContent: true });
  await client.sendMessage([
    {
      role: "user",
      content: [
        { type: "image", data: "AAAABBBBCCCC", mediaType: "image/png" },
        { type: "image", url: "https://example.com/cat.png" },
        { type: "file", fileId: "file-1", mediaType: "application/pdf" },
      ],
    },
  ]);
  const [{ parts }] = JSON.parse(String(kept.spans[0]?.attributes["gen_ai.input.messages"]));
  expect(parts).toEqual([
    { type: "blob", mime_type: "image/png", modality: "image" },
    { type: "uri", modality: "image", uri: "https://example.com/cat.png" },
    { type: "file", mime_type: "application/pdf", modality: "document", file_id: "file-1" },
  ]);
});

test("an estimate never enters the counts of the conventions", async () => {
  const kept = await spanOf([{ text: "Half a sentence", ending: "cut" }]);
  const { attributes = {} } = kept.spans[0] ?? {};
  expect(Object.keys(attributes).filter((name) => name.startsWith("gen_ai.usage."))).toEqual([]);
  expect(attributes["cloudllm.usage.estimated"]).toBe(true);
  expect(attributes["cloudllm.usage.estimated.output_tokens"]).toBeGreaterThan(0);
  const [count] = kept.of("gen_ai.client.inference.usage.output_tokens");
  expect(count).toMatchObject({ value: 0, attributes: { "gen_ai.token.modality": "unknown" } });
});

test("tokens are text only where nothing else went in or came out", async () => {
  const usage = { inputTokens: 11, outputTokens: 7 };
  const text = await spanOf([{ text: "Rain", ending: { usage } }]);
  const counter = "gen_ai.client.inference.usage.input_tokens";
  expect(text.of(counter)).toMatchObject([{ value: 11, attributes: { "gen_ai.token.modality": "text" } }]);
  const stored = await spanOf(
    [{ text: "Rain", ending: { usage } }],
    {},
    {
      providerOptions: { previous_response_id: "resp_0" },
    },
  );
  expect(stored.of(counter)).toMatchObject([{ value: 11, attributes: { "gen_ai.token.modality": "unknown" } }]);
});

test("clients of a fallback are attempts of one span, and the model that answered is on it", async () => {
  const kept = telemetry();
  const busy = scriptedClient([{ refusal: { status: 503, message: "busy" } }], { provider: "one", model: "m1" });
  const idle = scriptedClient([{ text: "Rain" }], { provider: "two", model: "m2" });
  await traced(fallback([busy, idle]), { tracer: kept.tracer, meter: kept.meter }).sendMessage(QUESTION);
  expect(kept.spans).toHaveLength(1);
  expect(kept.spans[0]?.events.map(({ attributes }) => attributes["cloudllm.attempt.provider"])).toEqual([
    "one",
    "two",
  ]);
  expect(kept.spans[0]?.attributes).toMatchObject({ "gen_ai.response.model": "m2", "cloudllm.attempts": 2 });
  expect(kept.spans[0]?.status).toBeUndefined();
});

test("a session's tools are spans between its calls, and one that throws is an error", async () => {
  const kept = telemetry();
  const both = { tracer: kept.tracer, meter: kept.meter };
  const tools: readonly Tool[] = [
    { name: "weather", description: "Looks.", run: () => "rain" },
    {
      name: "broken",
      run: () => {
        throw new RangeError("no such city: Oslo");
      },
    },
  ];
  const broken = { toolCall: { name: "broken", arguments: {} } } as const;
  const client = traced(scriptedClient([{ steps: [CALL, broken] }, { text: "Rain." }]), both);
  const session = new LLMSession({ client, tools: tracedTools(tools, both) });
  await session.sendMessage("Weather in Oslo?");
  const named = (name: string) => kept.spans.find((span) => span.name === name);
  expect(kept.spans.map(({ name }) => name).sort()).toEqual([
    "chat script",
    "chat script",
    "execute_tool broken",
    "execute_tool weather",
  ]);
  expect(named("execute_tool weather")).toMatchObject({
    kind: 0,
    ends: 1,
    status: undefined,
    created: {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "weather",
      "gen_ai.tool.type": "function",
      "gen_ai.tool.description": "Looks.",
    },
  });
  expect(named("execute_tool broken")).toMatchObject({
    status: { code: 2 },
    attributes: { "error.type": "RangeError" },
  });
  expect(kept.of("gen_ai.execute_tool.duration")).toHaveLength(2);
  expect(JSON.stringify(kept.spans)).not.toContain("Oslo");
});

test("tools among a client's defaults are traced without being named again", async () => {
  const kept = telemetry();
  const tools: readonly Tool[] = [{ name: "weather", run: () => "rain" }];
  const inner = { ...scriptedClient([{ steps: [CALL] }, { text: "Rain." }]), defaults: { tools } };
  await new LLMSession({ client: traced(inner, { tracer: kept.tracer }) }).sendMessage("Weather in Oslo?");
  expect(kept.spans.map(({ name }) => name)).toContain("execute_tool weather");
});

test("headers of `inject` are sent with the request, and none without it", async () => {
  const client = scriptedClient([{ text: "a" }, { text: "b" }]);
  await traced(client, { inject: (headers) => Object.assign(headers, { traceparent: "00-a-b-01" }) }).sendMessage(
    QUESTION,
    {
      headers: { "x-own": "1" },
    },
  );
  await traced(client, {}).sendMessage(QUESTION);
  expect(client.calls.map(({ options }) => options.headers)).toEqual([
    { traceparent: "00-a-b-01", "x-own": "1" },
    undefined,
  ]);
});

test("a request of a browser is a span that continues the browser's trace", async () => {
  const kept = telemetry();
  const contexts: string[] = [];
  const handle = tracedHandler(async () => new Response(null, { status: 503 }), {
    tracer: kept.tracer,
    route: "/api/chat",
    context: {
      active: () => "root",
      with: (context: string, run) => {
        contexts.push(context);
        return run();
      },
    },
    propagation: { extract: (context, carrier) => `${context}:${carrier.traceparent}` },
  });
  const response = await handle(new Request("http://x/api/chat", { method: "POST", headers: { traceparent: "00-1" } }));
  expect(response.status).toBe(503);
  expect(contexts).toEqual(["root:00-1"]);
  expect(kept.spans).toMatchObject([
    { name: "POST /api/chat", kind: 1, ends: 1, status: { code: 2 }, attributes: { "http.response.status_code": 503 } },
  ]);
});

test("instruments have the units and buckets of the conventions", async () => {
  const { instruments } = await spanOf([{ text: "Rain" }]);
  const described = [...instruments].map(([name, { kind, unit, advice }]) => [
    name.replace("gen_ai.client.inference.", ""),
    `${kind} ${unit} ${advice?.explicitBucketBoundaries.length ?? 0} ${advice?.explicitBucketBoundaries.at(-1) ?? ""}`,
  ]);
  expect(Object.fromEntries(described)).toEqual({
    duration: "histogram s 14 81.92",
    time_to_first_chunk: "histogram s 14 81.92",
    time_per_output_chunk: "histogram s 14 81.92",
    "operation.input_tokens": "histogram {token} 14 67108864",
    "operation.output_tokens": "histogram {token} 14 67108864",
    "usage.input_tokens": "counter {token} 0 ",
    "usage.output_tokens": "counter {token} 0 ",
    "usage.cache_read.input_tokens": "counter {token} 0 ",
    "usage.cache_write.input_tokens": "counter {token} 0 ",
    "usage.reasoning.output_tokens": "counter {token} 0 ",
  });
});
