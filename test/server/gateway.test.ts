/** A gateway: who may use it, which model answers, what leaves the house, and when a provider is let go. */

import { CompatibleClient } from "cloudllm";
import { bearerKey, createGateway, type GatewayOptions } from "cloudllm/server";
import { Gate, type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ask, eventsOf, gatewaySite, KEY, testGateway } from "../support/gateway.ts";

const HELLO = { model: "script", messages: [{ role: "user", content: "Hello" }] };

function get(route: string, headers: Readonly<Record<string, string>> = { authorization: `Bearer ${KEY}` }): Request {
  return new Request(`http://gateway.test/v1/${route}`, { headers });
}

describe("who may use it", () => {
  test.each([
    ["authorization", `Bearer ${KEY}`],
    ["authorization", `bearer  ${KEY}`],
    ["x-api-key", KEY],
    ["api-key", KEY],
  ])("a program that sends its key as %s gets an answer", async (name, value) => {
    const { handle } = testGateway([]);
    expect((await handle(get("models", { [name]: value }))).status).toBe(200);
  });

  test.each([
    ["no key", {}],
    ["a wrong key", { authorization: "Bearer nope" }],
    ["the beginning of the key", { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ["the key and more", { authorization: `Bearer ${KEY}0` }],
    ["the key in another scheme", { authorization: `Basic ${KEY}` }],
    ["an empty key", { "x-api-key": "" }],
  ])("a program with %s gets 401 and costs nothing", async (_what, headers) => {
    const gateway = testGateway([{ text: "Hi" }]);
    const request = new Request("http://gateway.test/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(HELLO),
    });
    const response = await gateway.handle(request);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    expect(gateway.model.calls).toHaveLength(0);
  });

  test("a key that is right wins over one that is wrong: Continue sends two", async () => {
    const { handle } = testGateway([]);
    const headers = { authorization: "Bearer of-another-service", "api-key": KEY };
    expect((await handle(get("models", headers))).status).toBe(200);
  });

  test("each key of several is its own user", async () => {
    const authorize = bearerKey({ ada: "key-of-ada", bob: "key-of-bob" });
    const headers = { authorization: "Bearer key-of-bob" };
    expect(await authorize(get("models", headers))).toEqual({ user: "bob" });
  });

  test.each([
    ["an empty key", ""],
    ["no key", {}],
    ["a user with an empty key", { ada: "" }],
  ])("%s is refused when the gateway is made, not taken for a key", (_what, keys) => {
    expect(() => bearerKey(keys)).toThrow(TypeError);
  });

  test.each([
    ["nothing that says who may use it", { client: scriptedClient([]) }, "authorize"],
    ["no client", { authorize: "public" }, "client"],
    ["an option that does not exist", { client: scriptedClient([]), authorize: "public", model: {} }, "models"],
    ["a limit that does not exist", { client: scriptedClient([]), authorize: "public", limits: { runs: 1 } }, "runs"],
  ])("a gateway with %s cannot be made", (_what, options, word) => {
    expect(() => createGateway(options as GatewayOptions)).toThrow(word);
  });

  test("a page of another site is refused, one of a listed site may send the headers of its library", async () => {
    const { handle } = testGateway([], { origins: ["https://app.example"] });
    const auth = { authorization: `Bearer ${KEY}` };
    expect((await handle(get("models", { ...auth, origin: "https://evil.example" }))).status).toBe(403);
    const preflight = new Request("http://gateway.test/v1/chat/completions", {
      method: "OPTIONS",
      headers: { origin: "https://app.example", "access-control-request-headers": "authorization,x-stainless-os" },
    });
    const allowed = await handle(preflight);
    expect(allowed.headers.get("access-control-allow-headers")).toBe("authorization,x-stainless-os");
    const read = await handle(get("models", { ...auth, origin: "https://app.example" }));
    expect(read.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(read.headers.get("access-control-expose-headers")).toContain("x-request-id");
  });
});

test.each([
  ["chat/completions", "not JSON", "{", 400, {}],
  ["messages", "not JSON", "{", 400, {}],
  ["chat/completions", "too large", JSON.stringify({ ...HELLO, user: "x".repeat(2_000) }), 413, {}],
  ["messages", "too large", JSON.stringify({ ...HELLO, user: "x".repeat(2_000) }), 413, {}],
  ["chat/completions", "a form", "a=b", 415, { "content-type": "application/x-www-form-urlencoded" }],
  ["messages", "nothing", "", 400, {}],
])("a body of %s that is %s is refused in the form of its API", async (route, _what, body, status, headers) => {
  const { handle } = testGateway([], { limits: { bodyBytes: 1_000 } });
  const request = new Request(ask(route, {}, headers), { body });
  const response = await handle(request);
  expect(response.status).toBe(status);
  const answered = await response.json();
  expect(answered).toMatchObject({ error: { type: expect.any(String), message: expect.stringMatching(/\.$/) } });
  expect(answered.type).toBe(route === "messages" ? "error" : undefined);
});

test("a stream is sent so that proxies neither keep nor pack it", async () => {
  const { headers } = await testGateway([{ text: "Hi" }]).handle(ask("messages", { ...HELLO, stream: true }));
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  expect(headers.has("connection")).toBe(false);
});

describe("which model answers", () => {
  const authorize = "public" as const;

  test("any name is answered by the one client, whose name is in the reply", async () => {
    const gateway = testGateway([{ text: "Hi" }]);
    const reply = await gateway.handle(ask("chat/completions", { ...HELLO, model: "gpt-4o" }));
    expect(await reply.json()).toMatchObject({ model: "script", choices: [{ message: { content: "Hi" } }] });
  });

  test("a name chooses its client", async () => {
    const [fast, slow] = [scriptedClient([{ text: "fast" }]), scriptedClient([{ text: "slow" }])];
    const { handle } = createGateway({ models: { fast, "vendor/slow": slow }, authorize });
    const reply = await handle(ask("chat/completions", { ...HELLO, model: "vendor/slow" }));
    expect(await reply.json()).toMatchObject({ model: "vendor/slow", choices: [{ message: { content: "slow" } }] });
    expect(await (await handle(get("models"))).json()).toMatchObject({ data: [{ id: "fast" }, { id: "vendor/slow" }] });
    expect(await (await handle(get("models/vendor%2Fslow"))).json()).toMatchObject({ id: "vendor/slow" });
  });

  test("an unknown name is 404 without a default client, and its list is complete with one", async () => {
    const fast = scriptedClient([]);
    const without = createGateway({ models: { fast }, authorize });
    const refused = await without.handle(ask("chat/completions", { ...HELLO, model: "gpt-4o" }));
    expect([refused.status, await refused.json()]).toMatchObject([404, { error: { code: "model_not_found" } }]);
    expect((await without.handle(get("models/gpt-4o"))).status).toBe(404);
    const { model: _none, ...unnamed } = HELLO;
    expect((await without.handle(ask("chat/completions", unnamed))).status).toBe(400);
    const other = scriptedClient([], { model: "other" });
    const both = createGateway({ client: other, models: { fast }, authorize });
    expect(await (await both.handle(get("models"))).json()).toMatchObject({ data: [{ id: "other" }, { id: "fast" }] });
  });

  test("Anthropic's libraries get their own form of the list", async () => {
    const { handle } = testGateway([]);
    const list = await handle(get("models", { "x-api-key": KEY, "anthropic-version": "2023-06-01" }));
    expect(await list.json()).toMatchObject({
      data: [{ type: "model", id: "script", display_name: "script" }],
      has_more: false,
      first_id: "script",
      last_id: "script",
    });
  });

  test.each(["/v1/chat/completions", "/chat/completions", "/llm/v1/chat/completions/", "/llm/chat/completions"])(
    "a base address with and without v1 works: %s",
    async (path) => {
      const { handle } = testGateway([{ text: "Hi" }]);
      const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
      const body = JSON.stringify(HELLO);
      const reply = await handle(new Request(`http://gateway.test${path}`, { method: "POST", headers, body }));
      expect(reply.status).toBe(200);
    },
  );

  test.each(["/v1/models", "/v1/models/gpt-6", "/v1/embeddings"])("HEAD %s has the head of GET", async (path) => {
    const { handle } = testGateway([]);
    const heads = [];
    for (const method of ["GET", "HEAD"]) {
      const request = new Request(`http://gateway.test${path}`, {
        method,
        headers: { authorization: `Bearer ${KEY}` },
      });
      const { status, headers, body } = await handle(request);
      heads.push([status, headers.get("content-type")]);
      if (method === "HEAD") expect(body).toBeNull();
    }
    expect(heads[1]).toEqual(heads[0]);
  });

  test("only its own path is the gateway's", async () => {
    const { handle } = testGateway([], { path: "/llm" });
    const headers = { authorization: `Bearer ${KEY}` };
    expect((await handle(new Request("http://gateway.test/llm/v1/models", { headers }))).status).toBe(200);
    expect((await handle(new Request("http://gateway.test/v1/models", { headers }))).status).toBe(404);
    expect((await handle(new Request("http://gateway.test/llm/v1/embeddings", { headers }))).status).toBe(404);
  });
});

describe("failures of the provider", () => {
  const SECRETS = /sk-secret|127\.0\.0\.1|provider\.internal|org-9/;

  async function behind(script: ReplyScript, body: object): Promise<Response> {
    await using server = await startProviderServer(() => script);
    const { baseUrl } = server;
    const client = new CompatibleClient({ baseUrl, apiKey: "sk-secret-123", model: "m", retries: 0 });
    const { handle } = createGateway({ client, authorize: bearerKey(KEY) });
    const response = await handle(ask("chat/completions", body));
    const text = await response.text();
    return new Response(text, response);
  }

  test.each([
    [401, 424, "authentication", "invalid_request_error"],
    [403, 424, "permission", "invalid_request_error"],
    [404, 424, "notFound", "invalid_request_error"],
    [400, 400, "invalid_request", "invalid_request_error"],
    [500, 502, "server", "server_error"],
  ])("a provider's %i is a final %i, without its words, key or address", async (status, expected, code, type) => {
    const message = "sk-secret-123 of org-9 at provider.internal may not do this";
    for (const stream of [true, false]) {
      const response = await behind({ refusal: { status, message } }, { ...HELLO, stream });
      expect([response.status, response.headers.get("x-should-retry")]).toEqual([expected, "false"]);
      const text = await response.text();
      expect(text).not.toMatch(SECRETS);
      expect(JSON.parse(text)).toMatchObject({ error: { code, type } });
    }
  });

  test.each([
    ["chat/completions", 429, 429],
    ["chat/completions", 503, 503],
    ["messages", 429, 429],
    ["messages", 529, 529],
  ])("an agent at %s may wait and come back after a provider's %i", async (route, status, expected) => {
    const gateway = testGateway(() => ({ refusal: { status } }));
    const response = await gateway.handle(ask(route, { ...HELLO, max_tokens: 5 }));
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([expected, null]);
  });

  test("a wrong key of the program's own is final: Claude Code would ask again for minutes", async () => {
    const response = await testGateway([]).handle(ask("messages", HELLO, { authorization: "Bearer wrong" }));
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([401, "false"]);
  });

  test("a spent quota is final: it does not come back in minutes", async () => {
    const response = await behind({ refusal: { status: 429, code: "insufficient_quota" } }, HELLO);
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([429, "false"]);
    const { error } = await response.json();
    expect(error).toMatchObject({ code: "insufficient_quota", message: expect.stringContaining("quota") });
  });

  test("how long to wait is passed on, in milliseconds as well", async () => {
    const response = await behind({ refusal: { status: 429, headers: { "retry-after": "70" } } }, HELLO);
    expect([response.headers.get("retry-after"), response.headers.get("retry-after-ms")]).toEqual(["70", "70000"]);
  });

  test("half a reply is an error in every form, and a whole one may be asked for again", async () => {
    const half: ReplyScript = { text: ["Half ", "a reply"], ending: "cut" };
    const streamed = await behind(half, { ...HELLO, stream: true });
    const events = await eventsOf(streamed);
    expect(events.at(-2)?.data).toMatchObject({ error: { code: "truncated" } });
    expect(events.at(-1)?.data).toBe("[DONE]");
    const whole = await behind(half, HELLO);
    expect([whole.status, whole.headers.get("x-should-retry")]).toEqual([502, null]);
  });

  test.each([
    [{ finishReason: "length" }, ["length", "incomplete max_output_tokens", "max_tokens"]],
    [{ finishReason: "refusal" }, ["content_filter", "incomplete content_filter", "refusal"]],
    [{ finishReason: "stop" }, ["stop", "completed", "end_turn"]],
  ] as const)(
    "JSON that a model did not finish (%j) is delivered with its reason, as the provider does",
    async (ending, said) => {
      const script: ReplyScript = { text: '{"city":"Os', ending };
      const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
      const format = { type: "json_schema", name: "place", schema };
      for (const stream of [false, true]) {
        const gateway = testGateway([script, script, script]);
        const asked = async (route: string, body: object): Promise<string> => {
          const response = await gateway.handle(ask(route, { ...body, stream }));
          expect(response.status).toBe(200);
          return response.text();
        };
        const chat = await asked("chat/completions", {
          ...HELLO,
          response_format: { type: "json_schema", json_schema: format },
        });
        expect(chat).toContain(`"finish_reason":"${said[0]}"`);
        const response = await asked("responses", { model: "any", input: "Hello", text: { format } });
        const [status, reason] = said[1].split(" ");
        expect(response).toContain(`"status":"${status}"`);
        if (reason) expect(response).toContain(`"incomplete_details":{"reason":"${reason}"}`);
        const messages = await asked("messages", { ...HELLO, max_tokens: 9, output_config: { format } });
        expect(messages).toContain(`"stop_reason":"${said[2]}"`);
        for (const text of [chat, response, messages]) expect(text).not.toContain('"error":{');
      }
    },
  );

  test("a request that this library refuses itself is explained", async () => {
    const tools = [{ type: "function", function: { name: "two words" } }];
    const response = await testGateway([]).handle(ask("chat/completions", { ...HELLO, tools }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("64 letters") } });
  });
});

describe("a reply that takes long to begin", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    ["chat/completions", ": keep-alive\n\n"],
    ["messages", 'event: ping\ndata: {"type":"ping"}\n\n'],
  ])("keeps its connection in the way of %s, and its failure is told inside", async (route, keepAlive) => {
    vi.useFakeTimers();
    const gate = new Gate();
    const gateway = testGateway([{ steps: [{ pause: gate }], ending: { error: {} } }], { headersWithinMs: 1 });
    const answer = gateway.handle(ask(route, { ...HELLO, stream: true }));
    await vi.advanceTimersByTimeAsync(10);
    const response = await answer;
    expect(response.status).toBe(200);
    const all = response.text();
    await vi.advanceTimersByTimeAsync(20_000);
    gate.open();
    await vi.advanceTimersByTimeAsync(10);
    const text = await all;
    expect(text.startsWith(": stream\n\n"), "the first bytes are a comment").toBe(true);
    expect(text.split(keepAlive).length - 1).toBe(2);
    expect(text).toContain('"error"');
  });
});

