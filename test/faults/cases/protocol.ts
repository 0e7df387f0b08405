/** 2. Protocol. */

import type { AssistantMessage } from "cloudllm";
import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, response, STREAM_HEAD } from "../../support/raw-server.ts";
import { type Fault, onlyIn, type Section } from "../fault.ts";
import { COUNTS, type Due, judged, type Outcome, outcomeOf, type Scene, saidOf, stream } from "../scene.ts";
import { CHAT_DONE, chatChunk } from "../speakers/chat.ts";
import { type PlannedCall, type Speech, sse } from "../speakers/speaker.ts";

const WHY = "the disk is full of cats";
const CALL: PlannedCall = { id: "call_1", name: "weather", arguments: { city: 'Zürich "west"', day: "to\nmorrow" } };
const OTHER: PlannedCall = { id: "call_2", name: "news", arguments: { topic: "cats {and} dogs", lang: "日本" } };

/** Serves these events and holds the reply against what is due. */
async function told(scene: Scene, events: readonly string[], due: Due): Promise<string> {
  return judged(await scene.reply(stream(events)), due);
}

function speak(scene: Scene, words: (speech: Speech) => Speech): readonly string[] {
  return words(scene.speaker.speech()).events;
}

/** The fault's events, spoken and judged. */
function saying(words: (speech: Speech, scene: Scene) => Speech, due: Due): (scene: Scene) => Promise<string> {
  return (scene) => told(scene, words(scene.speaker.speech(), scene).events, due);
}

/** A body without length and chunking, whose end is that of the connection. */
function untilClosed(body: string): (request: { readonly socket: { end(text: string): unknown } }) => void {
  return ({ socket }) => void socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${body}`);
}

function plainDocument(body: string, type: string, status = 200): Parameters<Scene["reply"]>[0] {
  return ({ socket }) => void socket.write(response(status, body, { "content-type": type }));
}

function callsOf(outcome: Outcome): AssistantMessage["toolCalls"] {
  if (outcome.error) throw outcome.error;
  return outcome.message?.toolCalls ?? [];
}

/** Every call is there with exactly its name and its arguments, and nothing else. */
function exactly(outcome: Outcome, calls: readonly PlannedCall[], text = ""): string {
  expect(callsOf(outcome)).toEqual(calls.map(({ id, name, arguments: args }) => ({ id, name, arguments: args })));
  expect(outcome.text).toBe(text);
  expect(outcome.message?.finishReason).toBe("toolCalls");
  return calls.length === 1 ? "one exact call" : "two exact calls";
}

/** A call whose arguments are this JSON, as it stands. */
function callWith(scene: Scene, json: string): readonly string[] {
  const mark = "MARK";
  const { events } = scene.speaker
    .speech()
    .calls([{ id: "call_1", name: "f", arguments: { mark } }])
    .finish("toolCalls");
  switch (scene.speaker.protocol) {
    case "Chat Completions": {
      const call = { index: 0, id: "call_1", function: { name: "f", arguments: json } };
      return [chatChunk({ tool_calls: [call] }), chatChunk({}, "tool_calls"), CHAT_DONE];
    }
    case "Anthropic Messages": {
      const delta = JSON.stringify({ type: "input_json_delta", partial_json: json });
      const isPiece = (event: string): boolean => event.includes("input_json_delta");
      const at = events.findIndex(isPiece);
      const whole = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":${delta}}\n\n`;
      return [...events.slice(0, at), whole, ...events.slice(at).filter((event) => !isPiece(event))];
    }
    case "OpenAI Responses":
      return events
        .filter((event) => !event.includes("arguments.delta"))
        .map((event) => event.replaceAll(JSON.stringify(JSON.stringify({ mark })), () => JSON.stringify(json)));
    case "Gemini": {
      const part = `{"functionCall":{"id":"call_1","name":"f","args":${json}}}`;
      return [`data: {"candidates":[{"content":{"parts":[${part}]},"finishReason":"STOP"}]}\r\n\r\n`];
    }
  }
}

const NO_TERMINAL_EVENT = { Gemini: "has no terminal event: the end of the body is the end" } as const;
const ONLY_CHAT = onlyIn("Chat Completions", "Chat Completions only");

