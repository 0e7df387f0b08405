/** What a viewer shows of what a relay says, how it leaves, and what it makes of a relay that lies. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageChunk } from "../../src/contract/chunk.ts";
import type { ToolCall } from "../../src/contract/message.ts";
import type { NativeEvent } from "../../src/dialects/native/wire.ts";
import { memoryLog } from "../../src/server/index.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { Gate } from "../../src/testing/index.ts";
import { partialObject, type RelayClientOptions, relayClient, SendError } from "../../src/web/index.ts";
import { read } from "../support/broken-replies.ts";
import {
  complete,
  type FakeRelay,
  type FakeRequest,
  fakeRelay,
  opened,
  text,
  URL_OF_RELAY,
} from "../support/fake-relay.ts";
import { OPEN_RELAY, relaySite } from "../support/relay-site.ts";

const QUESTION = [{ role: "user", content: "Tell me." }] as const;

function clientOf({ fetch }: FakeRelay, options: Partial<RelayClientOptions> = {}) {
  return relayClient({ url: URL_OF_RELAY, fetch, ...options });
}

/** Plays each list on a connection of its own. Every connection ends behind its list. */
function playing(...connections: readonly (readonly (NativeEvent | string)[])[]): FakeRelay {
  let run: unknown;
  return fakeRelay((request, index) => {
    run ??= request.body.run;
    request.stream(opened(run), ...(connections[index] ?? []));
    request.end();
  });
}

function snapshot(content: string, id?: string, more: object = {}): NativeEvent {
  const { message } = complete(content, { finishReason: "interrupted", interrupted: true, ...more });
  return { type: "snapshot", id, message };
}

function piece(argumentsDelta: string): MessageChunk {
  return {
    type: "toolCallDelta",
    content: "",
    index: 0,
    id: "call_a",
    name: "weather",
    argumentsDelta,
    isFinal: false,
  };
}

function delta(argumentsDelta: string, id?: string): NativeEvent {
  return { type: "chunks", id, chunks: [piece(argumentsDelta)] };
}

const CALL = { id: "call_a", name: "weather", arguments: { city: "Oslo" } };
const SECOND = { id: "call_b", name: "now", arguments: { a: 1 } };
const called = (id: string, toolCall: ToolCall = CALL): NativeEvent => ({
  type: "chunks",
  id,
  chunks: [{ type: "toolCall", content: "", toolCall, isFinal: false }],
});

describe("a reply that comes again from its start", () => {
  const whole: NativeEvent = {
    type: "chunks",
    id: "1-2",
    chunks: [piece('{"city":"Oslo"}'), { type: "toolCall", content: "", toolCall: CALL, isFinal: false }],
  };

  // The pieces of one read have no id before the last of them.
  test.each<[seen: string, first: readonly NativeEvent[]]>([
    ["nothing", []],
    ["the beginning", [delta('{"ci')]],
    ["two pieces", [delta('{"ci'), delta('ty":"O')]],
    ["all", [delta('{"city":"Oslo"}')]],
  ])("shows each piece of a call once when %s of it was shown", async (_seen, first) => {
    const relay = playing(first, [whole, complete("", { toolCalls: [CALL] })]);
    const { chunks, message } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    const pieces = chunks.map((chunk) => (chunk.type === "toolCallDelta" ? chunk.argumentsDelta : ""));
    expect(pieces.join("")).toBe('{"city":"Oslo"}');
    expect(chunks.filter(({ type }) => type === "toolCall" || type === "rewind")).toHaveLength(1);
    expect(message?.toolCalls).toEqual([CALL]);
  });

  test("shows the complete call alone when its pieces were others before", async () => {
    const relay = playing([delta('{"town')], [whole, complete("", { toolCalls: [CALL] })]);
    const { chunks } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(chunks.map(({ type }) => type)).toEqual(["toolCallDelta", "toolCall", "final"]);
  });

  test("shows the pieces of a sound when its connection was lost before the first one", async () => {
    const sound = (data: string): MessageChunk => {
      return { type: "media", content: "", index: 0, mediaType: "audio/wav", data, append: true, isFinal: false };
    };
    const relay = playing([], [{ type: "chunks", id: "1-1", chunks: [sound("AAAA"), sound("BBBB")] }, complete("")]);
    const { chunks } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(chunks.filter(({ type }) => type === "media")).toHaveLength(2);
  });
});

