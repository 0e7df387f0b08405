/** Replies that break after their first chunk, and are brought to their end: every mode, fault and wire format, over real sockets. */

import {
  type AssistantMessage,
  type ClientWrapper,
  CompatibleClient,
  type CompatiblePreset,
  fallback,
  LLMSession,
  type MessageChunk,
  type MessageStream,
  type Recovery,
  rateLimit,
  SendError,
} from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../support/raw-server.ts";
import { bodiesOf, recordingsMissing, recordingsOf } from "../support/recordings.ts";
import { useServers } from "../support/servers.ts";
import { ANTHROPIC, CHAT, GEMINI, type Options, RESPONSES, type TestWire, WIRES } from "../support/wires.ts";

/** A connection that breaks is not used again: no request finds one that is about to close. */
const HEAD = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");

const QUESTION = [{ role: "user", content: "Tell me of the river." }] as const;

// Full jitter at its least: nobody waits.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));

const serve = useServers();

interface Outcome {
  /** What a reader has before him at the end, rewinds applied. */
  readonly shown: string;
  readonly chunks: readonly MessageChunk[];
  readonly message: AssistantMessage | undefined;
  readonly error: SendError | undefined;
}

async function read(stream: MessageStream): Promise<Outcome> {
  const chunks: MessageChunk[] = [];
  const shown = () =>
    chunks.reduce(
      (text, chunk) => (chunk.type === "rewind" ? text.slice(0, text.length - chunk.length) : text + chunk.content),
      "",
    );
  try {
    for await (const chunk of stream) chunks.push(chunk);
    return { shown: shown(), chunks, message: await stream.finalMessage(), error: undefined };
  } catch (error) {
    if (error instanceof SendError) return { shown: shown(), chunks, message: undefined, error };
    throw error;
  }
}

const FAULTS: readonly (readonly [string, RegExp, (wire: TestWire, request: RawRequest, number: number) => void])[] = [
  ["a reset", /network/, (_wire, { socket }) => void setTimeout(() => socket.resetAndDestroy(), 30)],
  ["an early end", /truncated/, (_wire, { socket }) => void socket.end(LAST_CHUNK)],
  ["an end inside a chunk", /network/, (_wire, { socket }) => void socket.end("ff\r\nda")],
  ["silence", /timeout/, () => undefined],
  ["heartbeats and no more text", /timeout/, heartbeats],
  [
    "an event that is no JSON",
    /protocol/,
    (_wire, { socket }) => void socket.end(httpChunk("data: {oops}\n\n") + LAST_CHUNK),
  ],
  [
    "an error inside the stream",
    /overloaded|server/,
    (wire, { socket }, number) => void socket.end(httpChunk(wire.error("it broke", number)) + LAST_CHUNK),
  ],
];

function heartbeats(_wire: TestWire, { socket }: RawRequest): void {
  const timer = setInterval(() => socket.write(httpChunk(": ping\n\n")), 50);
  socket.on("close", () => clearInterval(timer));
}

/** Short only where silence is what is tested: a busy machine is slow. */
const timeoutsFor = (kind: RegExp) => (kind.test("timeout") ? { idle: 300, stall: 400 } : {});

/** Writes the beginning of a reply, then lets it break. */
function begin(wire: TestWire, { socket }: RawRequest, pieces: readonly string[], from = 0): void {
  const events = pieces.map((piece, at) => wire.text(piece, from + at));
  socket.write(HEAD + httpChunk(wire.begin() + events.join("")).toString("utf8"));
}

/** Writes a whole reply. */
function whole(wire: TestWire, request: RawRequest, pieces: readonly string[]): void {
  begin(wire, request, pieces);
  request.socket.write(httpChunk(wire.end(pieces.length)) + LAST_CHUNK);
}

const CUT = ["The river ", "begins hi"];

/** A model that is told to go on: one that takes the beginning of its reply has no reason to repeat it. */
const toldOptions = (wire: TestWire): Options & { readonly model?: string } =>
  wire === ANTHROPIC ? { model: "claude-opus-4-8" } : {};

