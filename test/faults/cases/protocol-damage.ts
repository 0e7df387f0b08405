/** Events and documents that are damaged, hostile, or of another protocol. */

import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, STREAM_HEAD } from "../../support/raw-server.ts";
import { type Fault, onlyIn } from "../fault.ts";
import { COUNTS, judged, outcomeOf, saidOf, stream } from "../scene.ts";
import { framed, sse } from "../speakers/speaker.ts";
import { callsOf, callWith, plainDocument, speak, told, WHY } from "./protocol-scenes.ts";

export const damage: readonly Fault[] = [
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
    except: { Ollama: "all its lines are bare JSON" },
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
      const { speaker } = scene;
      const named = [
        sse({ message: WHY }, "error"),
        sse({ message: WHY, type: "server_error" }, "error"),
        sse({ error: { message: WHY, type: "server_error" } }, "error"),
        sse({ type: "error", error: { type: "api_error", message: WHY } }, "error"),
      ];
      const forms = [
        ...(speaker.protocol === "Ollama" ? [] : named), // its events have no names
        framed(speaker, { error: { message: WHY, type: "server_error" } }),
        framed(speaker, { error: WHY }),
        framed(speaker, { type: "error", code: "server_error", message: WHY, param: null }),
        framed(speaker, { error: { code: 500, message: WHY, status: "INTERNAL" } }),
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
          .replace('finishReason":"STOP"', 'finishReason":"tired"')
          .replace('done_reason":"stop"', 'done_reason":"tired"'),
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
    async run(scene) {
      const odd = ["null", "5", '"x"', "[]"].map((data) => framed(scene.speaker, data));
      const events = speak(scene, (speech) =>
        speech
          .text("a")
          .raw(...odd)
          .text("b")
          .finish(),
      );
      return told(scene, events, { text: "ab" });
    },
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
        const json = /^(?:data: )?(\{.*\})\r?$/m.exec(event)?.[1];
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
      const deep = framed(scene.speaker, `{"x":${'{"a":'.repeat(100_000)}1${"}".repeat(100_001)}`);
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
