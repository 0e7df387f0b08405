/** The toy model as it is shipped, behind its client. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LLMSession, type Message, SendError, type SendOptions } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";
import { describe, expect, test } from "vitest";
import { toyAsF32 } from "./toy.ts";

const STORY: readonly Message[] = [{ role: "user", content: "Tell me a story about a fox" }];
const GREEDY = { temperature: 0 } as const;
/** With a seed: what holds here holds in every run. */
const client = new EmbeddedClient({ seed: 1 });

async function pieces(messages: readonly Message[], options: SendOptions, of = client): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const text of (await of.sendMessageStream(messages, options)).text()) all.push(text);
  return all;
}

describe("a reply", () => {
  test("streams token by token, is counted exactly, and ends by itself", async () => {
    const stream = await client.sendMessageStream(STORY, GREEDY);
    let chunks = 0;
    for await (const chunk of stream) if (chunk.type === "text") chunks += 1;
    const { content, usage, estimatedUsage, finishReason, metrics, provider, model } = await stream.finalMessage();
    expect(content).toMatch(/fox/);
    expect(finishReason).toBe("stop");
    expect(usage).toEqual({
      inputTokens: usage?.inputTokens,
      outputTokens: chunks,
      totalTokens: chunks + (usage?.inputTokens ?? 0),
    });
    expect(estimatedUsage).toBeUndefined();
    expect(metrics).toMatchObject({ chunks, attempts: [{ outcome: "answered" }] });
    expect({ provider, model }).toEqual({ provider: "embedded", model: "cloudllm-toy" });
  });

  test("counts what it was asked: turn by turn more", async () => {
    const inputTokens = async (messages: readonly Message[]) =>
      (await client.sendMessage(messages, { maxOutputTokens: 1 })).usage?.inputTokens ?? 0;
    const alone = await inputTokens([{ role: "user", content: "Hi" }]);
    const told = await inputTokens([
      { role: "system", content: "Hi" },
      { role: "user", content: "Hi" },
    ]);
    expect(told).toBeGreaterThan(alone + 3);
  });

  test("is the same non-streamed and streamed, and at temperature 0 always the same", async () => {
    const whole = await client.sendMessage(STORY, GREEDY);
    expect((await pieces(STORY, GREEDY)).join("")).toBe(whole.content);
    expect((await new EmbeddedClient(GREEDY).sendMessage(STORY)).content).toBe(whole.content);
  });

  test("is the same with the same seed, and another with another", async () => {
    const told = async (seed?: number) => (await client.sendMessage(STORY, { seed, temperature: 1 })).content;
    expect(await told(7)).toBe(await told(7));
    expect(new Set([await told(1), await told(2), await told(3)]).size).toBeGreaterThan(1);
  });

  test("takes images and tools for what they are: unsupported, or left out", async () => {
    const image: Message = {
      role: "user",
      content: [
        { type: "text", text: "Hello" },
        { type: "image", url: "https://x.org/y.png" },
      ],
    };
    const calls: Message = { role: "assistant", content: "", toolCalls: [{ id: "1", name: "f", arguments: {} }] };
    const cases: readonly (readonly [readonly Message[], SendOptions])[] = [
      [STORY, { tools: [{ name: "f" }] }],
      [STORY, { reasoning: "high" }],
      [STORY, { search: { mode: "on" } }],
      [STORY, { output: { type: "object" } }],
      [STORY, { promptCache: true }],
      [STORY, { providerOptions: { grammar: "root" } }],
      [[image], {}],
      [[...STORY, calls, { role: "tool", toolCallId: "1", content: "1" }], {}],
    ];
    for (const [messages, options] of cases) {
      const failure = client.sendMessageStream(messages, options);
      await expect(failure).rejects.toMatchObject({ kind: "unsupported", provider: "embedded" });
    }
    expect((await client.sendMessage([image], { unsupported: "ignore" })).content).not.toBe("");
    const nothingAsked = { tools: [], reasoning: "none", search: { mode: "off" }, promptCache: false } as const;
    expect((await client.sendMessage(STORY, nothingAsked)).content).not.toBe("");
  });
});

describe("a model that sees only the last token, and so goes round in circles", () => {
  const silenced = /attn_output|ffn_down/;
  const dizzy = new EmbeddedClient({ weights: toyAsF32({}, silenced), maxOutputTokens: 100, seed: 1 });
  const isLoop = (all: readonly string[]): boolean =>
    all.some((_, at) => [1, 2, 3, 4, 5, 6, 7, 8].some((run) => standsThrice(all.slice(at, at + 3 * run), run)));
  const standsThrice = (all: readonly string[], run: number): boolean =>
    all.length === 3 * run && all.slice(run).every((token, at) => token === all[at]);

  test("does so at temperature 0, where it is always the likeliest token", async () => {
    expect(isLoop(await pieces(STORY, { temperature: 0 }, dizzy))).toBe(true);
  });

  test.each([[{ temperature: 0.01 }], [{ temperature: 0.3, topP: 0.9 }], [{ topP: 0 }]])(
    "does not with %j",
    async (options) => {
      expect(isLoop(await pieces(STORY, options, dizzy))).toBe(false);
    },
  );
});

