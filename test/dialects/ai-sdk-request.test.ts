/** The requests of `useChat`, read: which run they mean, which turns they bring, and what is refused. */

import { aiSdk, createRelay, memoryLog, type RelayOptions } from "cloudllm/server";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aiSdkRouteOf } from "../../src/dialects/ai-sdk/route.ts";
import type { DialectStart, StartContext } from "../../src/dialects/dialect.ts";
import { Refusal } from "../../src/dialects/refusal.ts";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { partsIn, shownText, wireFaults } from "../support/ai-sdk-wire.ts";
import { get, post } from "../support/relay.ts";

const start = (body: unknown, history: StartContext["history"] = "server", user = "ann"): Promise<DialectStart> =>
  Promise.resolve(aiSdk.startOf(body, new Headers(), { user, history }));

const user = (id: string, text: string) => ({ id, role: "user", parts: [{ type: "text", text }] });
const reply = (id: string, ...parts: readonly object[]) => ({
  id,
  role: "assistant",
  parts: [{ type: "step-start" }, ...parts],
});
const said = (text: string) => ({ type: "text", text });
const called = (state: string, more: object = {}) => ({
  type: "tool-where",
  toolCallId: "w",
  state,
  input: { a: 1 },
  ...more,
});

describe("the run that a request means", () => {
  const body = { id: "c", trigger: "submit-message", messages: [user("u1", "One")] };
  const runOf = async (...given: Parameters<typeof start>) => (await start(...given)).request.run;

  test("is the same for the same request, and another one for every other", async () => {
    const run = await runOf(body);
    expect(run).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await runOf(structuredClone(body))).toBe(run);
    const others = await Promise.all([
      runOf(body, "server", "bob"),
      runOf({ ...body, id: "d" }),
      runOf({ ...body, trigger: "regenerate-message" }),
      runOf({ ...body, messages: [user("u2", "One")] }),
      runOf({ ...body, messages: [user("u1", "Two")] }),
      runOf({ ...body, messageId: "u1" }),
      runOf({ ...body, messages: [user("u1", "One"), reply("a1", called("output-available", { output: 1 }))] }),
      runOf({ ...body, messages: [user("u1", "One"), reply("a1", called("output-available", { output: 2 }))] }),
    ]);
    expect(new Set([run, ...others]).size).toBe(9);
  });

  test("is asked once, when the request arrives twice at once, and again after the end", async () => {
    const gate = new Gate();
    const { client, send } = relay([{ steps: [{ text: "One" }, { pause: gate }] }]);
    const both = await Promise.all([send(body), send(body)]);
    gate.open();
    const streams = await Promise.all(both.map((response) => response.text()));
    streams.push(await (await send(body)).text());
    expect(streams.map((stream) => shownText(stream))).toEqual(["One", "One", "One"]);
    expect(client.calls).toHaveLength(1);
  });

  test("is a new one for a question that is asked again, and after a failure", async () => {
    const { client, send } = relay([{ text: "A" }, { text: "B" }, { refusal: { status: 500 } }, { text: "C" }]);
    const again = { ...body, trigger: "regenerate-message" };
    for (const text of ["A", "B"]) expect(shownText(await (await send(again)).text())).toBe(text);
    expect((await send({ ...body, messages: [user("u9", "Nine")] })).status).toBe(502);
    expect(shownText(await (await send({ ...body, messages: [user("u9", "Nine")] })).text())).toBe("C");
    expect(client.calls).toHaveLength(4);
  });
});