describe("a summary of the reply so far", () => {
  test("shows only what the viewer does not have", async () => {
    const relay = playing(
      [text("One ", "1-1")],
      [snapshot("One two ", "1-7"), text("three", "1-8"), complete("One two three")],
    );
    const { chunks, shown } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(chunks.map(({ content }) => content)).toEqual(["One ", "two ", "three", ""]);
    expect(shown).toBe("One two three");
  });

  test("takes back the words that changed, and not half a character", async () => {
    const relay = playing([text("It is 🌍 he", "1-1")], [snapshot("It is 🌎 she", "2-0"), complete("It is 🌎 she")]);
    const { chunks, shown } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(shown).toBe("It is 🌎 she");
    expect(chunks[1]).toMatchObject({ type: "rewind", length: 5, reasoningLength: 0 });
  });

  test("that is shorter than what was shown takes nothing back while the words stay the same", async () => {
    const relay = playing(
      [text("One two th", "1-1")],
      [snapshot("One ", "2-0"), text("two ", "2-1"), text("three", "2-2"), complete("One two three")],
    );
    const { chunks, shown } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(chunks.map(({ type }) => type)).toEqual(["text", "text", "final"]);
    expect(shown).toBe("One two three");
  });

  test("of a reply that failed takes nothing back: a log may be behind what was shown", async () => {
    const { message: partial } = complete("One ", { finishReason: "interrupted", interrupted: true });
    const error = { kind: "truncated", message: "Its process has died.", retryable: true, partial } as const;
    const relay = playing([text("One two ", "1-2")], [{ type: "failed", error }]);
    const { chunks, error: thrown } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(chunks.map(({ type }) => type)).toEqual(["text"]);
    expect(thrown).toMatchObject({ kind: "truncated", partial: { content: "One two ", interrupted: true } });
  });

  test("delivers no tool call twice, and goes on with one that was begun", async () => {
    const begun = { unfinishedToolCalls: [{ id: "call_b", name: "now", argumentsText: '{"a' }] };
    const relay = playing(
      [delta('{"city":', "1-1"), called("1-2")],
      [
        snapshot("", "1-9", { toolCalls: [CALL], ...begun }),
        called("1-10", SECOND),
        complete("", { toolCalls: [CALL, SECOND] }),
      ],
    );
    const { chunks, message } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    const calls = chunks.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall.id] : []));
    expect(calls).toEqual(["call_a", "call_b"]);
    expect(chunks.flatMap((chunk) => (chunk.type === "toolCallDelta" ? [chunk.argumentsDelta] : []))).toEqual([
      '{"city":',
      '{"a',
    ]);
    expect(message?.toolCalls).toHaveLength(2);
  });

  test("leads to its text from any other", async () => {
    const words = fc
      .array(fc.constantFrom("a", "b", " ", "🌍", "🌎", "é"), { maxLength: 12 })
      .map((list) => list.join(""));
    await fc.assert(
      fc.asyncProperty(words, words, words, async (before, summary, after) => {
        const whole = summary + after;
        const relay = playing([text(before, "1-1")], [snapshot(summary, "1-5"), text(after, "1-6"), complete(whole)]);
        const { shown, message } = await read(await clientOf(relay).sendMessageStream(QUESTION));
        expect(shown).toBe(whole);
        expect(message?.content).toBe(whole);
      }),
      { numRuns: 200 },
    );
  });

  test("is asked for from the start when the last chunks had no id, and nothing shows twice", async () => {
    const relay = playing(
      [text("One ", "1-1"), text("two ")],
      [text("One two ", "1-2"), text("three", "1-3"), complete("One two three")],
    );
    const { chunks, shown } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(relay.requests[1]?.path).not.toContain("after");
    expect(chunks.map(({ content }) => content)).toEqual(["One ", "two ", "three", ""]);
    expect(shown).toBe("One two three");
  });
});

