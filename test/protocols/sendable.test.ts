/** What cannot be sent as JSON is refused before anything is sent, and what is sent every server can read. */

import { ClaudeClient, LLMSession, type Message, SendError, type SendOptions } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { CLIENT_NAMES, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const cyclic: Record<string, unknown> = {};
cyclic.self = { list: [cyclic] };
let deep: unknown = {};
for (let level = 0; level < 100_000; level++) deep = { deep };
const throwing = Object.defineProperty({}, "x", {
  enumerable: true,
  get: () => {
    throw new RangeError("mine");
  },
});

const called = (args: unknown): readonly Message[] => [
  HI,
  { role: "assistant", content: "", toolCalls: [{ id: "c", name: "look", arguments: args }] },
  { role: "tool", toolCallId: "c", content: "seen" },
];
const tools = (parameters: unknown): SendOptions => ({
  tools: [{ name: "look", parameters: parameters as Record<string, unknown> }],
});

const UNSENDABLE: readonly [string, unknown][] = [
  ["a value that holds itself", cyclic],
  ["a BigInt", { n: 1n }],
  ["a value that is nested very deep", deep],
  ["a getter that throws", throwing],
];

describe.each([...CLIENT_NAMES, "scripted"] as const)("%s", (name) => {
  const client = name === "scripted" ? scriptedClient([{ text: ["ok"] }]) : undefined;
  const send = async (messages: readonly Message[], options: SendOptions) => {
    const asked = client ?? (name === "scripted" ? undefined : recorder.client(name, "gemini-3.5-flash"));
    for (const way of ["sendMessage", "sendMessageStream"] as const) {
      const error = await asked?.[way](messages, options).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(SendError);
      expect(error).toMatchObject({ kind: "invalidRequest", retryable: false });
    }
  };

  test.each(UNSENDABLE)("%s is an invalid request wherever it stands, and nothing is sent", async (_what, value) => {
    const before = recorder.requests.length;
    await send(called(value), {});
    await send(called([value]), {});
    await send([HI], { providerOptions: { mine: value } });
    await send([HI], { metadata: { mine: value } as unknown as Record<string, string> });
    await send([HI], tools({ type: "object", properties: { a: { default: value } } }));
    await send([HI], { output: { type: "object", properties: {}, default: value } });
    expect(recorder.requests.length).toBe(before);
  });
});

describe.each(CLIENT_NAMES.map((name) => [name] as const))("%s", (name) => {
  const model = name === "gemini" ? "gemini-3.5-flash" : "claude-sonnet-4-5";
  const half = "cut \ud83d";

  test("nothing that is sent holds half a surrogate pair, and no complete pair is lost", async () => {
    const text = `${half} \ude00 \u{1f600} \\ud83d`;
    const texts: string[] = [];
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      texts.push(String(init?.body));
      return new Response("{}", { status: 400 });
    };
    const messages: readonly Message[] = [
      { role: "system", content: text },
      { role: "user", content: text },
      {
        role: "assistant",
        content: text,
        toolCalls: [{ id: `c${half}`, name: `n${half}`, arguments: { [half]: text, list: [text] } }],
      },
      { role: "tool", toolCallId: `c${half}`, content: text },
      { role: "user", content: [{ type: "text", text }] },
    ];
    const options: SendOptions = {
      tools: [
        {
          name: "look",
          description: text,
          parameters: { type: "object", description: text, properties: { [half]: { type: "string" } } },
        },
      ],
      providerOptions: { extra: { [half]: text } },
      metadata: { user_id: text },
      stop: [text],
      unsupported: "ignore",
      maxOutputTokens: 99,
    };
    await recorder
      .client(name, model, { fetch })
      .sendMessage(messages, options)
      .catch(() => undefined);
    expect(texts).toHaveLength(1);
    // Once as the request is read, and once more for the JSON within it.
    const read: unknown = JSON.parse(texts[0] ?? "");
    const strings = stringsIn(read);
    for (const string of strings) expect(string).toSatisfy((value: string) => value.isWellFormed());
    const inner = strings.filter((string) => string.startsWith("{")).flatMap((string) => stringsIn(JSON.parse(string)));
    for (const string of inner) expect(string).toSatisfy((value: string) => value.isWellFormed());
    expect([...strings, ...inner].filter((string) => string.includes("\u{1f600} \\ud83d")).length).toBeGreaterThan(4);
  });
});

test("a model's name that is cut in a pair is an invalid request, not a URIError", async () => {
  await expect(recorder.client("gemini", "gemini-\ud83d").sendMessage([HI])).rejects.toMatchObject({
    kind: "invalidRequest",
  });
});

test("a header called `__proto__` is sent like any other", async () => {
  const headers: Record<string, string> = JSON.parse('{"__proto__":"x","X-Mine":"y"}');
  for (const given of [{ constructed: headers }, { called: headers }]) {
    const client = recorder.client("openai", "gpt-5", "constructed" in given ? { headers } : {});
    const before = recorder.requests.length;
    await client.sendMessage([HI], "called" in given ? { headers } : {}).catch(() => undefined);
    const sent = recorder.requests[before]?.headers ?? {};
    expect(Object.entries(sent)).toEqual(
      expect.arrayContaining([
        ["__proto__", "x"],
        ["x-mine", "y"],
      ]),
    );
  }
});

test.each(UNSENDABLE)("a session reported of %s refuses it and stays as it was", async (_what, value) => {
  const session = new LLMSession({ client: new ClaudeClient({ model: "claude-sonnet-4-5", apiKey: "k" }) });
  await expect(session.sendMessage("hi", { providerOptions: { mine: value } })).rejects.toMatchObject({
    kind: "invalidRequest",
  });
  await expect(session.sendMessage("hi", tools({ type: "object", default: value }))).rejects.toMatchObject({
    kind: "invalidRequest",
  });
});

test.each<[string, unknown]>([
  ["no array", "calls"],
  ["a call without an id", [{ name: "look", arguments: {} }]],
  ["a call whose name is a number", [{ id: "c", name: 5, arguments: {} }]],
  ["nothing in the place of a call", [null]],
])("tool calls that are %s are an invalid request", async (_what, toolCalls) => {
  const messages = [HI, { role: "assistant", content: "", toolCalls }] as unknown as Message[];
  await expect(recorder.client("claude", "claude-sonnet-4-5").sendMessage(messages)).rejects.toMatchObject({
    kind: "invalidRequest",
  });
});

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...stringsIn(inner)]);
}

test.each(["timeouts", "retries", "recover", "headers", "output", "raw"])(
  "options whose %s cannot be read are a SendError of the call, non-streamed and streamed",
  async (name) => {
    const unreadable = new Proxy(
      {},
      {
        get: () => {
          throw new RangeError("mine");
        },
      },
    );
    const getter = { get: () => unreadable[name as never], enumerable: true };
    for (const options of [{ [name]: unreadable }, Object.defineProperty({}, name, getter)]) {
      const client = new ClaudeClient({ apiKey: "k-123456789", model: "m", baseUrl: "http://127.0.0.1:9", retries: 0 });
      for (const call of [client.sendMessage([HI], options), client.sendMessageStream([HI], options)])
        await expect(call).rejects.toBeInstanceOf(SendError);
    }
  },
);
