/** The hooks of a client: what goes over the wire is shown, without secrets, and costs no chunk anything. */

import { createServer } from "node:net";
import { CompatibleClient, GeminiClient, type ObservedRequest, type ObservedResponse, OpenAIClient } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const KEY = "sk-secret-0123456789abcdef";
const QUESTION = [{ role: "user", content: "hi" }] as const;

function log() {
  const requests: ObservedRequest[] = [];
  const responses: ObservedResponse[] = [];
  return {
    requests,
    responses,
    hooks: {
      onRequest: (request: ObservedRequest) => void requests.push(request),
      onResponse: (response: ObservedResponse) => void responses.push(response),
    },
  };
}

describe.each([
  ["node:http", undefined],
  ["fetch", (input: string, init: RequestInit) => fetch(input, init)],
] as const)("hooks over %s", (_name, fetch) => {
  const transport = fetch && { fetch };

  test("each attempt is shown with its body and its answer", async () => {
    await using server = await startProviderServer([
      { refusal: { status: 503, message: "busy", headers: { "retry-after": "0" } } },
      { text: ["Grüße ", "🌍"] },
    ]);
    const seen = log();
    const client = new CompatibleClient({
      model: "m",
      apiKey: KEY,
      baseUrl: server.baseUrl,
      ...transport,
      ...seen.hooks,
    });
    await (await client.sendMessageStream(QUESTION)).finalMessage();
    await expect.poll(() => seen.responses.length).toBe(2);
    expect(seen.requests.map(({ number, method, url }) => [number, method, url])).toEqual([
      [1, "POST", `${server.baseUrl}/chat/completions`],
      [2, "POST", `${server.baseUrl}/chat/completions`],
    ]);
    expect(JSON.parse(seen.requests[0]?.body ?? "")).toMatchObject({ model: "m", messages: QUESTION });
    const [refused, answered] = seen.responses;
    expect(refused).toMatchObject({ status: 503, ending: "complete", request: { number: 1 } });
    expect(refused?.body).toContain("busy");
    expect(refused?.header("Retry-After")).toBe("0");
    expect(answered).toMatchObject({ status: 200, ending: "complete", request: { number: 2 } });
    expect(answered?.body).toContain("🌍");
    expect(answered?.body).toContain("[DONE]");
    expect(answered?.bytes).toBe(Buffer.byteLength(answered?.body ?? ""));
    expect(answered?.headMs).toBeLessThanOrEqual(answered?.durationMs ?? 0);
  });

  test("no secret is shown, wherever it is", async () => {
    const echo = `data: {"choices":[{"delta":{"content":"${KEY} ${Buffer.from(KEY).toString("base64")}"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
    const body = { body: echo, headers: { "x-request-id": KEY, "set-cookie": "session=abcdefgh12345678" } };
    await using server = await startProviderServer([body]);
    const seen = log();
    const client = new CompatibleClient({
      model: "m",
      apiKey: KEY,
      baseUrl: server.baseUrl,
      ...transport,
      ...seen.hooks,
    });
    const headers = { "x-own": "another-secret-value" };
    const providerOptions = { tools: [{ authorization: "tool-secret-0123456789" }] };
    await client.sendMessage(QUESTION, { headers, providerOptions });
    await expect.poll(() => seen.responses.length).toBe(1);
    const [response] = seen.responses;
    const told = JSON.stringify([seen.requests, seen.responses, response?.header("x-request-id")]);
    expect(response?.header("set-cookie")).toBe("[key]");
    expect(told).toContain("[key]");
    for (const secret of [KEY, Buffer.from(KEY).toString("base64"), "another-secret", "tool-secret"])
      expect(told).not.toContain(secret);
  });

  test("a reply that its reader leaves is closed, with what was read", async () => {
    await using server = await startProviderServer([{ text: ["One", "Two"], ending: "hang" }]);
    const seen = log();
    const client = new CompatibleClient({ model: "m", baseUrl: server.baseUrl, ...transport, ...seen.hooks });
    for await (const chunk of await client.sendMessageStream(QUESTION)) if (chunk.content === "Two") break;
    await expect.poll(() => seen.responses.length).toBe(1);
    expect(seen.responses[0]).toMatchObject({ status: 200, ending: "closed" });
    expect(seen.responses[0]?.body).toContain("Two");
  });

  test("a server that is not there is a response without a status", async () => {
    const port = await freePort();
    const seen = log();
    const baseUrl = `http://127.0.0.1:${port}/v1`;
    const client = new CompatibleClient({ model: "m", baseUrl, retries: 0, ...transport, ...seen.hooks });
    await expect(client.sendMessage(QUESTION)).rejects.toMatchObject({ kind: "network" });
    await expect.poll(() => seen.responses.length).toBe(1);
    expect(seen.responses[0]).toMatchObject({ ending: "failed", error: expect.stringMatching(/./) });
    expect(seen.responses[0]).not.toHaveProperty("status");
  });
});

test("hooks that throw or reject do nothing", async () => {
  await using server = await startProviderServer([{ text: "Hello" }]);
  let calls = 0;
  const client = new CompatibleClient({
    model: "m",
    baseUrl: server.baseUrl,
    onRequest() {
      calls++;
      throw new Error("the log is full");
    },
    onResponse: async () => {
      calls++;
      throw new Error("the log is full");
    },
  });
  expect((await client.sendMessage(QUESTION)).content).toBe("Hello");
  await expect.poll(() => calls).toBe(2);
});

test("a chunk does not wait for a hook: the reply is complete before a slow one begins", async () => {
  await using server = await startProviderServer([{ text: "Hello" }]);
  const order: string[] = [];
  const onResponse = () => void order.push("hook");
  const client = new CompatibleClient({ model: "m", baseUrl: server.baseUrl, onResponse });
  await client.sendMessage(QUESTION);
  order.push("reply");
  await expect.poll(() => order.length).toBe(2);
  expect(order).toEqual(["reply", "hook"]);
});

test("a key that a function returned is not shown", async () => {
  await using server = await startProviderServer([{ text: "Hello" }]);
  const seen = log();
  const client = new OpenAIClient({
    model: "gpt-6-luna",
    apiKey: async () => KEY,
    baseUrl: server.baseUrl,
    ...seen.hooks,
  });
  await client.sendMessage(QUESTION);
  await expect.poll(() => seen.responses.length).toBe(1);
  expect(seen.requests[0]?.headers.authorization).toBe("[key]");
  expect(JSON.stringify(seen.requests)).not.toContain(KEY);
});

test("a hook that is not a function is refused at once", () => {
  const onRequest = "log" as unknown as () => void;
  expect(() => new GeminiClient({ model: "gemini-3-pro-preview", onRequest })).toThrow(
    "`onRequest` must be a function",
  );
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 1;
}