describe.each(WIRES)("$name", (wire) => {
  describe.each(FAULTS)("after %s", (_name, kind, breakOff) => {
    async function recovered(
      recover: Recovery | undefined,
      rest: readonly string[],
      options: Options & { readonly model?: string } = {},
    ) {
      const server = await serve((request, index) => {
        if (index > 0) return whole(wire, request, rest);
        begin(wire, request, CUT);
        breakOff(wire, request, CUT.length);
      });
      const client = wire.client(server.port, { recover, timeouts: timeoutsFor(kind), ...options });
      return { server, outcome: await read(await client.sendMessageStream(QUESTION)) };
    }

    test("without recovery it is an error that keeps what came", async () => {
      const { outcome, server } = await recovered(undefined, []);
      expect(outcome.error?.kind).toMatch(kind);
      expect(outcome.error?.partial?.content).toBe("The river begins hi");
      expect(server.requests).toHaveLength(1);
    });

    test.each([
      ["goes on in the middle of the word", ["gh up."]],
      ["says its last words again", ["begins ", "high up."]],
      ["says everything again", ["The river begins ", "high up."]],
    ])("`continue` joins a rest that %s", async (_how, rest) => {
      const { outcome, server } = await recovered("continue", rest, toldOptions(wire));
      expect(outcome.error).toBeUndefined();
      expect(outcome.shown).toBe("The river begins high up.");
      expect(outcome.message).toMatchObject({ content: outcome.shown, finishReason: "stop" });
      expect(outcome.message?.interrupted).toBeUndefined();
      expect(outcome.chunks.filter(({ type }) => type === "rewind" || type === "final")).toHaveLength(1);
      expect(server.requests).toHaveLength(2);
      expect(server.requests[1]?.body).toContain("begins hi");
    });

    test("`restart` says what to discard, and begins again", async () => {
      const { outcome, server } = await recovered("restart", ["It begins ", "high up."]);
      expect(outcome.error).toBeUndefined();
      expect(outcome.shown).toBe("It begins high up.");
      expect(outcome.message?.content).toBe(outcome.shown);
      const rewind = outcome.chunks.findIndex(({ type }) => type === "rewind");
      expect(outcome.chunks[rewind]).toMatchObject({ length: "The river begins hi".length, isFinal: false });
      expect(outcome.chunks[rewind + 1]).toMatchObject({ content: "It begins " });
      expect(server.requests[1]?.body).not.toContain("begins hi");
    });

    test("both attempts are listed and paid for", async () => {
      const { outcome } = await recovered("continue", ["gh up."]);
      const { metrics, usage, estimatedUsage } = outcome.message as AssistantMessage;
      expect(metrics.attempts).toHaveLength(2);
      expect(metrics.attempts[0]?.outcome).toMatch(kind);
      expect(metrics.attempts[1]?.outcome).toBe("answered");
      // What was reported, and beside it an estimate of all, since nobody told what the cut attempt wrote.
      const told = wire === ANTHROPIC ? { inputTokens: 10, outputTokens: 3 } : { inputTokens: 5, outputTokens: 2 };
      expect(usage).toMatchObject(told);
      expect(estimatedUsage?.outputTokens).toBeGreaterThan(usage?.outputTokens ?? 0);
      expect(estimatedUsage?.inputTokens).toBeGreaterThan(5);
    });

    test("a whole reply is recovered, too", async () => {
      const server = await serve((request, index) => {
        if (index > 0) return whole(wire, request, ["gh up."]);
        begin(wire, request, CUT);
        breakOff(wire, request, CUT.length);
      });
      const client = wire.client(server.port, { timeouts: timeoutsFor(kind) });
      const message = await client.sendMessage(QUESTION, { recover: "continue" });
      expect(message.content).toBe("The river begins high up.");
    });

    test("a tool call that was begun is begun anew, and delivered once", async () => {
      const server = await serve((request, index) => {
        begin(wire, request, CUT);
        if (index === 0) {
          request.socket.write(httpChunk(wire.openCall(CUT.length)));
          return breakOff(wire, request, CUT.length + 1);
        }
        request.socket.write(httpChunk(wire.call(2) + wire.end(3)) + LAST_CHUNK);
      });
      const tools = [{ name: "look" }];
      const client = wire.client(server.port, { recover: "restart", timeouts: timeoutsFor(kind), tools });
      const { message, chunks, error } = await read(await client.sendMessageStream(QUESTION));
      expect(error).toBeUndefined();
      expect(message?.toolCalls[0]).toMatchObject({ name: "look" });
      expect(message?.unfinishedToolCalls).toBeUndefined();
      const calls = chunks.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall.id] : []));
      expect(calls).toEqual([...new Set(calls)]);
      expect(calls).toEqual(message?.toolCalls.map(({ id }) => id));
    });

    // The other formats deliver their calls with the end of the reply.
    test.runIf(wire === ANTHROPIC || wire === RESPONSES)(
      "nothing is sent again once a tool call was delivered",
      async () => {
        const server = await serve((request) => {
          begin(wire, request, CUT);
          request.socket.write(httpChunk(wire.call(CUT.length)));
          breakOff(wire, request, CUT.length + 1);
        });
        const client = wire.client(server.port, {
          recover: "restart",
          timeouts: timeoutsFor(kind),
          tools: [{ name: "look" }],
        });
        const { error } = await read(await client.sendMessageStream(QUESTION));
        expect(error?.kind).toMatch(kind);
        expect(error?.partial?.toolCalls).toHaveLength(1);
        expect(server.requests).toHaveLength(1);
      },
    );
  });

  test("a reply that breaks again and again fails, with everything that arrived", async () => {
    const server = await serve((request, index) => {
      begin(wire, request, index === 0 ? ["The river"] : [` and ${index}`]);
      request.socket.end(LAST_CHUNK);
    });
    const client = wire.client(server.port, { recover: "continue" });
    const { error, shown } = await read(await client.sendMessageStream(QUESTION));
    expect(error).toMatchObject({
      kind: "truncated",
      partial: { content: "The river and 1 and 2", interrupted: true },
    });
    expect(shown).toBe("The river and 1 and 2");
    expect(error?.attempts).toHaveLength(3);
    expect(server.requests).toHaveLength(3);
  });

  test("what cannot be begun again leaves what had been shown", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return void request.socket.write(response(401, `{"error":{"message":"no"}}`));
      begin(wire, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const client = wire.client(server.port, { recover: "restart" });
    const { error, shown, chunks } = await read(await client.sendMessageStream(QUESTION));
    expect(error).toMatchObject({ kind: "authentication", partial: { content: "The river begins hi" } });
    expect(shown).toBe("The river begins hi");
    expect(chunks.some(({ type }) => type === "rewind")).toBe(false);
    expect(error?.attempts?.map(({ outcome }) => outcome)).toEqual(["truncated", "authentication"]);
  });
});

