/** One odd answer is an error of its call: the program goes on, and so does the conversation. */

import {
  ClaudeClient,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  LLMSession,
  MessageStream,
  OpenAIClient,
  SendError,
} from "cloudllm";
import { describe, expect, test } from "vitest";

const QUESTION = [{ role: "user", content: "?" }] as const;
const KEY = { model: "m", apiKey: "k-123456789", baseUrl: "http://odd.internal", retries: 0 } as const;

const CLIENTS: readonly (readonly [string, (options: Partial<ClientOptions>) => CompatibleClient])[] = [
  ["Chat Completions", (options) => new CompatibleClient({ ...KEY, ...options, baseUrl: KEY.baseUrl })],
  ["Responses", (options) => new OpenAIClient({ ...KEY, ...options })],
  ["Anthropic", (options) => new ClaudeClient({ ...KEY, ...options })],
  ["Gemini", (options) => new GeminiClient({ ...KEY, ...options })],
];

const NO_TEXT = { toString: 1, valueOf: 1 };
const DEEP = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;

describe.each(CLIENTS)("%s", (_name, clientOf) => {
  test.each<[string, string]>([
    ["reasons without a text form", JSON.stringify({ error: { message: "no", metadata: { reasons: [NO_TEXT] } } })],
    ["a status without a text form", JSON.stringify({ message: "no", status: NO_TEXT, success: NO_TEXT })],
    ["a quota without a text form", JSON.stringify({ error: { details: [{ violations: [{ quotaId: NO_TEXT }] }] } })],
    ["a message that is an object", JSON.stringify({ error: { message: NO_TEXT, code: NO_TEXT, type: NO_TEXT } })],
    ["arrays in arrays", DEEP],
    ["an error nested deep", `{"error":${DEEP}}`],
    ["a field __proto__", '{"error":{"__proto__":{"toString":1},"message":"no","constructor":1}}'],
    ["nulls", '{"error":{"message":null,"metadata":null,"details":[null],"code":null}}'],
  ])("an error body with %s is the call's error", async (_what, body) => {
    const client = clientOf({ fetch: async () => new Response(body, { status: 400 }) });
    const error = await client.sendMessage(QUESTION).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ status: 400, attempts: [{ status: 400 }] });
    await expect(client.sendMessageStream(QUESTION)).rejects.toBeInstanceOf(SendError);
  });
});

describe("a fetch of the caller's", () => {
  const headers = new Headers();
  const throws = () => {
    throw new Error("odd");
  };
  const bodyOf = (reader: object) => ({ status: 200, headers, body: { getReader: () => reader } });
  const answers: readonly (readonly [string, unknown])[] = [
    ["answers with nothing", undefined],
    ["answers without headers", { status: 200 }],
    ["has headers that throw", { status: 200, headers: { get: throws } }],
    ["has headers that are no text", { status: 400, headers: { get: () => NO_TEXT }, body: null }],
    ["has a status that is none", { status: NO_TEXT, headers, body: null }],
    ["has a body that is locked", { status: 200, headers, body: { getReader: throws } }],
    ["has a reader that throws", bodyOf({ read: throws, cancel: throws })],
    ["reads nothing", bodyOf({ read: async () => undefined, cancel: () => undefined })],
    ["reads text instead of bytes", bodyOf({ read: async () => ({ done: false, value: "data" }), cancel: throws })],
  ];
  test.each(answers)("that %s fails the call", async (_what, answer) => {
    const fetch = (async () => answer) as unknown as NonNullable<ClientOptions["fetch"]>;
    for (const [, clientOf] of CLIENTS) {
      const client = clientOf({ fetch });
      await expect(client.sendMessage(QUESTION)).rejects.toBeInstanceOf(SendError);
      const stream = client.sendMessageStream(QUESTION).then((opened) => opened.finalMessage());
      await expect(stream).rejects.toBeInstanceOf(SendError);
    }
  });
});

const created = (id: unknown) =>
  [
    { type: "response.created", sequence_number: 0, response: { id, model: "m", status: "in_progress", output: [] } },
    { type: "response.output_text.delta", sequence_number: 1, output_index: 0, content_index: 0, delta: "hi" },
  ]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .join("");