describe("with a store, a request brings", () => {
  const conversation = [
    user("u1", "One"),
    reply("a1", said("A")),
    user("u2", "Two"),
    reply("a2", said("B")),
    user("u3", "Three"),
  ];

  test.each([
    ["a new question", {}, { message: "Three" }],
    ["a new question, by the guide", { messages: undefined, message: user("u3", "Three") }, { message: "Three" }],
    ["an edited question", { messageId: "u3" }, { message: "Three", earlier: ["One", "Two"] }],
    ["a question again", { trigger: "regenerate-message" }, { message: "Three", earlier: ["One", "Two"] }],
    ["the first question again", { messages: [user("u1", "One")], messageId: "u1" }, { message: "One", keep: 0 }],
    [
      "a question behind one that failed",
      {
        messages: [user("u1", "One"), user("u2", "Two"), reply("a2", said("B")), user("u3", "Three")],
        messageId: "u3",
      },
      { message: "Three", earlier: ["Two"] },
    ],
    [
      "results",
      { messages: [user("u1", "One"), reply("a1", called("output-available", { output: { b: 2 } }))], messageId: "a1" },
      { results: [{ role: "tool", toolCallId: "w", content: '{"b":2}' }], answers: [], messageId: "a1" },
    ],
    [
      "an error as a result",
      { messages: [reply("a1", called("output-error", { errorText: "No." }))] },
      { results: [{ role: "tool", toolCallId: "w", content: "No.", isError: true }], answers: [], messageId: "a1" },
    ],
    [
      "decisions",
      {
        messages: [reply("a1", called("approval-responded", { approval: { id: "w", approved: false, reason: "No" } }))],
      },
      { answers: [{ toolCallId: "w", approved: false, reason: "No" }], messageId: "a1" },
    ],
    ["nothing but the wish to go on", { messages: [reply("a1", said("A"))] }, { answers: [], messageId: "a1" }],
  ])("%s", async (_name, given, expected) => {
    const { request } = await start({ id: "c", messages: conversation, trigger: "submit-message", ...given });
    const { run: _run, chat, options, ...brought } = request;
    expect([chat, options]).toEqual(["c", {}]);
    expect(brought).toEqual(expected);
  });

  test("other keys of the body, as options that the relay may allow", async () => {
    const { request } = await start({ id: "c", messages: conversation, model: "careful", temperature: 0 });
    expect(request.options).toEqual({ model: "careful", temperature: 0 });
  });

  test("no edit without the conversation: it would take away what the page does not show", async () => {
    await expect(start({ id: "c", message: user("u3", "Three"), messageId: "u3" })).rejects.toThrow(
      "complete conversation",
    );
    await expect(start({ id: "c", message: user("u3", "Three"), trigger: "regenerate-message" })).rejects.toThrow(
      Refusal,
    );
  });
});

describe("without a store, a request brings the turns of its messages", () => {
  const turnsOf = async (messages: readonly object[], history: "signed" | "client" = "client") =>
    (await start({ id: "c", messages }, history)).request.messages;

  test("steps, calls and their results are turns; what has no place in a conversation is left out", async () => {
    const messages = [
      user("u1", "One"),
      reply(
        "a1",
        { type: "reasoning", text: "Hm." },
        said("I "),
        said("look."),
        called("output-available", { output: "x" }),
        called("input-streaming", { toolCallId: "half", input: undefined }),
        { ...called("output-available", { output: "y" }), toolCallId: "theirs", providerExecuted: true },
        { type: "step-start" },
        { type: "source-url", sourceId: "s", url: "https://a.example" },
        { type: "data-note", data: 1 },
        said("Near."),
        { type: "file", mediaType: "image/png", url: "data:image/png;base64,aGk=" },
      ),
      reply("a2", { type: "dynamic-tool", toolName: "late", toolCallId: "l", state: "input-available", input: {} }),
      user("u2", "Two"),
    ];
    expect(await turnsOf(messages)).toEqual([
      { role: "user", content: "One" },
      { role: "assistant", content: "I look.", toolCalls: [{ id: "w", name: "where", arguments: { a: 1 } }] },
      { role: "tool", toolCallId: "w", content: "x" },
      {
        role: "assistant",
        content: "Near.",
        media: [{ data: "aGk=", mediaType: "image/png" }],
        toolCalls: [{ id: "l", name: "late", arguments: {} }],
      },
      { role: "tool", toolCallId: "l", content: "No result was given for this call.", isError: true },
      { role: "user", content: "Two" },
    ]);
    expect(await turnsOf(messages, "signed")).toEqual([
      { role: "user", content: "One" },
      { role: "assistant", content: "I look.Near." },
      { role: "user", content: "Two" },
    ]);
  });

  test.each([
    ["data:text/plain,caf%C3%A9", { data: "Y2Fmw6k=", mediaType: "text/plain" }],
    ["data:;base64,aGk=", { data: "aGk=", mediaType: "application/pdf" }],
    ["DATA:text/plain;base64,aGk=", { data: "aGk=", mediaType: "text/plain" }],
    ["https://a.example/b.pdf", { url: "https://a.example/b.pdf", mediaType: "application/pdf" }],
  ])("a file at %s is where it says", async (url, source) => {
    const message = { ...user("u1", "x"), parts: [{ type: "file", mediaType: "application/pdf", url }] };
    expect(await turnsOf([message])).toEqual([{ role: "user", content: [{ type: "file", ...source }] }]);
  });
});