describe("a text that repeats itself", () => {
  const rows = (count: number, row: (number: number) => string) =>
    Array.from({ length: count }, (_, at) => row(at)).join("");
  const TEXTS = [
    ["closing tags", "<div><div>\n  <p>text</p>\n  </div>\n", "  </div>\n  </div>\n"],
    ["equal rows", rows(30, () => "0,0,0,0\n"), rows(20, () => "0,0,0,0\n")],
    ["one letter", "a".repeat(50), "a".repeat(50)],
    ["empty lines", "a\n\n", "\n\nb\n\n\n\nc"],
    ["a text that begins again in its own right", "One, two, three. One, two, three. ", "One, two, three. One, two."],
  ] as const;
  const compatible =
    (preset: CompatiblePreset | undefined, path = "/v1") =>
    (port: number) =>
      new CompatibleClient({
        preset,
        baseUrl: `http://127.0.0.1:${port}${path}`,
        model: "m",
        apiKey: "k",
        recover: "continue",
      });

  async function recoveredText(wire: TestWire, client: (port: number) => ClientWrapper, cut: string, rest: string) {
    const server = await serve((request, index) => {
      if (index > 0) return whole(wire, request, rest.match(/[\s\S]{1,3}/g) ?? []);
      begin(wire, request, [cut]);
      request.socket.end(LAST_CHUNK);
    });
    return {
      server,
      outcome: await read(await client(server.port).sendMessageStream(QUESTION, { recover: "continue" })),
    };
  }

  describe.each([
    ["vLLM", CHAT, compatible("vllm")],
    ["llama.cpp", CHAT, compatible("llamacpp")],
    ["Mistral", CHAT, compatible("mistral")],
    ["DeepSeek's beta", CHAT, compatible("deepseek", "/beta")],
    ["Claude 4.5", ANTHROPIC, (port: number) => ANTHROPIC.client(port)],
  ] as const)("is whole where %s takes the beginning", (name, wire, client) => {
    // White space at the end is no beginning that Claude takes.
    const texts = TEXTS.map(([what, cut, rest]) =>
      wire === ANTHROPIC ? [what, cut.trimEnd(), cut.slice(cut.trimEnd().length) + rest] : [what, cut, rest],
    );
    test.each(texts)("%s", async (_what, cut = "", rest = "") => {
      const { outcome } = await recoveredText(wire, client, cut, rest);
      expect(outcome.error, name).toBeUndefined();
      expect(outcome.shown).toBe(cut + rest);
      expect(outcome.message).toMatchObject({ content: cut + rest, finishReason: "stop" });
    });
  });

  test("is whole where the next client of a fallback takes the beginning", async () => {
    for (const [, cut, rest] of TEXTS) {
      const server = await serve((request) => whole(CHAT, request, rest.match(/[\s\S]{1,3}/g) ?? []));
      const first = scriptedClient([{ text: [cut], ending: "cut" }]);
      const client = fallback([first, rateLimit(compatible("vllm")(server.port), { concurrency: 1 })], {
        recover: "continue",
      });
      expect((await read(await client.sendMessageStream(QUESTION))).message?.content).toBe(cut + rest);
    }
  });

  test.each(WIRES)("fails with what came where nobody can know where the rest belongs: $name", async (wire) => {
    const row = "0,0,0,0\n";
    const { outcome, server } = await recoveredText(
      wire,
      (port) => wire.client(port, toldOptions(wire)),
      row.repeat(30),
      row.repeat(20),
    );
    expect(outcome.error).toMatchObject({ kind: "truncated", partial: { content: row.repeat(30), interrupted: true } });
    expect(outcome.shown).toBe(row.repeat(30));
    expect(outcome.error?.attempts).toHaveLength(2);
    expect(server.requests).toHaveLength(2);
  });

  test("Claude is told to go on with a text that ends in white space: it takes no such beginning", async () => {
    const { server, outcome } = await recoveredText(
      ANTHROPIC,
      (port) => ANTHROPIC.client(port),
      "One line.\n",
      "Another.",
    );
    expect(outcome.message?.content).toBe("One line.\nAnother.");
    const { messages } = JSON.parse(server.requests[1]?.body ?? "") as { messages: { role: string }[] };
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });
});