describe.each([["\ud800"], [".."], ["."], ["a/b"], ["a\\b"], ["../../admin"], ["%2e%2e"], [""]])(
  "the id %j of a reply that is to be resumed",
  (id) => {
    const urls: string[] = [];
    const clientOf = (ending: "cut" | "open", options: Partial<ClientOptions> = {}) => {
      urls.length = 0;
      return new OpenAIClient({
        ...KEY,
        recover: "resume",
        ...options,
        async fetch(url, { method }) {
          urls.push(`${method} ${url}`);
          return new Response(
            new ReadableStream({
              start(controller) {
                controller.enqueue(new TextEncoder().encode(created(id)));
                if (ending === "cut") controller.close();
              },
            }),
          );
        },
      });
    };

    const neverAsked = () => expect(urls.filter((url) => url !== "POST http://odd.internal/responses")).toEqual([]);

    test("becomes no address when the reply is cut", async () => {
      const call = clientOf("cut").sendMessageStream(QUESTION, { retries: { max: 0, maxRetryAfterMs: 0 } });
      const error = await call.then((stream) => stream.finalMessage()).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(SendError);
      neverAsked();
    });

    test("becomes no address when the caller breaks off", async () => {
      for await (const chunk of await clientOf("open").sendMessageStream(QUESTION)) {
        if (chunk.content === "hi") break;
      }
      neverAsked();
    });

    test("becomes no address when the caller aborts, and the call is aborted", async () => {
      const controller = new AbortController();
      const stream = await clientOf("open").sendMessageStream(QUESTION, { signal: controller.signal });
      const loop = async () => {
        for await (const chunk of stream) if (chunk.content === "hi") controller.abort();
      };
      await expect(loop()).rejects.toMatchObject({ kind: "aborted", partial: { content: "hi" } });
      neverAsked();
    });
  },
);

describe("a chunk that is none", () => {
  const proxy = new Proxy(
    {},
    {
      get() {
        throw new Error("odd");
      },
    },
  );
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const call = (toolCall: unknown) => ({ type: "toolCall", content: "", isFinal: false, toolCall });
  test.each<[string, unknown]>([
    ["nothing", null],
    ["a number", 5],
    ["without a type", { content: "x", isFinal: false }],
    ["of a type that there is not", { type: "constructor", content: "x", isFinal: false }],
    ["without content", { type: "text", isFinal: false }],
    ["with content that is no text", { type: "text", content: NO_TEXT, isFinal: false }],
    ["with a call that is null", call(null)],
    ["with arguments that are null", call({ id: "a", name: "f", arguments: null })],
    ["with a BigInt in its arguments", call({ id: "a", name: "f", arguments: { n: 1n } })],
    ["with arguments in a circle", call({ id: "a", name: "f", arguments: cyclic })],
    ["with arguments that throw", call({ id: "a", name: "f", arguments: proxy })],
    ["that throws", proxy],
    ["final, without a message", { type: "final", content: "", isFinal: true }],
    ["final, with half a message", { type: "final", content: "", isFinal: true, message: { content: "x" } }],
    ["that rewinds by nothing known", { type: "rewind", content: "", length: "x", reasoningLength: 0, isFinal: false }],
  ])("%s fails the stream, with what came before", async (_what, chunk) => {
    async function* chunks(): AsyncGenerator<never> {
      yield { type: "text", content: "hello", isFinal: false } as never;
      yield chunk as never;
    }
    const seen: string[] = [];
    const loop = async () => {
      for await (const { content } of MessageStream.from(chunks())) seen.push(content);
    };
    await expect(loop()).rejects.toMatchObject({ name: "SendError", kind: "protocol", partial: { content: "hello" } });
    expect(seen).toEqual(["hello"]);
    await expect(MessageStream.from(chunks()).finalMessage()).rejects.toMatchObject({ kind: "protocol" });
  });

  test("what is no source at all is refused", () => {
    for (const source of [undefined, null, 5, {}, proxy])
      expect(() => MessageStream.from(source as never)).toThrow(SendError);
  });
});

describe("a null part of a reply does not spoil the turns after it", () => {
  const text = { type: "output_text", text: "hello", annotations: [] };
  const replies: readonly (readonly [string, (options: Partial<ClientOptions>) => CompatibleClient, object])[] = [
    [
      "Responses",
      (options) => new OpenAIClient({ ...KEY, ...options }),
      {
        id: "r",
        status: "completed",
        output: [
          { type: "reasoning", id: "rs", summary: [null], encrypted_content: "e" },
          { type: "message", id: "m1", role: "assistant", status: "completed", content: [null, text] },
        ],
      },
    ],
    [
      "Gemini",
      (options) => new GeminiClient({ ...KEY, ...options }),
      { candidates: [{ content: { role: "model", parts: [{ text: "hello" }] }, finishReason: "STOP" }] },
    ],
    [
      "Chat Completions",
      (options) => new OpenAIClient({ ...KEY, api: "chat", ...options }),
      {
        choices: [
          {
            index: 0,
            message: { content: "hello", reasoning_details: [null], tool_calls: null },
            finish_reason: "stop",
          },
        ],
      },
    ],
  ];
  test.each(replies)("%s", async (_name, clientOf, reply) => {
    const sent: string[] = [];
    const client = clientOf({
      async fetch(_url, { body }) {
        sent.push(String(body));
        return Response.json(reply);
      },
    });
    const session = new LLMSession({ client });
    expect((await session.sendMessage("one")).content).toBe("hello");
    expect((await session.sendMessage("two")).content).toBe("hello");
    expect(sent[1]).not.toMatch(/\[null|null,|null\]/);
  });
});