describe("a relay that lies", () => {
  const dated = { type: "chunks", id: "1-2", chunks: [{ type: "text", content: 5, isFinal: false }] };
  test.each([
    ["no JSON", "data: {oops}\n\n"],
    ["`null`", "data: null\n\n"],
    ["chunks that are not an array", 'id: 1-2\ndata: {"type":"chunks","chunks":5}\n\n'],
    ["a chunk that is `null`", 'id: 1-2\ndata: {"type":"chunks","chunks":[null]}\n\n'],
    [
      "a chunk of an unknown type",
      'id: 1-2\ndata: {"type":"chunks","chunks":[{"type":"constructor","content":"","isFinal":false}]}\n\n',
    ],
    [
      "a final chunk in the middle",
      'id: 1-2\ndata: {"type":"chunks","chunks":[{"type":"final","content":"","isFinal":true}]}\n\n',
    ],
    ["text that is not text", `id: 1-2\ndata: ${JSON.stringify({ type: "chunks", chunks: dated.chunks })}\n\n`],
    [
      "a call without a name",
      'id: 1-2\ndata: {"type":"chunks","chunks":[{"type":"toolCall","content":"","toolCall":{}}]}\n\n',
    ],
    [
      "a rewind of no length",
      'id: 1-2\ndata: {"type":"chunks","chunks":[{"type":"rewind","content":"","length":"x","reasoningLength":0}]}\n\n',
    ],
    ["a message that is not one", 'id: end\ndata: {"type":"complete","message":{"__proto__":{"content":"x"}}}\n\n'],
    ["a summary that is not one", 'id: 1-2\ndata: {"type":"snapshot","message":[]}\n\n'],
    ["an entry twice", 'id: 1-1\ndata: {"text":"One "}\n\n'],
    ["an entry after a gap", 'id: 1-3\ndata: {"text":"three "}\n\n'],
    ["an entry that follows another", 'id: 1-9\ndata: {"text":"nine ","after":"1-8"}\n\n'],
    ["an id that is not one", 'id: {}\ndata: {"text":"x"}\n\n'],
    ["another run", 'data: {"type":"opened","run":"other","provider":"p","model":"m"}\n\n'],
  ])("by %s ends the reply as `protocol`, with what came", async (_what, bytes) => {
    const relay = fakeRelay((request) => request.stream(opened(request.body.run), text("One ", "1-1"), bytes));
    const { error } = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(error).toMatchObject({ kind: "protocol", partial: { content: "One " } });
  });

  test("by bytes that are not UTF-8, or one endless event, ends as `protocol`", async () => {
    const bodies = [new Uint8Array([0x64, 0xff, 0xfe]), new Uint8Array(9_000_000).fill(0x61)];
    for (const bytes of bodies) {
      const body = new ReadableStream({ pull: (controller) => controller.enqueue(bytes) });
      const fetch = async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
      const failure = relayClient({ url: "/chat", fetch }).sendMessage(QUESTION);
      await expect(failure).rejects.toMatchObject({ kind: "protocol", retryable: false });
    }
  });

  test.each([
    ["headers that never come", { headers: () => new Promise<never>(() => undefined) }],
    ["a `fetch` that knows no signal", { fetch: () => new Promise<never>(() => undefined) }],
  ])("with %s can be aborted", async (_what, options) => {
    const controller = new AbortController();
    const client = relayClient({ url: "http://relay.test/chat", ...options });
    const call = client.sendMessageStream(QUESTION, { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ kind: "aborted" });
  });

  test("about a failure changes no prototype and no method of the error", async () => {
    const error =
      '{"kind":"nonsense","message":5,"toJSON":"x","__proto__":{"polluted":1},"attempts":3,"partial":null,"stack":1}';
    const relay = fakeRelay((request) =>
      request.stream(opened(request.body.run), text("One ", "1-1"), `data: {"type":"failed","error":${error}}\n\n`),
    );
    const outcome = await read(await clientOf(relay).sendMessageStream(QUESTION));
    expect(outcome.error).toBeInstanceOf(SendError);
    expect(outcome.error).toMatchObject({ kind: "protocol", message: "5", partial: { content: "One " } });
    expect(outcome.error?.toJSON()).toMatchObject({ kind: "protocol" });
    expect("polluted" in {}).toBe(false);
  });

  test("with a page in the place of a reply is refused at the call", async () => {
    const fetch = async () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
    await expect(relayClient({ url: "/chat", fetch }).sendMessageStream(QUESTION)).rejects.toMatchObject({
      kind: "protocol",
      message: expect.stringContaining("`url`"),
    });
  });

  test("of any bytes at all gives a reply or a SendError", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.string(),
            fc.json().map((json) => `id: 1-1\ndata: ${json}\n\n`),
          ),
        ),
        async (pieces) => {
          const relay = fakeRelay((request, index) => {
            if (index > 0) return request.answer(404);
            request.stream(opened(request.body.run), ...pieces);
            request.end();
          });
          const { error } = await read(await clientOf(relay).sendMessageStream(QUESTION));
          expect(error).toBeInstanceOf(SendError);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** A request that stops a run, as soon as it is there. */
async function stopIn({ requests }: FakeRelay): Promise<FakeRequest | undefined> {
  await new Promise((resolve) => setTimeout(resolve));
  return requests.find(({ path }) => path.endsWith("/stop"));
}

test("the connection of a complete reply is left in order, so that the next message may use it", async () => {
  const relay = fakeRelay((request) => request.stream(opened(request.body.run), complete("")));
  await clientOf(relay).sendMessage(QUESTION);
  expect(relay.requests[0]?.signal?.aborted).toBe(false);
  expect(relay.requests[0]?.isCancelled()).toBe(false);
  relay.requests[0]?.end();
});

describe("leaving", () => {
  const endless = (): FakeRelay =>
    fakeRelay((request) => {
      if (request.path.endsWith("/stop")) request.answer(200, {});
      else request.stream(opened(request.body.run ?? "r1"), text("One ", "1-1"));
    });

  test("by stop() stops that run, also when the page is about to go", async () => {
    const relay = endless();
    const stream = await clientOf(relay).sendMessageStream(QUESTION);
    for await (const _chunk of stream) void stream.stop();
    const run = relay.requests[0]?.body.run;
    expect(await stopIn(relay)).toMatchObject({ method: "POST", path: `/${run}/stop`, body: { run }, keepalive: true });
    expect(relay.requests[0]?.signal?.aborted).toBe(true);
    expect((await stream.finalMessage()).content).toBe("One ");
  });

  test("by `break` and by the signal stops a reply of one's own (law 5)", async () => {
    for (const how of ["break", "signal"] as const) {
      const relay = endless();
      const abort = new AbortController();
      const stream = await clientOf(relay).sendMessageStream(QUESTION, { signal: abort.signal });
      const reading = (async () => {
        for await (const _chunk of stream) {
          if (how === "break") break;
          abort.abort();
        }
      })();
      if (how === "signal") await expect(reading).rejects.toMatchObject({ kind: "aborted" });
      else await reading;
      expect(await stopIn(relay)).toBeDefined();
    }
  });

  test("by `break` leaves the reply to its relay where the client says so", async () => {
    const relay = endless();
    const stream = await clientOf(relay, { onLeave: "detach" }).sendMessageStream(QUESTION);
    for await (const _chunk of stream) break;
    expect(await stopIn(relay)).toBeUndefined();
    expect(relay.requests[0]?.signal?.aborted).toBe(true);
  });

  test("a reply of another tab does not stop it, and stop() does", async () => {
    const relay = endless();
    const client = clientOf(relay, { chat: "poems" });
    for await (const _chunk of (await client.attach()) ?? []) break;
    expect(await stopIn(relay)).toBeUndefined();
    expect(relay.requests[0]?.path).toBe("/poems/stream");
    await (await client.attach("r1"))?.stop();
    expect(await stopIn(relay)).toMatchObject({ path: "/poems/stop", body: { run: "r1" } });
  });
});

describe("over a relay on loopback", () => {
  test("a page that keeps the id of its run shows the reply again after a reload, without a chat", async () => {
    await using site = await relaySite([{ text: ["One ", "two"] }]);
    const runs: string[] = [];
    const before = relayClient({ url: site.url, onRun: (run) => runs.push(run) });
    await before.sendMessage(QUESTION);
    const again = await relayClient({ url: site.url }).attach(runs[0]);
    expect(again && (await read(again)).shown).toBe("One two");
    expect(runs).toHaveLength(1);
  });

  test("another tab follows a running reply from its start, and may stop it for both", async () => {
    const gate = new Gate();
    const script = { steps: [{ text: "One " }, { pause: gate }, { text: "two" }] };
    await using site = await relaySite([script], {
      ...OPEN_RELAY,
      history: "server",
      trustHistory: false,
      sessions: { store: new MemoryStore() },
      log: memoryLog(),
    });
    const here = relayClient({ url: site.url, chat: "poems" });
    const there = relayClient({ url: site.url, chat: "poems" });
    expect(await there.attach()).toBeUndefined();
    const writing = await here.sendMessageStream(QUESTION);
    const watching = await there.attach();
    const [mine, other] = [read(writing), watching && read(watching)];
    await gate.reached;
    await watching?.stop();
    expect((await mine).message).toMatchObject({ content: "One ", finishReason: "stopped", interrupted: true });
    expect((await other)?.shown).toBe("One ");
    expect(site.provider.calls[0]?.messages).toMatchObject([{ role: "user", content: "Tell me." }]);
  });

  test("a server that is gone for good leaves everything that came, and an error", async () => {
    const gate = new Gate();
    const site = await relaySite([{ steps: [{ text: "One " }, { pause: gate }, { text: "two" }] }]);
    const stream = await relayClient({ url: site.url, reconnectForMs: 300 }).sendMessageStream(QUESTION);
    const reading = read(stream);
    await gate.reached;
    await site[Symbol.asyncDispose]();
    const { error, shown } = await reading;
    expect(shown).toBe("One ");
    expect(["network", "truncated"]).toContain(error?.kind);
    expect(error?.partial).toMatchObject({ content: "One ", interrupted: true });
  });

  test("a chat goes on with what the server knows: only the new turn is sent", async () => {
    const sessions = { store: new MemoryStore() };
    await using site = await relaySite([{ text: "Blue." }, { text: "Green." }], {
      ...OPEN_RELAY,
      history: "server",
      trustHistory: false,
      sessions,
      log: memoryLog(),
    });
    const client = relayClient({ url: site.url, chat: "colors" });
    const first = await client.sendMessage([{ role: "user", content: "A color?" }]);
    await client.sendMessage([...QUESTION, first, { role: "user", content: "Another?" }]);
    expect(site.provider.calls[1]?.messages.map(({ content }) => content)).toEqual(["A color?", "Blue.", "Another?"]);
    await expect(client.sendMessage([first])).rejects.toMatchObject({ kind: "invalidRequest" });
  });

  test("bytes arrive as base64, and a value of a schema is shown while it grows", async () => {
    const output = { type: "object", properties: { title: { type: "string" } }, required: ["title"] };
    await using site = await relaySite([{ text: ['{"title":', '"The Fox"}'] }]);
    const image = { type: "image", data: new Uint8Array([1, 2, 3]), mediaType: "image/png" } as const;
    const stream = await relayClient({ url: site.url }).sendMessageStream([{ role: "user", content: [image] }], {
      output,
    });
    const views: unknown[] = [];
    for await (const view of partialObject(stream)) views.push(view);
    expect(views.at(-1)).toEqual({ title: "The Fox" });
    expect((await stream.finalMessage()).output).toEqual({ title: "The Fox" });
    expect(site.provider.calls[0]?.messages[0]?.content).toMatchObject([{ data: "AQID" }]);
    expect(() => stream.partialObject()).toThrow(/partialObject\(stream\)/);
  });

  test("bad options are refused before anything is sent", async () => {
    const relay = fakeRelay(() => undefined);
    const client = clientOf(relay);
    const schema = { "~standard": { version: 1, vendor: "x", validate: (value: unknown) => ({ value }) } } as const;
    for (const options of [
      { timeouts: { total: Number.NaN } },
      { retries: -1 },
      { output: schema },
      { temperature: Number.NaN },
    ]) {
      await expect(client.sendMessageStream(QUESTION, options)).rejects.toBeInstanceOf(SendError);
    }
    await expect(client.attach()).rejects.toMatchObject({ kind: "invalidRequest" });
    expect(relay.requests).toEqual([]);
    expect(() => relayClient({ url: "" })).toThrow(TypeError);
  });
});