describe("what goes out with a continuation", () => {
  async function secondBody(client: (port: number) => ReturnType<TestWire["client"]>, wire: TestWire) {
    const server = await serve((request, index) => {
      if (index > 0) return whole(wire, request, ["gh up."]);
      begin(wire, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const stream = await client(server.port).sendMessageStream(QUESTION, { recover: "continue", maxOutputTokens: 100 });
    expect((await read(stream)).message?.content).toBe("The river begins high up.");
    return JSON.parse(server.requests[1]?.body ?? "") as Record<string, unknown> & { messages: { role: string }[] };
  }

  test.each(["claude-sonnet-4-5", "claude-3-5-haiku-latest"])(
    "%s is given the beginning of its answer",
    async (model) => {
      const { messages } = await secondBody((port) => ANTHROPIC.client(port, { model }), ANTHROPIC);
      expect(messages.at(-1)).toEqual({ role: "assistant", content: [{ type: "text", text: "The river begins hi" }] });
    },
  );

  test.each(["claude-opus-4-6", "claude-sonnet-5", "claude-opus-5-5", "somebody-elses"])(
    "%s is told to go on",
    async (model) => {
      const { messages } = await secondBody((port) => ANTHROPIC.client(port, { model }), ANTHROPIC);
      expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
      expect(JSON.stringify(messages.at(-1))).toContain("The river begins hi");
    },
  );

  test("a model that thinks is told to go on", async () => {
    const client = (port: number) => ANTHROPIC.client(port, { reasoning: { maxTokens: 1_024 } });
    const server = await serve((request, index) => {
      if (index > 0) return whole(ANTHROPIC, request, ["gh up."]);
      begin(ANTHROPIC, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    await read(await client(server.port).sendMessageStream(QUESTION, { recover: "continue" }));
    const { messages } = JSON.parse(server.requests[1]?.body ?? "") as { messages: { role: string }[] };
    expect(messages.at(-1)?.role).toBe("user");
  });

  const preset =
    (name: CompatiblePreset, path = "/v1") =>
    (port: number) =>
      new CompatibleClient({ preset: name, baseUrl: `http://127.0.0.1:${port}${path}`, model: "m", apiKey: "k" });

  test.each([
    ["Mistral", preset("mistral"), { prefix: true }, {}],
    ["DeepSeek's beta", preset("deepseek", "/beta"), { prefix: true }, {}],
    ["vLLM", preset("vllm"), {}, { continue_final_message: true, add_generation_prompt: false }],
    ["llama.cpp", preset("llamacpp"), {}, { continue_final_message: true, add_generation_prompt: false }],
  ] as const)("%s is given the beginning of its answer", async (_name, client, messageFields, fields) => {
    const body = await secondBody(client, CHAT);
    expect(body.messages.at(-1)).toMatchObject({ role: "assistant", content: "The river begins hi", ...messageFields });
    expect(body).toMatchObject(fields);
  });

  test.each([
    ["DeepSeek", preset("deepseek")],
    ["Ollama", preset("ollama")],
    ["a server that nobody knows", CHAT.client],
  ] as const)("%s is told to go on", async (_name, client) => {
    const { messages } = await secondBody(client, CHAT);
    expect(messages.at(-1)).toMatchObject({ role: "user", content: expect.stringContaining("begins hi") });
  });

  test("the limit on output is what the first part left of it", async () => {
    const { max_tokens } = await secondBody(CHAT.client, CHAT);
    expect(max_tokens).toBeLessThan(100);
    expect(max_tokens).toBeGreaterThan(80);
  });

  test("an ordinary conversation is not told anything", async () => {
    const server = await serve((request) => whole(CHAT, request, ["Hello."]));
    await CHAT.client(server.port).sendMessage([
      { role: "user", content: "a" },
      { role: "assistant", content: "b", interrupted: true },
      { role: "user", content: "c" },
    ]);
    const { messages } = JSON.parse(server.requests[0]?.body ?? "") as { messages: unknown[] };
    expect(messages).toHaveLength(3);
  });
});

describe("a continuation", () => {
  test("shifts the places of its sources", async () => {
    const cite = chatCitation("https://example.com/", 0, 8);
    const server = await serve((request, index) => {
      if (index > 0) {
        begin(CHAT, request, ["begins high up."]);
        return void request.socket.write(httpChunk(cite + CHAT.end(1)) + LAST_CHUNK);
      }
      begin(CHAT, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const { message } = await read(await CHAT.client(server.port, { recover: "continue" }).sendMessageStream(QUESTION));
    const [citation] = message?.citations ?? [];
    expect(message?.content.slice(citation?.startIndex, citation?.endIndex)).toBe("begins h");
  });

  test("keeps the thinking of both, and a rewind takes back that of the first", async () => {
    const thought = (reasoning: string) => CHAT.text("x", 0).replace('"content":"x"', `"reasoning":"${reasoning}"`);
    for (const [recover, expected] of [
      ["continue", "ab"],
      ["restart", "b"],
    ] as const) {
      const server = await serve(({ socket }, index) => {
        if (index > 0)
          return void socket.write(
            HEAD + httpChunk(thought("b") + CHAT.text("begins high up.", 0) + CHAT.end(1)) + LAST_CHUNK,
          );
        socket.end(HEAD + httpChunk(thought("a") + CHAT.text("The river begins", 0)) + LAST_CHUNK);
      });
      const { message, shown } = await read(await CHAT.client(server.port, { recover }).sendMessageStream(QUESTION));
      expect(message?.reasoning).toBe(expected);
      expect(message?.content).toBe(shown);
    }
  });

  test("of thinking alone begins again", async () => {
    const thought = CHAT.text("x", 0).replace('"content":"x"', '"reasoning":"hm"');
    const server = await serve((request, index) => {
      if (index > 0) return whole(CHAT, request, ["Hello."]);
      request.socket.end(HEAD + httpChunk(thought) + LAST_CHUNK);
    });
    const { message } = await read(await CHAT.client(server.port, { recover: "continue" }).sendMessageStream(QUESTION));
    expect(message).toMatchObject({ content: "Hello.", reasoning: "" });
  });

  test("of a value that must fit a schema begins again", async () => {
    const output = { type: "object", properties: { a: { type: "number" } }, required: ["a"] } as const;
    const server = await serve((request, index) => {
      begin(RESPONSES, request, index > 0 ? ['{"a":', "1}"] : ['{"a"']);
      request.socket.end(index > 0 ? httpChunk(RESPONSES.end(2)) + LAST_CHUNK : LAST_CHUNK);
    });
    const client = RESPONSES.client(server.port, { recover: "continue", output });
    const { message, shown } = await read(await client.sendMessageStream(QUESTION));
    expect(message).toMatchObject({ content: '{"a":1}', output: { a: 1 } });
    expect(shown).toBe('{"a":1}');
  });

  test("of half a character takes the half back", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return whole(CHAT, request, ["😀!"]);
      begin(CHAT, request, ["The river smiles \ud83d"]);
      request.socket.end(LAST_CHUNK);
    });
    const { message, shown } = await read(
      await CHAT.client(server.port, { recover: "continue" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("The river smiles 😀!");
    expect(shown).toBe(message?.content);
    expect(server.requests[1]?.body).not.toContain("\ufffd");
  });
});

test.each([
  ["continue", ["The river begins hi", "gh up."]],
  ["restart", ["high up."]],
] as const)(
  "a reply that was recovered (%s) goes back with all it says and all that is signed",
  async (recover, expected) => {
    const thinking =
      `event: x\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":"sig"}}\n\n` +
      `data: {"type":"content_block_stop","index":0}\n\n`;
    const rest = recover === "continue" ? ["begins hi", "gh up."] : ["high up."];
    const server = await serve((request, index) => {
      if (index === 0) {
        begin(ANTHROPIC, request, CUT);
        return void request.socket.end(LAST_CHUNK);
      }
      const start = ANTHROPIC.begin().replace("event: content_block_start", `${thinking}event: content_block_start`);
      const events = rest.map((text) => ANTHROPIC.text(text, 0)).join("");
      request.socket.write(HEAD + httpChunk(start + events + ANTHROPIC.call(2) + ANTHROPIC.end(3)) + LAST_CHUNK);
    });
    const client = ANTHROPIC.client(server.port, { ...toldOptions(ANTHROPIC), recover, tools: [{ name: "look" }] });
    const { message } = await read(await client.sendMessageStream(QUESTION));
    expect(message?.toolCalls).toHaveLength(1);
    const turn = JSON.parse(JSON.stringify(message)) as AssistantMessage;
    await client.sendMessage([...QUESTION, turn, { role: "tool", toolCallId: "k1", content: "a tree" }]);
    const { messages } = JSON.parse(server.requests[2]?.body ?? "") as {
      messages: { content: { type: string; text?: string }[] }[];
    };
    const blocks = messages[1]?.content ?? [];
    expect(
      blocks
        .filter(({ type }) => type === "text")
        .map(({ text }) => text)
        .join(""),
    ).toBe(message?.content);
    expect(blocks.filter(({ type }) => type === "thinking")).toEqual([
      { type: "thinking", thinking: "", signature: "sig" },
    ]);
    expect(message?.content.endsWith(expected.at(-1) ?? "")).toBe(true);
  },
);

describe("a reply that is cut at any byte, again and again", () => {
  const TEXT =
    "Rivers begin high up: naïve streams 😀 of melting snow,\n\n- first a trickle\n- then 日本の川 and more.\n\n" +
    "```js\nif (a) {\n    b();\n}\n``` The end of it, said twice: the end of it.";

  /** The text after what the request says was written, from some words before it on when the model is told to repeat them. */
  function restOf(body: string, repeats: number): string {
    const utf8 = Buffer.from(body, "latin1").toString("utf8");
    const { messages } = JSON.parse(utf8) as { messages: { role: string; content: string }[] };
    const written = messages.findLast(({ role }) => role === "assistant")?.content ?? "";
    expect(TEXT.slice(0, written.length)).toBe(written);
    let from = written.length;
    if (repeats > 0 && written.length > 20) from = Math.max(0, written.lastIndexOf(" ", from - repeats)) + 1;
    return TEXT.slice(from);
  }

  test.each([
    ["as a prefix", "vllm", 0],
    ["by an instruction", "ollama", 15],
  ] as const)("is whole all the same, continued %s", async (_name, preset, repeats) => {
    const cuts: number[] = [];
    let request = 0;
    const server = await serve(({ socket, body }) => {
      const rest = restOf(body, repeats);
      const pieces = rest.split(/(?<=[ \n])/);
      const bytes = Buffer.from(CHAT.begin() + pieces.map((piece) => CHAT.text(piece, 0)).join("") + CHAT.end(1));
      const cut = cuts[request++];
      socket.write(HEAD);
      if (cut === undefined) return void socket.end(Buffer.concat([httpChunk(bytes), Buffer.from(LAST_CHUNK)]));
      socket.write(httpChunk(bytes.subarray(0, cut % bytes.length)), () => void socket.end());
    });
    const options = { preset, baseUrl: server.baseUrl, model: "m", recover: "continue" } as const;
    const clients = [
      new CompatibleClient(options),
      new CompatibleClient({ ...options, fetch: (input, init) => fetch(input, init) }),
    ];
    for (let round = 0; round < 120; round++) {
      request = 0;
      cuts.splice(0, cuts.length, 150 + round * 37, 200 + round * 53);
      const client = clients[round % 2] as CompatibleClient;
      const { message, shown, error } = await read(await client.sendMessageStream(QUESTION));
      expect(error).toBeUndefined();
      expect(message?.content).toBe(TEXT);
      expect(shown).toBe(TEXT);
    }
  });
});

test("a session keeps the reply as it was shown, and its whole price", async () => {
  const server = await serve((request, index) => {
    if (index > 0) return whole(CHAT, request, ["It begins ", "high up."]);
    begin(CHAT, request, CUT);
    request.socket.end(LAST_CHUNK);
  });
  const session = new LLMSession({ client: CHAT.client(server.port) });
  const { shown } = await read(await session.sendMessageStream("Tell me of the river.", { recover: "restart" }));
  expect(session.history.map(({ content }) => content)).toEqual(["Tell me of the river.", shown]);
  expect(session.history[1]).not.toHaveProperty("interrupted");
  expect(session.tokenUsage().totalTokens).toBeGreaterThanOrEqual(7);
});

test("what was cut is gone on with by hand, too, by any client", async () => {
  const server = await serve((request, index) => {
    if (index > 0) return whole(GEMINI, request, ["begins high up."]);
    begin(GEMINI, request, CUT);
    request.socket.end(LAST_CHUNK);
  });
  const client = GEMINI.client(server.port);
  const { error } = await read(await client.sendMessageStream(QUESTION));
  if (!error?.partial) throw new Error("nothing was kept");
  const rest = await client.sendMessage([...QUESTION, JSON.parse(JSON.stringify(error.partial)) as AssistantMessage], {
    recover: "restart",
  });
  expect(rest.content).toBe("begins high up.");
  expect(server.requests[1]?.body).toContain("Begin by repeating exactly these last words");
});

describe("while a reply is being recovered", () => {
  /** The second request is never answered. */
  async function waiting(options: Options = {}) {
    let arrived: () => void = () => undefined;
    const second = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await serve((request, index) => {
      if (index > 0) return arrived();
      begin(CHAT, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const client = CHAT.client(server.port, { recover: "continue", ...options });
    return { server, client, second };
  }

  test("the caller's signal closes the socket, and what came is kept", async () => {
    const { server, client, second } = await waiting();
    const abort = new AbortController();
    const reason = new Error("enough");
    const reading = read(await client.sendMessageStream(QUESTION, { signal: abort.signal }));
    await second;
    abort.abort(reason);
    const { error } = await reading;
    expect(error).toMatchObject({ kind: "aborted", cause: reason, partial: { content: "The river begins hi" } });
    await server.requests[1]?.closed;
  });

  test("stop() closes the socket and is a normal end", async () => {
    const { server, client, second } = await waiting();
    const stream = await client.sendMessageStream(QUESTION);
    const reading = read(stream);
    await second;
    const message = await stream.stop();
    expect(message).toMatchObject({ content: "The river begins hi", finishReason: "stopped", interrupted: true });
    expect((await reading).message).toEqual(message);
    await server.requests[1]?.closed;
  });

  test("the limit on the whole call runs on", async () => {
    const { client } = await waiting({ timeouts: { total: 700 } });
    const started = performance.now();
    const { error } = await read(await client.sendMessageStream(QUESTION));
    expect(error?.partial?.content).toBe("The river begins hi");
    expect(error?.kind).toMatch(/timeout|truncated/); // the wait before the next request may be longer than what is left
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

describe("a reply that the provider goes on writing", () => {
  /** Serves the events after `starting_after`; the first `breaks` connections break after two texts each. */
  async function background(breaks: number, breakOff: (typeof FAULTS)[number][2], texts: readonly string[]) {
    const server = await serve((request, index) => {
      const { head, socket } = request;
      const after = /starting_after=(\d+)/.exec(head)?.[1];
      if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
      // One event more than asked for: what was seen must be dropped.
      const from = after === undefined ? 0 : Math.max(0, Number(after) - 2);
      const upTo = index < breaks ? from + 2 : texts.length;
      const events = texts.slice(from, upTo).map((text, at) => RESPONSES.text(text, from + at));
      socket.write(HEAD + httpChunk((after === undefined ? RESPONSES.begin() : "") + events.join("")).toString("utf8"));
      if (index < breaks) return breakOff(RESPONSES, request, upTo);
      socket.write(httpChunk(RESPONSES.end(texts.length)) + LAST_CHUNK);
    });
    const client = (options: Options = {}) => RESPONSES.client(server.port, { recover: "resume", ...options });
    return { server, client };
  }

  const TEXTS = ["One ", "two ", "three ", "four ", "five."];
  const LOST = FAULTS.filter(([name]) => name !== "an error inside the stream");

  test.each(LOST)("is taken up again after %s, as often as that brings more", async (_name, kind, breakOff) => {
    for (const fetchLike of [undefined, (input: string, init: RequestInit) => fetch(input, init)]) {
      const { server, client } = await background(3, breakOff, TEXTS);
      const { message, chunks, error } = await read(
        await client({ timeouts: timeoutsFor(kind), fetch: fetchLike }).sendMessageStream(QUESTION),
      );
      expect(error).toBeUndefined();
      expect(message).toMatchObject({ content: TEXTS.join(""), finishReason: "stop", id: "resp_1" });
      // One reply, paid once.
      expect(message?.usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
      expect(message?.estimatedUsage).toBeUndefined();
      expect(chunks.filter(({ type }) => type === "text").map(({ content }) => content)).toEqual(TEXTS);
      expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ background: true, store: true, stream: true });
      expect(server.requests.slice(1).map(({ head }) => head.split("\r\n")[0])).toEqual([
        "GET /v1/responses/resp_1?stream=true&starting_after=3 HTTP/1.1",
        "GET /v1/responses/resp_1?stream=true&starting_after=4 HTTP/1.1",
        "GET /v1/responses/resp_1?stream=true&starting_after=5 HTTP/1.1",
      ]);
      expect(server.requests[1]?.head).toMatch(/authorization: Bearer sk-test/i);
      expect(message?.metrics.attempts).toHaveLength(4);
    }
  });

  test("is not asked for a second time although nothing has come of it", async () => {
    const server = await serve(({ socket, head }) => {
      if (head.startsWith("POST")) return void socket.end(HEAD + httpChunk(RESPONSES.begin()) + LAST_CHUNK);
      socket.write(HEAD + httpChunk(RESPONSES.text("Hello.", 0) + RESPONSES.end(1)) + LAST_CHUNK);
    });
    const { message } = await read(
      await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("Hello.");
    expect(server.requests.map(({ head }) => head.slice(0, 4))).toEqual(["POST", "GET "]);
  });

  test("is gone on with from its text when it cannot be resumed, and the old one is cancelled", async () => {
    const server = await serve((request, index) => {
      const { socket, head } = request;
      if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
      if (head.startsWith("GET")) return void socket.write(response(404, `{"error":{"message":"gone"}}`));
      if (index > 0) return whole(RESPONSES, request, ["gh up."]);
      begin(RESPONSES, request, CUT);
      socket.end(LAST_CHUNK);
    });
    const { message } = await read(
      await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("The river begins high up.");
    await vi.waitFor(() => expect(server.requests).toHaveLength(4)); // nobody waits for the cancelling
    expect(server.requests.map(({ head }) => head.split(" ").slice(0, 2).join(" ")).sort()).toEqual([
      "GET /v1/responses/resp_1?stream=true&starting_after=3",
      "POST /v1/responses",
      "POST /v1/responses",
      "POST /v1/responses/resp_1/cancel",
    ]);
  });

  test("is asked for three times in vain, then gone on with from its text", async () => {
    const server = await serve((request) => {
      const { socket, head, body } = request;
      if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
      if (head.startsWith("GET")) return void socket.end(HEAD + httpChunk(": nothing new\n\n") + LAST_CHUNK);
      if (body.includes("begins hi")) return whole(RESPONSES, request, ["gh up."]);
      begin(RESPONSES, request, CUT);
      socket.end(LAST_CHUNK);
    });
    const stream = await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION);
    expect((await read(stream)).message?.content).toBe("The river begins high up.");
    expect(server.requests.filter(({ head }) => head.startsWith("GET"))).toHaveLength(3);
  });

  test("is asked for again when the server is busy at first", async () => {
    const server = await serve(({ socket, head }, index) => {
      if (index === 0)
        return void socket.end(HEAD + httpChunk(RESPONSES.begin() + RESPONSES.text("Hel", 0)) + LAST_CHUNK);
      if (index === 1) return void socket.end(response(503, "{}", { "retry-after-ms": "5", connection: "close" }));
      expect(head).toContain("starting_after=2");
      socket.end(HEAD + httpChunk(RESPONSES.text("lo.", 1) + RESPONSES.end(2)) + LAST_CHUNK);
    });
    const stream = await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION);
    const { message } = await read(stream);
    expect(message?.content).toBe("Hello.");
    expect(message?.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["truncated", "overloaded", "answered"]);
  });

  test("that failed is not resumed but gone on with", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return whole(RESPONSES, request, ["gh up."]);
      begin(RESPONSES, request, CUT);
      request.socket.end(httpChunk(RESPONSES.error("it broke", CUT.length)) + LAST_CHUNK);
    });
    const { message } = await read(
      await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("The river begins high up.");
    expect(server.requests.map(({ head }) => head.slice(0, 4))).toEqual(["POST", "POST"]);
  });

  test.each(["stop", "abort", "break"] as const)("is cancelled on %s", async (way) => {
    let cancelled: () => void = () => undefined;
    const cancel = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const server = await serve((request) => {
      if (!request.head.includes("/cancel")) return begin(RESPONSES, request, CUT);
      expect(request.head).toMatch(/^POST \/v1\/responses\/resp_1\/cancel /);
      cancelled();
      request.socket.write(response(200, "{}"));
    });
    const abort = new AbortController();
    const client = RESPONSES.client(server.port, { recover: "resume" });
    const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
    for await (const chunk of stream) if (chunk.content === "The river ") break;
    if (way === "stop") await stream.stop();
    if (way === "abort") abort.abort();
    await cancel;
  });

  test.skipIf(recordingsMissing !== undefined)(
    "as OpenAI sent it, cut after any event, is the same reply",
    async () => {
      const [whole = [], rest = []] = [0, 1].map((part) =>
        eventsOf(`openai__openai_responses.background_mode_streaming_starting_after_vcr.${part}.sse`),
      );
      const numberOf = (event: string) => Number(/"sequence_number":(\d+)/.exec(event)?.[1] ?? 0);
      let cut = 0;
      const server = await serve(({ socket, head }) => {
        const after = /starting_after=(\d+)/.exec(head)?.[1];
        if (after === undefined) return void socket.end(HEAD + httpChunk(whole.slice(0, cut).join("")) + LAST_CHUNK);
        const later = rest.filter((event) => numberOf(event) > Number(after));
        socket.end(HEAD + httpChunk(later.join("")) + LAST_CHUNK);
      });
      const outcome = async () => {
        const { message, chunks } = await read(
          await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
        );
        const { metrics: _metrics, ...facts } = message as AssistantMessage;
        return { facts, chunks: chunks.slice(0, -1) };
      };
      cut = whole.length;
      const expected = await outcome();
      expect(expected.facts.content).toBe("2 + 2 equals 4.");
      for (cut = 1; cut < whole.length; cut++) expect(await outcome()).toEqual(expected);
      expect(server.requests).toHaveLength(2 * whole.length - 1);
    },
  );

  test("is not asked for where the provider keeps none", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return whole(GEMINI, request, ["gh up."]);
      begin(GEMINI, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const { message } = await read(await GEMINI.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION));
    expect(message?.content).toBe("The river begins high up.");
  });
});

function eventsOf(file: string): readonly string[] {
  const recording = recordingsOf("openai-responses").find((entry) => entry.file.endsWith(file));
  const [body] = recording ? bodiesOf(recording) : [];
  return (body?.toString("utf8") ?? "").split(/(?<=\n\n)/);
}

function chatCitation(url: string, start_index: number, end_index: number): string {
  const delta = { annotations: [{ type: "url_citation", url_citation: { url, start_index, end_index } }] };
  return `data: ${JSON.stringify({ id: "c1", choices: [{ index: 0, delta }] })}\n\n`;
}
