/** How replies begin, end and fail in every wire format. */

import { expect } from "vitest";
import { type Fault, onlyIn } from "../fault.ts";
import { COUNTS, judged, stream } from "../scene.ts";
import { CHAT_DONE, chatChunk } from "../speakers/chat.ts";
import { sse } from "../speakers/speaker.ts";
import {
  CALL,
  callsOf,
  callWith,
  exactly,
  NO_TERMINAL_EVENT,
  ONLY_CHAT,
  OTHER,
  plainDocument,
  saying,
  speak,
  told,
  untilClosed,
  WHY,
} from "./protocol-scenes.ts";

export const replies: readonly Fault[] = [
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
      const isEnd = /finish_reason":"|message_stop|response\.completed|"finishReason"|"done":true/;
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
    except: { Ollama: "a call comes complete, in one line" },
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
];