describe("a request that is none", () => {
  test.each([
    ["no object", []],
    ["no messages", { id: "c" }],
    ["no message in it", { id: "c", messages: [] }],
    ["a message that is a text", { id: "c", messages: ["Hi"] }],
    ["a message without parts", { id: "c", messages: [{ id: "u", role: "user" }] }],
    ["a name of a chat that is too long", { id: "c".repeat(200), messages: [user("u", "Hi")] }],
    ["a last message of a role that asks for nothing", { id: "c", messages: [{ ...user("u", "Hi"), role: "system" }] }],
  ])("%s is refused with 400, in one line of text", async (_name, body) => {
    const { send, client } = relay([], { sessions: undefined, history: "client" });
    const response = await send(body);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await response.text()).toMatch(/^[^\n{]+\.$/);
    expect(client.calls).toHaveLength(0);
  });

  test("whatever a page sends, it is a run that the relay can show, or a refusal", async () => {
    const part = fc.oneof(
      fc.record({ type: fc.constantFrom("text", "reasoning"), text: fc.oneof(fc.string(), fc.integer()) }),
      fc.record(
        {
          type: fc.constantFrom("tool-a", "tool-", "dynamic-tool", "file", "data-relay-signature"),
          toolCallId: fc.constantFrom("a", "b", ""),
          toolName: fc.oneof(fc.string(), fc.constant(null)),
          state: fc.constantFrom("output-available", "output-error", "input-available", "approval-responded", "x"),
          input: fc.jsonValue(),
          output: fc.jsonValue(),
          approval: fc.oneof(fc.jsonValue(), fc.record({ approved: fc.boolean(), reason: fc.string() })),
          data: fc.oneof(fc.jsonValue(), fc.record({ calls: fc.array(fc.jsonValue()), replay: fc.jsonValue() })),
          url: fc.oneof(fc.webUrl(), fc.string()),
          mediaType: fc.constantFrom("image/png", "text/html", 1),
        },
        { requiredKeys: ["type"] },
      ),
      fc.jsonValue(),
    );
    const record = fc.record(
      {
        id: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("1", "2") }, fc.jsonValue()),
        role: fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom("user", "assistant") },
          fc.constantFrom("system", "x", null),
        ),
        parts: fc.oneof({ weight: 9, arbitrary: fc.array(part, { maxLength: 4 }) }, fc.jsonValue()),
      },
      { requiredKeys: ["role"] },
    );
    const message = fc.oneof({ weight: 9, arbitrary: record }, fc.jsonValue());
    const body = fc.record(
      {
        id: fc.oneof(fc.constant("c"), fc.string(), fc.jsonValue()),
        messages: fc.tuple(fc.array(message, { maxLength: 3 }), fc.boolean()).map(([some, isAsked]) => {
          return isAsked ? [...some, user("u", "Hi")] : some;
        }),
        trigger: fc.constantFrom("submit-message", "regenerate-message", 1),
        messageId: fc.oneof(fc.constantFrom("1", "2"), fc.jsonValue()),
      },
      { requiredKeys: ["id", "messages"] },
    );
    const counts = { shown: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom("signed", "client"), fc.boolean(), async (sent, history, hasTools) => {
        const tools = hasTools ? [{ name: "a", run: () => "done" }] : [];
        const { send } = relay(() => ({ text: "Hello" }), { history, tools });
        const response = await send(sent);
        const text = await response.text();
        expect([200, 400]).toContain(response.status);
        if (response.status === 200) expect(wireFaults(text.replace(/^: [^\n]*\n\n/, ""))).toEqual([]);
        counts[response.status === 200 ? "shown" : "refused"]++;
      }),
      { numRuns: 300 },
    );
    expect(Math.min(counts.shown, counts.refused)).toBeGreaterThan(10);
  });
});