const faults: readonly Fault[] = [
  {
    id: "2.1",
    title: "HTTP 200, and the first event is an error",
    run: async (scene) => {
      await told(scene, [speak(scene, (speech) => speech.failure(WHY)).at(-1) ?? ""], { fails: "server", says: WHY });
      return told(
        scene,
        speak(scene, (speech) => speech.failure(WHY)),
        { fails: "server", says: WHY },
      );
    },
  },
  {
    id: "2.2",
    title: "an error in the middle of the stream, then a clean end",
    run: saying((speech) => speech.text("a", "b").failure(WHY), { fails: "server", kept: "ab", says: WHY }),
  },
  {
    id: "2.3",
    title: "HTTP 200 with a web page",
    async run(scene) {
      const page = "<!doctype html><html><body>Welcome to the hotel</body></html>";
      for (const type of ["text/html", "text/event-stream", "application/json"])
        judged(await scene.reply(plainDocument(page, type)), { fails: "protocol" });
      return "`protocol`";
    },
  },
  {
    id: "2.4",
    title: "HTTP 200 with one JSON document although a stream was asked for",
    async run(scene) {
      const body = scene.speaker.whole("all at once", COUNTS);
      judged(await scene.reply(plainDocument(body, "application/json")), { text: "all at once", counts: COUNTS });
      const outcome = await scene.reply(
        plainDocument(`\n\n${JSON.stringify(JSON.parse(body), null, 2)}`, "text/plain"),
      );
      return judged(outcome, { text: "all at once", counts: COUNTS });
    },
  },
  {
    id: "2.5",
    title: "HTTP 200 with a JSON error",
    async run(scene) {
      const outcome = await scene.reply(plainDocument(scene.speaker.refusal(500, WHY), "application/json"));
      expect(outcome.error?.kind).not.toBe("truncated");
      return judged(outcome, { fails: outcome.error?.kind ?? "server", says: WHY });
    },
  },
  {
    id: "2.6",
    title: "HTTP 200 with an empty body",
    async run(scene) {
      judged(await scene.reply(plainDocument("", "text/event-stream")), { fails: "truncated" });
      judged(await scene.reply(plainDocument(" \r\n\n", "text/event-stream")), { fails: "truncated" });
      judged(await scene.reply(untilClosed("")), { fails: "truncated" });
      judged(await scene.reply(stream([": only a comment\n\n"])), { fails: "truncated" });
      judged(await scene.reply(stream([Buffer.from([0xef, 0xbb])])), { fails: "truncated" }); // most of a byte order mark
      return judged(await scene.reply(stream([])), { fails: "truncated" });
    },
  },
  {
    id: "2.7",
    title: "a healthy stream is labelled otherwise, or not at all",
    async run(scene) {
      const body = speak(scene, (speech) => speech.text("a", "b").finish("stop", COUNTS)).join("");
      for (const type of ["text/plain", "text/html", "application/json", "application/octet-stream", ""])
        judged(await scene.reply(plainDocument(body, type)), { text: "ab", counts: COUNTS });
      return judged(await scene.reply(({ socket }) => void socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`)), {
        text: "ab",
      });
    },
  },
  {
    id: "2.8",
    title: "the finish reason arrives, `[DONE]` never does",
    except: ONLY_CHAT,
    run: (scene) =>
      told(scene, speak(scene, (speech) => speech.text("a").finish("stop", COUNTS)).slice(0, -1), {
        text: "a",
        counts: COUNTS,
      }),
  },
  {
    id: "2.9",
    title: "the body ends cleanly in the middle of the answer, wherever that is",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a", "b", "c");
      judged(await scene.reply(untilClosed(events.join(""))), { fails: "truncated", kept: "abc" });
      const whole = speak(scene, (speech) => speech.reasoning("hm").text("a", "b", "c").finish());
      // Cut after every event but those that say how it ends.
      const isEnd = /finish_reason":"|message_stop|response\.completed|"finishReason"/;
      for (let length = 0; length < whole.findIndex((event) => isEnd.test(event)); length++) {
        const outcome = await scene.reply(stream(whole.slice(0, length)));
        expect(outcome.error?.kind).toBe("truncated");
        expect("abc".startsWith(outcome.text)).toBe(true);
      }
      // And within the event that says it.
      const cut = whole.join("").search(isEnd);
      return judged(await scene.reply(stream([whole.join("").slice(0, cut)])), { fails: "truncated", kept: "abc" });
    },
  },
  {
    id: "2.10",
    title: "no usage is ever sent",
    async run(scene) {
      const outcome = await scene.reply(stream(speak(scene, (speech) => speech.text("four words are here").finish())));
      judged(outcome, { text: "four words are here", counts: undefined });
      expect(outcome.message).not.toHaveProperty("usage");
      expect(outcome.message?.estimatedUsage?.outputTokens).toBeGreaterThan(0);
      return "full text, usage unknown";
    },
  },
  {
    id: "2.11",
    title: "running totals come with every chunk",
    run: saying(
      (speech) =>
        speech
          .text("a")
          .counts({ input: 11, output: 1 })
          .text("b")
          .counts({ input: 11, output: 2 })
          .counts({ input: 11, output: 5 })
          .finish("stop", COUNTS),
      { text: "ab", counts: COUNTS },
    ),
  },
  {
    id: "2.12",
    title: "chunks with no choices, a role only, null or empty content",
    except: ONLY_CHAT,
    run: saying(
      (speech) =>
        speech
          .raw(sse({ id: "c", choices: [] }), sse({ id: "c" }), sse({ id: "c", choices: null }))
          .raw(chatChunk({ role: "assistant" }), chatChunk({ content: null }), chatChunk({ content: "" }))
          .text("a")
          .raw(chatChunk({ content: null, tool_calls: null, refusal: null }), sse({ choices: [null] }))
          .text("b")
          .finish("stop", COUNTS),
      { text: "ab", counts: COUNTS },
    ),
  },
  {
    id: "2.13",
    title: "unknown event types and fields",
    run: saying(
      (speech, { speaker }) =>
        speech
          .raw(...speaker.unknownEvents)
          .text("a")
          .raw(...speaker.unknownEvents)
          .text("b")
          .finish("stop", COUNTS),
      { text: "ab", counts: COUNTS },
    ),
  },
  {
    id: "2.14",
    title: "the last text and the finish reason share one chunk, or one packet",
    async run(scene) {
      const events = speak(scene, (speech) => speech.text("a", "b").finish("stop", COUNTS));
      if (scene.speaker.protocol === "Chat Completions") {
        const [begin = "", first = ""] = events;
        await told(scene, [begin, first, chatChunk({ content: "b" }, "stop"), CHAT_DONE], { text: "ab" });
      }
      if (scene.speaker.protocol === "Gemini") {
        const last = events[1]?.replace('"index":0', '"index":0,"finishReason":"STOP"') ?? "";
        await told(scene, [events[0] ?? "", last], { text: "ab" });
      }
      return told(scene, [events.join("")], { text: "ab", counts: COUNTS });
    },
  },
  {
    id: "2.15",
    title: 'the finish reason is `""` on every chunk until the last',
    except: ONLY_CHAT,
    async run(scene) {
      const events = [chatChunk({ content: "a" }, ""), chatChunk({ content: "b" }, "")];
      await told(scene, events, { fails: "truncated", kept: "ab" });
      return told(scene, [...events, chatChunk({}, "stop"), CHAT_DONE], { text: "ab" });
    },
  },
  {
    id: "2.16",
    title: "the answer stopped at the token limit",
    run: saying((speech) => speech.text("a", "b").finish("length", COUNTS), {
      text: "ab",
      reason: "length",
      counts: COUNTS,
    }),
  },
  {
    id: "2.17",
    title: "a tool call's arguments come in pieces",
    run: async (scene) =>
      exactly(await scene.reply(stream(speak(scene, (speech) => speech.calls([CALL]).finish("toolCalls")))), [CALL]),
  },
  {
    id: "2.18",
    title: "pieces of a tool call lack an index",
    except: ONLY_CHAT,
    async run(scene) {
      const events = speak(scene, (speech) => speech.calls([CALL]).finish("toolCalls"));
      return exactly(await scene.reply(stream(events.map((event) => event.replace('"index":0,"', '"')))), [CALL]);
    },
  },
  {
    id: "2.19",
    title: "two parallel calls with interleaved pieces",
    except: { Gemini: "pieces do not say of which call they are: two calls cannot be interleaved" },
    run: async (scene) => {
      const events = speak(scene, (speech) => speech.calls([CALL, OTHER], { interleaved: true }).finish("toolCalls"));
      return exactly(await scene.reply(stream(events)), [CALL, OTHER]);
    },
  },
  {
    id: "2.20",
    title: "every piece repeats the id and the name of its call",
    except: ONLY_CHAT,
    async run(scene) {
      const json = JSON.stringify(CALL.arguments);
      const piece = (text: string): string =>
        chatChunk({ tool_calls: [{ index: 0, id: CALL.id, function: { name: CALL.name, arguments: text } }] });
      const pieces = [json.slice(0, 9), json.slice(9, 20), json.slice(20)].map(piece);
      return exactly(await scene.reply(stream([...pieces, chatChunk({}, "tool_calls"), CHAT_DONE])), [CALL]);
    },
  },
  {
    id: "2.21",
    title: "a tool call's arguments are cut off, and the reply ends as if they were not",
    async run(scene) {
      for (const reason of ["toolCalls", "stop", "length"] as const) {
        const events = speak(scene, (speech) => speech.text("a").calls([OTHER, CALL], { cut: true }).finish(reason));
        const { error, text } = await scene.reply(stream(events));
        expect(error?.kind).toMatch(/^(protocol|truncated)$/);
        expect(text).toBe("a");
        const { toolCalls = [], unfinishedToolCalls = [] } = error?.partial ?? {};
        expect(toolCalls.map(({ name }) => name)).not.toContain(CALL.name);
        expect(unfinishedToolCalls.map(({ name }) => name)).toContain(CALL.name);
      }
      return "an error, text and raw arguments kept";
    },
  },
  {
    id: "2.22",
    title: "`__proto__` and `constructor.prototype` are keys in a tool call's arguments",
    async run(scene) {
      const json = '{"__proto__":{"evil":1},"constructor":{"prototype":{"evil":1}},"deep":{"__proto__":{"evil":1}}}';
      const [call] = callsOf(await scene.reply(stream(callWith(scene, json))));
      const args = call?.arguments as Readonly<Record<"deep", unknown>>;
      expect(JSON.stringify(args)).toBe(json);
      for (const object of [args, args.deep]) expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
      expect({}).not.toHaveProperty("evil");
      expect((args as { readonly evil?: number }).evil).toBeUndefined();
      return "own keys, prototypes unchanged";
    },
  },
  {
    id: "2.23",
    title: "thinking comes before the answer",
    async run(scene) {
      const events = speak(scene, (speech) => speech.reasoning("let me ", "see").text("a", "b").finish("stop", COUNTS));
      const outcome = await scene.reply(stream(events));
      expect(outcome.message?.reasoning).toBe("let me see");
      return judged(outcome, { text: "ab", counts: COUNTS });
    },
  },
  {
    id: "2.24",
    title: "one event in the middle is not valid JSON",
    async run(scene) {
      for (const broken of ["data: {oops}\n\n", 'data: {"a":\n\n', "data: {\ndata: }}\n\n", "data: OK\n\n"]) {
        const events = speak(scene, (speech) => speech.text("a").raw(broken).text("b").finish());
        await told(scene, events, { fails: "protocol", kept: "a" });
      }
      return "`protocol`, text kept";
    },
  },
  {
    id: "2.25",
    title: "a pair of surrogates is split over two deltas",
    run: saying((speech) => speech.text("a\ud83d", "\ude00b").finish("stop", COUNTS), { text: "a😀b", counts: COUNTS }),
  },
  {
    id: "2.26",
    title: "the prompt is blocked: feedback, and no candidates",
    except: onlyIn("Gemini", "Gemini only"),
    run: saying(
      (speech) =>
        speech.raw(
          sse({ promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata: { promptTokenCount: 4 } }),
        ),
      { fails: "contentFilter", says: "PROHIBITED_CONTENT" },
    ),
  },
  {
    id: "2.27",
    title: "`response.failed` after some text",
    except: onlyIn("OpenAI Responses", "Responses only"),
    async run(scene) {
      const failed = sse({
        type: "response.failed",
        response: { id: "r", status: "failed", error: { code: "server_error", message: WHY }, output: [], usage: null },
      });
      return told(
        scene,
        speak(scene, (speech) => speech.text("a", "b").raw(failed)),
        {
          fails: "server",
          kept: "ab",
          says: WHY,
        },
      );
    },
  },
  {
    id: "2.28",
    title: "the terminal event comes twice",
    async run(scene) {
      const events = speak(scene, (speech) => speech.text("a", "b").finish("stop", COUNTS));
      return told(scene, [...events, events.at(-1) ?? "", events.at(-1) ?? ""], { text: "ab", counts: COUNTS });
    },
  },
  {
    id: "2.29",
    title: "more text, or an error, after the terminal event",
    except: NO_TERMINAL_EVENT,
    async run(scene) {
      const events = speak(scene, (speech) => speech.text("a", "b").finish("stop", COUNTS));
      const after = speak(scene, (speech) => speech.text("ghost").failure(WHY)).slice(1);
      await told(scene, [[...events, ...after].join("")], { text: "ab", counts: COUNTS });
      return told(scene, [...events, ...after, "data: {oops}\n\n"], { text: "ab", counts: COUNTS });
    },
  },
  {
    id: "2.30",
    title: "text stands before, between and after tool calls",
    async run(scene) {
      const events = speak(scene, (speech) =>
        speech.text("a").calls([CALL]).text("b").calls([OTHER]).text("c").finish("toolCalls", COUNTS),
      );
      if (scene.speaker.protocol !== "Chat Completions")
        return exactly(await scene.reply(stream(events)), [CALL, OTHER], "abc");
      // Here the index counts the calls of the reply.
      const [first = [], second = []] = [CALL, OTHER].map(({ id, name, arguments: args }, index) => {
        const json = JSON.stringify(args);
        const piece = (call: object): string => chatChunk({ tool_calls: [{ index, ...call }] });
        return [
          piece({ id, function: { name, arguments: json.slice(0, 8) } }),
          piece({ function: { arguments: json.slice(8) } }),
        ];
      });
      const text = (content: string): string => chatChunk({ content });
      const mixed = [text("a"), ...first, text("b"), ...second, text("c"), chatChunk({}, "tool_calls"), CHAT_DONE];
      return exactly(await scene.reply(stream(mixed)), [CALL, OTHER], "abc");
    },
  },
  {
    id: "2.31",
    title: "HTTP 200 with a web page that begins with blanks or a byte order mark",
    async run(scene) {
      for (const start of ["\r\n\r\n  \t", "\uFEFF", "\uFEFF\n "])
        judged(await scene.reply(plainDocument(`${start}<html>Welcome</html>`, "text/html")), { fails: "protocol" });
      return "`protocol`";
    },
  },
  {
    id: "2.32",
    title: "HTTP 200 with a sentence in plain text",
    async run(scene) {
      const outcome = await scene.reply(plainDocument("Service temporarily unavailable.\n", "text/plain"));
      return judged(outcome, { fails: ["truncated", "protocol"] });
    },
  },
  {
    id: "2.33",
    title: "an error in the middle comes as bare JSON, without `data:`, or under the field `error:`",
    async run(scene) {
      const error = { error: { message: WHY, code: 500, status: "INTERNAL", type: "server_error" } };
      const forms = [
        `${JSON.stringify(error)}\n\n`,
        JSON.stringify(error, null, 2),
        `error: ${JSON.stringify(error.error)}\n\n`,
      ];
      for (const form of forms)
        await told(
          scene,
          speak(scene, (speech) => speech.text("a").raw(form)),
          { fails: "server", kept: "a", says: WHY },
        );
      return "`server`, text kept";
    },
  },
  {
    id: "2.34",
    title: "an error in the middle is in another vendor's form, as gateways send it",
    async run(scene) {
      const forms = [
        sse({ message: WHY }, "error"),
        sse({ message: WHY, type: "server_error" }, "error"),
        sse({ error: { message: WHY, type: "server_error" } }, "error"),
        sse({ error: { message: WHY, type: "server_error" } }),
        sse({ error: WHY }),
        sse({ type: "error", error: { type: "api_error", message: WHY } }, "error"),
        sse({ type: "error", code: "server_error", message: WHY, param: null }),
        sse({ error: { code: 500, message: WHY, status: "INTERNAL" } }),
      ];
      for (const form of forms)
        await told(
          scene,
          speak(scene, (speech) => speech.text("a").raw(form)),
          { fails: "server", kept: "a", says: WHY },
        );
      return "`server`, text kept";
    },
  },
  {
    id: "2.35",
    title: "the finish reason is one that nobody knows",
    async run(scene) {
      const events = speak(scene, (speech) => speech.text("a", "b").finish("stop", COUNTS)).map((event) =>
        event
          .replace('finish_reason":"stop"', 'finish_reason":"tired"')
          .replace('stop_reason":"end_turn"', 'stop_reason":"tired"')
          .replace('"status":"completed","incomplete', '"status":"tired","incomplete')
          .replace('finishReason":"STOP"', 'finishReason":"tired"'),
      );
      const { message, error, text } = await scene.reply(stream(events));
      if (error) throw error;
      expect(message).toMatchObject({ finishReason: "unknown", rawFinishReason: "tired" });
      expect(text).toBe("ab");
      return "full text, `unknown`";
    },
  },
  {
    id: "2.36",
    title: "events are JSON, but no objects",
    run: saying(
      (speech) =>
        speech.text("a").raw("data: null\n\n", "data: 5\n\n", 'data: "x"\n\n', "data: []\n\n").text("b").finish(),
      { text: "ab" },
    ),
  },
  {
    id: "2.37",
    title: "fields have the wrong type",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
      let answer = stream([]);
      const { client } = await scene.stage((request, index) => answer(request, index));
      // What is not there may be left out; what is there in a form that cannot be read must not be passed over.
      const gaps = [null, [], {}, [[]], [null]];
      let ends = 0;
      for (const [at, event] of events.entries()) {
        const json = /^data: (\{.*\})\r?$/m.exec(event)?.[1];
        if (json === undefined) continue;
        for (const value of [at % 2 === 0 ? 5 : true, "x", gaps[at % gaps.length]]) {
          for (const spoilt of spoiltBy(JSON.parse(json), value)) {
            const data = event.replace(json, () => JSON.stringify(spoilt));
            answer = stream([[...events.slice(0, at), data, ...events.slice(at + 1)].join("")]);
            const { error, text } = await outcomeOf(client);
            ends++;
            if (error) continue; // a `SendError`: anything else has been thrown on
            const due = typeof value === "object" ? ["ab", "a", "b", ""] : ["ab", "xb", "ax", "xab", "abx"];
            expect(due, `${JSON.stringify(spoilt)} for ${json}`).toContain(text);
          }
        }
      }
      expect(ends).toBeGreaterThan(20);
      return "an error, or what is left";
    },
  },
  {
    id: "2.38",
    title: "one JSON document, cut in the middle",
    async run(scene) {
      const body = scene.speaker.whole("all at once", COUNTS);
      for (const length of [1, 10, body.length >> 1, body.length - 1])
        judged(await scene.reply(plainDocument(body.slice(0, length), "application/json")), { fails: "truncated" });
      return "`truncated`";
    },
  },
  {
    id: "2.39",
    title: "an error event of 300 kB",
    async run(scene) {
      const outcome = await scene.reply(
        stream(speak(scene, (speech) => speech.text("a").failure("e".repeat(300_000)))),
      );
      expect(outcome.error?.message.length).toBeLessThan(16_000);
      return judged(outcome, { fails: "server", kept: "a" });
    },
  },
  {
    id: "2.40",
    title: "a tool call's arguments are nested 100,000 deep",
    async run(scene) {
      const json = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
      const outcome = await scene.reply(stream(callWith(scene, json)));
      // Whole, or refused: but no crash, and no other error.
      if (outcome.error) expect(outcome.error.kind).toMatch(/^(protocol|truncated)$/);
      else expect(outcome.message?.toolCalls).toHaveLength(1);
      return outcome.error ? saidOf(outcome) : "one call";
    },
  },
  {
    id: "2.41",
    title: "an event is nested 100,000 deep",
    async run(scene) {
      const deep = `data: {"x":${'{"a":'.repeat(100_000)}1${"}".repeat(100_001)}\n\n`;
      const outcome = await scene.reply(
        stream(speak(scene, (speech) => speech.text("a").raw(deep).text("b").finish())),
      );
      return outcome.error ? judged(outcome, { fails: "protocol", kept: "a" }) : judged(outcome, { text: "ab" });
    },
  },
  {
    id: "2.42",
    title: "the stream begins with an event in the middle of an answer",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
      const first = events.findIndex((event) => event.includes('"a"'));
      const outcome = await scene.reply(stream(events.slice(first)));
      // What opens a block may be lost on the way; its text must not be lost silently.
      return outcome.error ? judged(outcome, { fails: "protocol" }) : judged(outcome, { text: "ab" });
    },
  },
  {
    id: "2.43",
    title: "the complete reply comes twice in one body",
    async run(scene) {
      const events = speak(scene, (speech) => speech.text("a", "b").finish("stop", COUNTS));
      const outcome = await scene.reply(({ socket }) =>
        socket.write(STREAM_HEAD + httpChunk([...events, ...events].join("")) + LAST_CHUNK),
      );
      // Without a terminal event, what follows a finish reason still belongs to the reply.
      return judged(outcome, { text: scene.speaker.hasTerminalEvent ? "ab" : "abab", counts: COUNTS });
    },
  },
  {
    id: "2.44",
    title: "a value of a call's arguments comes with a hostile place",
    except: onlyIn("Gemini", "arguments come as JSON, not value by value"),
    async run(scene) {
      const valueAt = (jsonPath: string): readonly string[] => [
        sse({ candidates: [{ content: { parts: [{ functionCall: { name: "f", willContinue: true } }] } }] }),
        sse({
          candidates: [
            {
              content: { parts: [{ functionCall: { partialArgs: [{ jsonPath, stringValue: "v" }] } }] },
              finishReason: "STOP",
            },
          ],
        }),
      ];
      for (const path of ["$.__proto__.evil", "$['constructor']['prototype']['evil']", "$.a.__proto__['evil']"]) {
        const [call] = callsOf(await scene.reply(stream(valueAt(path))));
        expect(Object.getPrototypeOf(call?.arguments)).toBe(Object.prototype);
        expect({}).not.toHaveProperty("evil");
        expect(call?.arguments).not.toHaveProperty("evil");
      }
      const nowhere = [
        "",
        "$",
        "a.b",
        "$.a[999999999]",
        "$.a[4294967295].b",
        `$${".a".repeat(100_000)}`,
        "$[",
        "$.a[-1]",
      ];
      for (const path of nowhere) judged(await scene.reply(stream(valueAt(path))), { fails: "protocol" });
      return "own keys, or `protocol`";
    },
  },
  {
    id: "2.45",
    title: "one JSON document is nested 100,000 deep",
    async run(scene) {
      const deep = `{"x":${"[".repeat(100_000)}${"]".repeat(100_000)},`;
      const body = scene.speaker.whole("all at once", COUNTS).replace("{", deep);
      return judged(await scene.reply(plainDocument(body, "application/json")), { fails: "protocol" });
    },
  },
];

/** Copies of an object in each of which one member, at any depth, is another value. */
function* spoiltBy(event: unknown, value: unknown): Generator<unknown> {
  if (typeof event !== "object" || event === null) return;
  for (const key of Object.keys(event)) {
    // What says which event or which text this is: with another, it is another.
    if (/^(type|id|object|sequence_number)$|index$/.test(key)) continue;
    yield Array.isArray(event) ? event.with(Number(key), value) : { ...event, [key]: value };
    const inner = (event as Readonly<Record<string, unknown>>)[key];
    for (const spoilt of spoiltBy(inner, value))
      yield Array.isArray(event) ? event.with(Number(key), spoilt) : { ...event, [key]: spoilt };
  }
}

export const protocol: Section = { number: 2, title: "Protocol", faults };