describe("what ends a reply", () => {
  test.each([true, false])("a program that leaves lets the provider go (streamed: %s)", async (stream) => {
    const gate = new Gate();
    const gateway = testGateway([{ steps: [{ text: "One" }, { pause: gate }, { text: "two" }] }]);
    const leaving = new AbortController();
    const request = new Request(ask("chat/completions", { ...HELLO, stream }), { signal: leaving.signal });
    const answer = gateway.handle(request);
    if (stream) {
      const reader = (await answer).body?.getReader();
      while (!new TextDecoder().decode((await reader?.read())?.value).includes("One"));
      await reader?.cancel();
    } else {
      await expect.poll(() => gateway.model.calls[0]?.chunks).toBe(1);
      leaving.abort();
      expect((await answer).status).toBe(503);
    }
    await gateway.model.calls[0]?.closed;
  });

  test.each(["chat/completions", "messages"])("a socket that breaks lets the provider go (%s)", async (route) => {
    const gate = new Gate();
    await using server = await startProviderServer(() => ({ steps: [{ text: "One" }, { pause: gate }] }));
    const { baseUrl } = server;
    const client = new CompatibleClient({ baseUrl, apiKey: "k", model: "m" });
    await using site = await gatewaySite(createGateway({ client, authorize: bearerKey(KEY) }));
    const leaving = new AbortController();
    const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
    const body = JSON.stringify({ ...HELLO, max_tokens: 9 });
    const { signal } = leaving;
    const answer = fetch(`${site.origin}/v1/${route}`, { method: "POST", headers, body, signal });
    const asked = await server.request(0);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await asked.closed;
  });

  test("a program that leaves before the provider has answered lets it go", async () => {
    const gateway = testGateway([{ steps: [{ pause: new Gate() }] }]);
    const leaving = new AbortController();
    const request = new Request(ask("chat/completions", { ...HELLO, stream: true }), { signal: leaving.signal });
    const answer = gateway.handle(request);
    await expect.poll(() => gateway.model.calls.length).toBe(1);
    leaving.abort();
    await gateway.model.calls[0]?.closed;
    await (await answer).text().catch(() => undefined);
  });

  test("a gateway that ends says so inside its replies, and refuses new ones with a time to come back", async () => {
    const gateway = testGateway([{ steps: [{ text: "One" }, { pause: new Gate() }] }]);
    const streamed = await gateway.handle(ask("chat/completions", { ...HELLO, stream: true }));
    const events = eventsOf(streamed);
    await gateway.drain(0);
    expect((await events).at(-2)?.data).toMatchObject({ error: { code: "serverShutdown" } });
    const refused = await gateway.handle(ask("chat/completions", HELLO));
    expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("x-should-retry")]).toEqual([
      503,
      "1",
      null,
    ]);
  });

  test("a user at the limit of running replies gets 429", async () => {
    const gateway = testGateway([{ steps: [{ text: "One" }, { pause: new Gate() }] }], { limits: { runsPerUser: 1 } });
    const first = await gateway.handle(ask("chat/completions", { ...HELLO, stream: true }));
    expect((await gateway.handle(ask("chat/completions", HELLO))).status).toBe(429);
    await first.body?.cancel();
  });

  test("a reply that the provider's client begins again is an error: what a program has read stays read", async () => {
    await using server = await startProviderServer(({ index }) =>
      index === 0 ? { text: ["Half "], ending: "reset" } : { text: "Another answer" },
    );
    const { baseUrl } = server;
    const client = new CompatibleClient({ baseUrl, apiKey: "k", model: "m", recover: "restart" });
    const { handle } = createGateway({ client, authorize: bearerKey(KEY) });
    const events = await eventsOf(await handle(ask("chat/completions", { ...HELLO, stream: true })));
    const texts = events.map(
      ({ data }) => (data as { choices?: [{ delta: { content?: string } }] }).choices?.[0].delta,
    );
    expect(texts.map((delta) => delta?.content ?? "").join("")).toBe("Half ");
    expect(events.at(-2)?.data).toMatchObject({ error: { code: "truncated" } });
    const whole = createGateway({ client, authorize: bearerKey(KEY) }).handle(ask("chat/completions", HELLO));
    expect(await (await whole).json()).toMatchObject({ choices: [{ message: { content: "Another answer" } }] });
  });
});

test("a maximum of tokens holds for a request that asks for more, and for one that does not ask", async () => {
  const gateway = testGateway([{ text: "1" }, { text: "2" }, { text: "3" }], { limits: { maxOutputTokens: 100 } });
  for (const max_tokens of [500, 50, undefined])
    await gateway.handle(ask("chat/completions", { ...HELLO, max_tokens }));
  expect(gateway.model.calls.map(({ options }) => options.maxOutputTokens)).toEqual([100, 50, 100]);
});