describe("its end", () => {
  test.each([[1], [5]])("comes after maxOutputTokens: %d", async (maxOutputTokens) => {
    const { usage, finishReason, content } = await client.sendMessage(STORY, { maxOutputTokens, ...GREEDY });
    expect({ tokens: usage?.outputTokens, finishReason }).toEqual({ tokens: maxOutputTokens, finishReason: "length" });
    expect((await client.sendMessage(STORY, GREEDY)).content.startsWith(content)).toBe(true);
  });

  test("comes before a stop text, also one that begins and ends within tokens", async () => {
    const { content } = await client.sendMessage(STORY, GREEDY);
    for (let at = 3; at + 7 < content.length; at += 29) {
      const stop = content.slice(at, at + 7);
      const { content: cut, finishReason } = await client.sendMessage(STORY, { ...GREEDY, stop: ["\u0000", stop] });
      expect(cut).toBe(content.slice(0, content.indexOf(stop)));
      expect(finishReason).toBe("stop");
    }
  });

  test("comes with `length` when the context is full", async () => {
    const full = (words: number): readonly Message[] => [{ role: "system", content: " story".repeat(words) }, ...STORY];
    const { inputTokens = 0 } = (await client.sendMessage(full(1), { maxOutputTokens: 1 })).usage ?? {};
    const { usage, finishReason } = await client.sendMessage(full(1 + 512 - inputTokens - 6), GREEDY);
    expect(finishReason).toBe("length");
    // The last token is written and never read, so that it needs no room.
    expect(usage).toEqual({ inputTokens: 506, outputTokens: 7, totalTokens: 513 });
  });

  test("comes before the beginning when the conversation is too long for an answer", async () => {
    const failure = client.sendMessageStream([{ role: "user", content: "story ".repeat(600) }]);
    await expect(failure).rejects.toMatchObject({ kind: "contextLength", retryable: false });
  });

  test("comes when the signal fires, with what was written and what it cost", async () => {
    const abort = new AbortController();
    const stream = await client.sendMessageStream(STORY, { signal: abort.signal });
    let chunks = 0;
    const reading = (async () => {
      for await (const _chunk of stream) if (++chunks === 4) abort.abort(new Error("enough"));
    })();
    const error = await reading.catch((thrown: unknown) => thrown);
    if (!(error instanceof SendError)) throw error;
    expect(error).toMatchObject({ kind: "aborted", cause: new Error("enough") });
    expect(error.partial?.usage?.outputTokens).toBe(4);
    expect(error.partial?.content).not.toBe("");
  });

  test("comes when a deadline passes", async () => {
    const failure = client.sendMessage([{ role: "user", content: "word ".repeat(150) }], { timeouts: { total: 1 } });
    await expect(failure).rejects.toMatchObject({ kind: "timeout", phase: "total", retryable: true });
  });
});

describe("in one thread with others", () => {
  test("nothing is written without a reader", async () => {
    const stream = await client.sendMessageStream(STORY);
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(stream.partial.content.length).toBeLessThan(20);
    await chunks.return?.();
  });

  test("two replies take turns, and the event loop turns between two tokens", async () => {
    const said: string[] = [];
    const read = async (name: string) => {
      for await (const text of (await client.sendMessageStream(STORY, GREEDY)).text()) if (text) said.push(name);
    };
    let turns = 0;
    let running = true;
    const look = () => {
      turns += 1;
      if (running) setImmediate(look);
    };
    look();
    await Promise.all([read("a"), read("b")]);
    running = false;
    const changes = said.filter((name, index) => index > 0 && name !== said[index - 1]).length;
    expect(changes).toBeGreaterThan(said.length / 2);
    expect(turns).toBeGreaterThan(said.length / 2);
  });
});

describe("a conversation", () => {
  test("of many turns continues in a session that keeps within the context", async () => {
    const session = new LLMSession({ client, maxTokens: 400 });
    for (const said of [
      "Hello",
      "Tell me a story about a fox",
      "Another one",
      "Tell me a story about Anna",
      "Shorter",
      "Another one",
      "Thanks",
    ]) {
      const { finishReason } = await session.sendMessage(said);
      expect(finishReason).toBe("stop");
    }
    expect(session.history).toHaveLength(14);
  }, 90_000); // two thousand tokens, also on a busy machine
});

test("the core does not load it, and importing it reads no weights", async () => {
  const code = `
    import "cloudllm";
    const before = process.memoryUsage().arrayBuffers;
    await import("cloudllm/embedded");
    const { default: module } = await import("node:module");
    const grown = process.memoryUsage().arrayBuffers - before;
    if (grown > 300_000) throw new Error("it took " + grown + " bytes");
  `;
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], { cwd });
});
