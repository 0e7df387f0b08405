/** Ollama's own protocol: what goes out, what comes back, and what its server does not say. */

import { type Message, OllamaClient, type OllamaClientOptions, SendError, type SendOptions } from "cloudllm";
import { type ProviderServer, type Recording, startProviderServer } from "cloudllm/testing";
import { afterEach, describe, expect, test } from "vitest";

const HI: readonly Message[] = [{ role: "user", content: "hi" }];

const servers: ProviderServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

type Options = Partial<Omit<OllamaClientOptions, "baseUrl">>;

/** A client, and the server that answers it with these replies. */
async function stage(replies: Parameters<typeof startProviderServer>[0], options: Options = {}) {
  const server = await startProviderServer(replies, { strict: true });
  servers.push(server);
  const client = new OllamaClient({ model: "qwen3", baseUrl: server.origin, retries: 0, ...options });
  return { server, client };
}

/** Lines as Ollama writes them. */
function lines(...objects: readonly object[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join("");
}

const HEAD = { model: "qwen3:latest", created_at: "2026-11-29T19:22:45.499127123Z" };

function piece(message: object): object {
  return { ...HEAD, message: { role: "assistant", content: "", ...message }, done: false };
}

/** From docs/api.md, in the form of version 0.33. */
const COUNTS = {
  total_duration: 4_883_583_458,
  load_duration: 1_334_875,
  prompt_eval_count: 26,
  prompt_eval_cached_count: 20,
  prompt_eval_duration: 342_546_000,
  eval_count: 282,
  eval_duration: 4_535_599_000,
};
const LAST = { ...HEAD, message: { role: "assistant", content: "" }, done_reason: "stop", done: true, ...COUNTS };

const REPLY = lines(
  piece({ thinking: "Hm, " }),
  piece({ thinking: "grüß ihn." }),
  piece({ content: "Grüße " }),
  piece({ content: "🌍" }),
  piece({ tool_calls: [{ function: { name: "look", arguments: { at: "Oslo", big: 1 } } }] }),
  piece({ tool_calls: [{ function: { name: "look", arguments: {} } }] }),
  LAST,
);

const DUE = {
  content: "Grüße 🌍",
  reasoning: "Hm, grüß ihn.",
  model: "qwen3:latest",
  finishReason: "toolCalls",
  rawFinishReason: "stop",
  usage: { inputTokens: 26, outputTokens: 282, totalTokens: 308, cachedInputTokens: 20, raw: COUNTS },
};

async function streamed(recording: Recording, options: SendOptions = {}, of: Options = {}) {
  const { client } = await stage([recording], of);
  return (await client.sendMessageStream(HI, options)).finalMessage();
}

async function failure(promise: Promise<unknown>): Promise<SendError> {
  const error = await promise.then(
    () => expect.fail("nothing failed"),
    (reason: unknown) => reason,
  );
  return error instanceof SendError ? error : expect.fail(String(error));
}

async function sent(messages: readonly Message[], options: SendOptions = {}, of: Options = {}) {
  const { server, client } = await stage([{ text: "ok" }], of);
  await client.sendMessage(messages, options);
  return server.requests[0]?.body as Record<string, unknown>;
}

function messagesOf({ requests }: ProviderServer, index: number): readonly unknown[] {
  const { body } = requests[index] ?? expect.fail("nothing was sent");
  return (body as { readonly messages: readonly unknown[] }).messages;
}

describe("a reply", () => {
  test.each([1, 2, 3, 7, 64])("is the same in packets of %i bytes", async (cuts) => {
    expect(await streamed({ body: REPLY, cuts })).toMatchObject(DUE);
  });

  test("may come with CR LF, without its last line end, or as events", async () => {
    const events = REPLY.replace(/^(.*)\n/gm, "data: $1\n\n");
    for (const body of [REPLY.replaceAll("\n", "\r\n"), REPLY.trimEnd(), `\uFEFF${REPLY}`, events])
      expect(await streamed({ body })).toMatchObject(DUE);
  });

  test("has calls with ids that differ, also from those of other replies", async () => {
    const { client } = await stage([{ body: REPLY }, { body: REPLY.replaceAll("499127123", "499127124") }]);
    const replies = [await client.sendMessageStream(HI), await client.sendMessageStream(HI)];
    const calls = (await Promise.all(replies.map((reply) => reply.finalMessage()))).flatMap((one) => one.toolCalls);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(4);
    expect(calls[0]).toMatchObject({ name: "look", arguments: { at: "Oslo", big: 1 } });
  });

  test("has the pictures that the model made, streamed or not, and the next turn shows them to it", async () => {
    const picture = "iVBORw0KGgoAAAANSUhEUg==";
    const photo = "/9j/4AAQSkZJRg==";
    const end = { ...HEAD, message: { role: "assistant", content: "" }, done: true, done_reason: "stop" };
    const body = lines(piece({ images: [picture] }), piece({ images: [null, "", photo] }), end);
    const whole = lines({ ...end, message: { role: "assistant", content: "", images: [picture, photo] } });
    const { server, client } = await stage([{ body }, { body: whole }, { text: "ok" }]);
    const stream = await client.sendMessageStream(HI);
    const indexes: number[] = [];
    for await (const chunk of stream) if (chunk.type === "media") indexes.push(chunk.index);
    expect(indexes).toEqual([0, 1]);
    const media = [
      { mediaType: "image/png", data: picture },
      { mediaType: "image/jpeg", data: photo },
    ];
    const reply = await stream.finalMessage();
    expect(reply.media).toEqual(media);
    expect((await client.sendMessage(HI)).media).toEqual(media);
    await client.sendMessage([...HI, reply, { role: "user", content: "again" }]);
    expect(messagesOf(server, 2).at(-1)).toMatchObject({ role: "user", images: [picture, photo] });
  });

  test("keeps the ids that newer servers give", async () => {
    const call = { id: "call_abc", function: { index: 0, name: "look", arguments: { n: 1 } } };
    const message = await streamed({ body: lines(piece({ tool_calls: [call] }), LAST) });
    expect(message.toolCalls).toEqual([{ id: "call_abc", name: "look", arguments: { n: 1 } }]);
  });

  test("that was not streamed is one document, also over several lines", async () => {
    const document = { ...LAST, message: { role: "assistant", content: "Grüße", thinking: "Hm." } };
    for (const body of [JSON.stringify(document), JSON.stringify(document, undefined, 2)]) {
      const { client } = await stage([{ body }, { body }]);
      const due = { content: "Grüße", reasoning: "Hm.", finishReason: "stop", usage: DUE.usage };
      expect(await client.sendMessage(HI, { raw: true })).toMatchObject({ ...due, raw: document });
      expect(await (await client.sendMessageStream(HI)).finalMessage()).toMatchObject(due);
    }
  });

  test("that was cut anywhere before its last line is `truncated`, with the text so far", async () => {
    const cut = REPLY.indexOf(JSON.stringify(LAST));
    for (const end of [cut, cut - 40, cut + 30, 20]) {
      const error = await failure(streamed({ body: REPLY.slice(0, end) }));
      expect(error.kind).toBe("truncated");
      if (end > 100) expect(error.partial?.content).toBe("Grüße 🌍");
    }
  });

  test("that fails after its first line is an error, although the status is 200", async () => {
    const body = lines(piece({ content: "Gr" }), { error: "an error was encountered while running the model" });
    const error = await failure(streamed({ body }));
    expect(error).toMatchObject({ kind: "server", provider: "ollama", partial: { content: "Gr" } });
    expect(error.message).toContain("while running the model");
  });

  test("that ends at its limit says so; one that ends for an unknown reason as well", async () => {
    const ended = (done_reason: string) => lines(piece({ content: "a" }), { ...LAST, done_reason });
    expect(await streamed({ body: ended("length") })).toMatchObject({ finishReason: "length" });
    expect(await streamed({ body: ended("load") })).toMatchObject({ finishReason: "unknown", rawFinishReason: "load" });
  });

  test("whose prompt was not counted has an estimate, not a made-up count", async () => {
    const { prompt_eval_count: _count, ...last } = LAST;
    const message = await streamed({ body: lines(piece({ content: "a" }), last) });
    expect(message.usage).toBeUndefined();
    expect(message.estimatedUsage?.inputTokens).toBeGreaterThan(0);
  });

  test("has the log probabilities that were asked for", async () => {
    const logprobs = [{ token: "a", logprob: -0.5, bytes: [97], top_logprobs: [{ token: "b", logprob: -1 }] }];
    const message = await streamed({ body: lines({ ...piece({ content: "a" }), logprobs }, LAST) });
    const alternatives = [{ token: "b", logprob: -1 }];
    expect(message.logprobs).toEqual([{ token: "a", logprob: -0.5, bytes: [97], alternatives }]);
  });
});

describe("a prompt longer than the context", () => {
  const LONG: readonly Message[] = [{ role: "user", content: "word ".repeat(4_000) }];
  const SMALL: Options = { providerOptions: { options: { num_ctx: 2_048 } } };
  const cutTo = (prompt_eval_count: number): Recording => ({
    body: lines(piece({ content: "Yes." }), { ...LAST, prompt_eval_count }),
  });

  test("may not be cut, unless the caller allows it", async () => {
    expect(await sent(HI)).toMatchObject({ truncate: false, shift: false });
    const allowed = { providerOptions: { truncate: true, shift: true } };
    expect(await sent(HI, {}, allowed)).toMatchObject({ truncate: true, shift: true });
  });

  test("is refused by servers since 0.12, as `contextLength`", async () => {
    const message = "the prompt is longer than the context length currently available to the model; shorten the prompt";
    const { client } = await stage([{ refusal: { status: 400, message } }]);
    const error = await failure(client.sendMessage(LONG));
    expect(error).toMatchObject({ kind: "contextLength", status: 400, retryable: false });
    expect(error.message).toContain("num_ctx");
  });

  test.each([2_048, 1_026])("is reported where an older server cut it to %i tokens", async (kept) => {
    for (const whole of [false, true]) {
      const { client } = await stage([cutTo(kept)], SMALL);
      const call = whole ? client.sendMessageStream(LONG).then((s) => s.finalMessage()) : client.sendMessage(LONG);
      const error = await failure(call);
      expect(error).toMatchObject({ kind: "contextLength", retryable: false, partial: { content: "Yes." } });
      expect(error.message).toContain(`${kept} tokens`);
    }
  });

  test("is not suspected where it fits, where the size is not known, or where the cut is allowed", async () => {
    const { client } = await stage([cutTo(2_000), cutTo(1_026), cutTo(2_048)]);
    const fitting = [{ role: "user", content: "word ".repeat(1_900) }] as const;
    expect(await client.sendMessage(fitting, SMALL)).toMatchObject({ content: "Yes." });
    expect(await client.sendMessage(LONG)).toMatchObject({ content: "Yes." });
    const allowed = { providerOptions: { truncate: true, options: { num_ctx: 2_048 } } };
    expect(await client.sendMessage(LONG, allowed)).toMatchObject({ content: "Yes." });
  });
});

describe("a request", () => {
  test("says everything in Ollama's words", async () => {
    const options: SendOptions = { maxOutputTokens: 50, temperature: 0.3, topP: 0.5, stop: ["END"], seed: 7 };
    const providerOptions = { keep_alive: "10m", options: { num_ctx: 8_192, top_k: 40 } };
    expect(await sent([{ role: "system", content: "Be brief." }, ...HI], options, { providerOptions })).toEqual({
      model: "qwen3",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hi" },
      ],
      stream: false,
      truncate: false,
      shift: false,
      keep_alive: "10m",
      options: {
        num_predict: 50,
        temperature: 0.3,
        top_p: 0.5,
        stop: ["END"],
        seed: 7,
        num_ctx: 8_192,
        top_k: 40,
      },
    });
  });

  test("carries images as base64 beside the text, and refuses what the server would not see", async () => {
    const image = { type: "image", mediaType: "image/png", data: new Uint8Array([1, 2, 3]) } as const;
    const inUrl = { type: "image", url: "data:image/png;base64,AQID" } as const;
    const content = [{ type: "text", text: "What?" } as const, image, inUrl];
    expect((await sent([{ role: "user", content }])).messages).toEqual([
      { role: "user", content: "What?", images: ["AQID", "AQID"] },
    ]);
    const { client } = await stage([]);
    for (const part of [
      { type: "image", url: "https://example.org/a.png" } as const,
      { type: "file", mediaType: "application/pdf", data: "AQID" } as const,
    ])
      expect(await failure(client.sendMessage([{ role: "user", content: [part] }]))).toMatchObject({
        kind: "unsupported",
      });
  });

  test("returns calls as objects, results by name, and the thinking of its own replies", async () => {
    const { server, client } = await stage([{ body: REPLY }, { text: "ok" }]);
    const reply = await (await client.sendMessageStream(HI)).finalMessage();
    const [first, second] = reply.toolCalls;
    const turn = JSON.parse(JSON.stringify(reply)) as typeof reply;
    const results = [first, second].map(
      (call) => ({ role: "tool", toolCallId: call?.id ?? "", content: "seen" }) as const,
    );
    await client.sendMessage([...HI, turn, ...results]);
    expect(messagesOf(server, 1).slice(1)).toEqual([
      {
        role: "assistant",
        content: "Grüße 🌍",
        thinking: "Hm, grüß ihn.",
        tool_calls: [
          { id: first?.id, function: { index: 0, name: "look", arguments: { at: "Oslo", big: 1 } } },
          { id: second?.id, function: { index: 1, name: "look", arguments: {} } },
        ],
      },
      { role: "tool", content: "seen", tool_name: "look", tool_call_id: first?.id },
      { role: "tool", content: "seen", tool_name: "look", tool_call_id: second?.id },
    ]);
  });

  test("asks for JSON by its schema, which leaves no room for calls", async () => {
    const output = { type: "object", properties: { a: { type: "number" } }, required: ["a"] } as const;
    const { server, client } = await stage([{ text: '{"a":1}' }]);
    expect((await client.sendMessage(HI, { output })).output).toEqual({ a: 1 });
    expect(server.requests[0]?.body).toMatchObject({ format: output });
    const error = await failure(client.sendMessage(HI, { output, tools: [{ name: "look" }] }));
    expect(error.kind).toBe("unsupported");
  });

  test("thinks by level, or at all where the model has no levels", async () => {
    expect(await sent(HI, { reasoning: "xhigh" })).toMatchObject({ think: "high" });
    expect(await sent(HI, { reasoning: "none" })).toMatchObject({ think: false });
    const message = 'think value "low" is not supported for this model';
    const { server, client } = await stage([{ refusal: { status: 400, message } }, { text: "ok" }]);
    expect(await client.sendMessage(HI, { reasoning: "low" })).toMatchObject({ content: "ok" });
    expect(server.requests.map(({ body }) => (body as { think: unknown }).think)).toEqual(["low", true]);
    const always = new OllamaClient({ model: "gpt-oss:20b" });
    expect(await failure(always.sendMessage(HI, { reasoning: "none" }))).toMatchObject({ kind: "unsupported" });
  });

  test("without a choice of tools leaves them out; a choice that the protocol lacks is refused", async () => {
    const tools = [{ name: "look" }];
    expect(await sent(HI, { tools, toolChoice: "none" })).not.toHaveProperty("tools");
    expect(await sent(HI, { tools })).toMatchObject({ tools: [{ type: "function", function: { name: "look" } }] });
    const { client } = await stage([]);
    const error = await failure(client.sendMessage(HI, { tools, toolChoice: "required" }));
    expect(error.kind).toBe("unsupported");
  });

  test("goes to the same path from each form of the address", async () => {
    const { server, client } = await stage([{ text: "a" }, { text: "b" }]);
    await client.sendMessage(HI);
    await new OllamaClient({ model: "m", baseUrl: `${server.origin}/api/` }).sendMessage(HI);
    expect(server.requests.map(({ path }) => path)).toEqual(["/api/chat", "/api/chat"]);
  });
});

describe("a refusal", () => {
  test.each([
    [404, "model 'nobody' not found", { kind: "notFound", retryable: false }],
    [400, '"llama2" does not support tools', { kind: "invalidRequest", retryable: false }],
    [503, "server busy, please try again.  maximum pending requests exceeded", { kind: "overloaded", retryable: true }],
    [500, "model requires more system memory (9.1 GiB) than is available (5.9 GiB)", { retryable: false }],
    [401, "unauthorized", { kind: "authentication" }],
  ])("with status %i and %j is told by its kind", async (status, message, due) => {
    const { client } = await stage([{ refusal: { status, message } }]);
    const error = await failure(client.sendMessage(HI));
    expect(error).toMatchObject({ ...due, status });
    expect(error.message).toContain(message);
  });
});

test("a model whose first line never ends is stopped at the limit of the reply", async () => {
  function* endless(): Generator<string> {
    yield '{"message":{"content":"';
    for (;;) yield "x".repeat(65_536);
  }
  const error = await failure(streamed({ body: endless() }, { maxReplyBytes: 1_000_000 }));
  expect(error.kind).toBe("protocol");
});