test("the response says what it is, and what is refused later is said inside", async () => {
  const { send, client } = relay([{ text: "Hello" }]);
  const response = await send({ id: "c", messages: [user("u1", "Hi")] });
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "x-vercel-ai-ui-message-stream": "v1",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  expect(response.headers.has("connection")).toBe(false);
  const stream = (await response.text()).replace(/^: [^\n]*\n\n/, "");
  expect(wireFaults(stream)).toEqual([]);
  expect(partsIn(stream)[0]).toEqual({ type: "start", messageId: response.headers.get("x-stream-id") });
  expect(client.calls).toHaveLength(1);
});

test("a stop may name the run that it means, so that it never stops the next one", async () => {
  const { handle, send } = relay([{ text: "A" }, { steps: [{ text: "B" }, { pause: new Gate() }] }]);
  const first = (await send({ id: "c", messages: [user("u1", "One")] })).headers.get("x-stream-id");
  const second = await send({ id: "c", messages: [user("u2", "Two")] });
  expect((await handle(post({ activeStreamId: first }, "c/stop"))).status).toBe(200);
  const reader = second.body?.getReader();
  await reader?.read();
  const stopped = handle(post({ activeStreamId: second.headers.get("x-stream-id") }, "c/stop"));
  expect(await (await stopped).json()).toEqual({ success: true });
  let text = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  expect(text).toContain('{"type":"abort"}');
});

describe("the routes", () => {
  const route = (method: string, path: string, mount?: string) =>
    aiSdkRouteOf({ method, url: `http://relay.test${path}`, headers: new Headers() }, mount);

  test.each([
    ["GET", "/api/chat/c1/stream", { name: "attach", chat: "c1" }],
    ["GET", "/api/chat/c1/stream?x=1", { name: "attach", chat: "c1" }],
    ["GET", "/api/chat/a%2Fb/stream", { name: "attach", chat: "_YS9i" }],
    ["POST", "/api/chat", { name: "start" }],
    ["POST", "/api/chat/c1/stop", { name: "stop", chat: "c1" }],
    ["GET", "/api/chat/c1", { name: "history", chat: "c1" }],
    ["DELETE", "/api/chat/user:1", { name: "delete", chat: "_dXNlcjox" }],
    ["OPTIONS", "/api/chat", { name: "preflight" }],
  ])("%s %s", (method, path, expected) => {
    expect(route(method, path, "/api/chat")).toMatchObject(expected);
    expect(route(method, path)).toMatchObject(expected);
  });

  test("slashes in the name of a chat are part of it, where the relay knows its path", () => {
    expect(route("GET", "/api/chat/a/b/stream", "/api/chat")).toMatchObject({ name: "attach", chat: "_YS9i" });
  });

  test.each([
    ["GET", "/other/c1/stream", 404],
    ["PUT", "/api/chat/c1", 405],
    ["GET", "/api/chat/%zz/stream", 400],
  ])("%s %s is refused", (method, path, status) => {
    expect(() => route(method, path, "/api/chat")).toThrow(expect.objectContaining({ status }));
  });
});

test("a history that the relay does not keep is not found", async () => {
  const { handle } = relay([]);
  expect((await handle(get("c"))).status).toBe(404);
});

function relay(
  scripts: readonly ReplyScript[] | (() => ReplyScript),
  options: Partial<RelayOptions> = {},
): {
  readonly client: ScriptedClient;
  send(body: unknown): Promise<Response>;
  handle(request: Request): Promise<Response>;
} {
  const client = scriptedClient(scripts);
  const { handle } = createRelay({
    client,
    authorize: "public",
    dialect: aiSdk,
    log: memoryLog(),
    onError: () => undefined,
    ...options,
  });
  return { client, handle, send: (body) => handle(post(body as object)) };
}
