/** Every path of the server answers the clients that it is for. The dialects have suites of their own. */

import { startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, ask, type Served, startServed } from "../support/served.ts";

let served: Served;
let close: () => Promise<void>;
beforeAll(async () => {
  const provider = await startProviderServer(() => ({ text: "Hello" }));
  served = await startServed(["--base-url", provider.baseUrl, "--model", "gpt-6-luna"]);
  close = () => provider.close();
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await close();
});

function post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const text = JSON.stringify(body);
  const json = { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) };
  return ask(served.url + path, { ...json, ...headers }, { method: "POST", body: text });
}

const MESSAGES = [{ role: "user", content: "Hi" }];

test.each([
  ["Chat Completions", "/v1/chat/completions", { model: "any", messages: MESSAGES }],
  ["Chat Completions without the version", "/chat/completions", { model: "any", messages: MESSAGES }],
  ["Chat Completions, streamed", "/v1/chat/completions", { model: "any", messages: MESSAGES, stream: true }],
  ["Responses", "/v1/responses", { model: "any", input: "Hi" }],
  ["Responses, streamed", "/v1/responses", { model: "any", input: "Hi", stream: true }],
  ["Anthropic's Messages", "/v1/messages", { model: "any", max_tokens: 9, messages: MESSAGES }],
  ["Anthropic's Messages, streamed", "/v1/messages", { model: "any", max_tokens: 9, messages: MESSAGES, stream: true }],
])("%s", async (_name, path, body) => {
  const { status, body: text } = await post(path, body, { authorization: "Bearer none" });
  expect(status).toBe(200);
  expect(text).toContain("Hello");
});

test("tokens are counted as Anthropic's API does", async () => {
  const { body } = await post("/v1/messages/count_tokens", { model: "any", messages: MESSAGES });
  expect(JSON.parse(body)).toEqual({ input_tokens: expect.any(Number) });
});

test.each(["/v1/models", "/models"])("%s lists the model", async (path) => {
  const { body } = await ask(served.url + path);
  expect(JSON.parse(body)).toMatchObject({ data: [{ id: "gpt-6-luna" }] });
});

describe("a conversation", () => {
  test("of useChat is one of the page's", async () => {
    const message = { id: "m1", role: "user", parts: [{ type: "text", text: "Hi from useChat" }] };
    const { status, body } = await post("/api/chat", { id: "chat-1", messages: [message], trigger: "submit-message" });
    expect(status).toBe(200);
    expect(body).toContain("Hello");
    expect((await ask(`${served.url}/relay/chat-1`)).body).toContain("Hi from useChat");
    expect((await ask(`${served.url}/api/chat/chat-1/stream`)).status).toBeLessThan(300);
    expect((await post("/api/chat/chat-1/stop", {})).status).toBeLessThan(300);
  });

  test("of an AG-UI client is one of the page's", async () => {
    const input = {
      threadId: "chat-2",
      runId: "run-0123456789abcdef01",
      tools: [],
      context: [],
      state: {},
      forwardedProps: {},
    };
    const messages = [{ id: "m1", role: "user", content: "Hi from AG-UI" }];
    const { status, body } = await post("/ag-ui", { ...input, messages });
    expect(status).toBe(200);
    expect(body).toContain("RUN_FINISHED");
    expect((await ask(`${served.url}/relay/chat-2`)).body).toContain("Hi from AG-UI");
  });

  test("is in the list, and is deleted", async () => {
    await post("/relay", { run: "0123456789abcdef0123456789", chat: "chat-3", message: "Hi from the page" });
    expect((await ask(`${served.url}/relay`)).body).toContain("Hi from the page");
    expect((await ask(`${served.url}/relay/chat-3`, {}, { method: "DELETE" })).status).toBeLessThan(300);
    expect((await ask(`${served.url}/relay`)).body).not.toContain("Hi from the page");
  });
});
