/** Continuations of broken replies: what is sent for them, and where their text joins. */

import {
  type AssistantMessage,
  type ClientWrapper,
  CompatibleClient,
  type CompatiblePreset,
  fallback,
  rateLimit,
} from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { begin, CUT, HEAD, QUESTION, read, toldOptions, whole } from "../support/broken-replies.ts";
import { httpChunk, LAST_CHUNK } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";
import { ANTHROPIC, CHAT, RESPONSES, type TestWire, WIRES } from "../support/wires.ts";

// Full jitter at its least: nobody waits.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

const serve = useServers();

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

  test("is complete where the next client of a fallback takes the beginning", async () => {
    for (const [, cut, rest] of TEXTS) {
      const server = await serve((request) => whole(CHAT, request, rest.match(/[\s\S]{1,3}/g) ?? []));
      const first = scriptedClient([{ text: [cut], ending: "cut" }]);
      const client = fallback([first, rateLimit(compatible("vllm")(server.port), { concurrency: 1 })], {
        recover: "continue",
      });
      expect((await read(await client.sendMessageStream(QUESTION))).message?.content).toBe(cut + rest);
    }
  });

  test.each(WIRES)("fails with what came where the place of the rest is unknown: $name", async (wire) => {
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

  test("Claude is asked to continue with a text that ends in white space: it takes no such beginning", async () => {
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

  test("a model that thinks is asked to continue", async () => {
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
    ["a server that is unknown", CHAT.client],
  ] as const)("%s is told to go on", async (_name, client) => {
    const { messages } = await secondBody(client, CHAT);
    expect(messages.at(-1)).toMatchObject({ role: "user", content: expect.stringContaining("begins hi") });
  });

  test("the limit on output is what the first part left of it", async () => {
    const { max_tokens } = await secondBody(CHAT.client, CHAT);
    expect(max_tokens).toBeLessThan(100);
    expect(max_tokens).toBeGreaterThan(80);
  });

  test("an ordinary conversation is not reported anything", async () => {
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
      const pieces = rest.split(/(?<=\S)(?=\s)/);
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

function chatCitation(url: string, start_index: number, end_index: number): string {
  const delta = { annotations: [{ type: "url_citation", url_citation: { url, start_index, end_index } }] };
  return `data: ${JSON.stringify({ id: "c1", choices: [{ index: 0, delta }] })}\n\n`;
}
