/** Events have the same numbers on every connection, however the reply has been joined or summarised since. */

import type { AssistantMessage, MessageChunk } from "cloudllm";
import { describe, expect, test } from "vitest";
import { ResponsesEncoder } from "../../src/dialects/openai-responses/encoder.ts";
import { EventNumbers } from "../../src/dialects/openai-responses/event-numbers.ts";
import { EMPTY_MEMO } from "../../src/dialects/openai-responses/request.ts";
import { OutlineRecorder } from "../../src/dialects/outline.ts";
import { Feed } from "../../src/server/feed/feed.ts";
import type { Mask } from "../../src/server/feed/feed-events.ts";
import { EncodedWire } from "../../src/server/feed/viewer-wire.ts";
import { entryId } from "../../src/server/log/entry-id.ts";
import type { LogEntry, RunEnd } from "../../src/server/log/log.ts";
import { foldedIn, outlineOf } from "../../src/server/log/outline-so-far.ts";
import { Fold } from "../../src/stream/fold.ts";
import { randomFrom } from "../support/random.ts";
import { deltasOf, type ResponsesEvent, unitsOf } from "../support/responses.ts";

const REPLY = { id: "a1b2", model: "tiny", createdAt: 1_764_000_000 };
const OPEN: Mask = { chunks: (chunks) => chunks, message: (message) => message, end: (end) => end };

function eventsIn(text: string): readonly ResponsesEvent[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "")
    .map((block) => {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      const event = JSON.parse(data ?? "") as ResponsesEvent;
      expect(event.type).toBe(name);
      return event;
    });
}

/** A run: the chunks of a script, in reads and with summaries as a relay writes them. */
function runOf(reads: readonly (readonly MessageChunk[])[], snapshotEach: number): Run {
  const recorder = new OutlineRecorder();
  const fold = new Fold({ provider: "test", model: "tiny", attempts: [] });
  const entries: LogEntry[] = [];
  const tools: MessageChunk[] = [];
  let number = 0;
  for (const [index, chunks] of reads.entries()) {
    for (const chunk of chunks) {
      fold.add(chunk);
      if (chunk.type === "rewind") recorder.rewound(foldedIn(fold));
      else recorder.add(chunk);
      if (chunk.type === "toolCall" || chunk.type === "toolResult") tools.push(chunk);
    }
    entries.push({ id: entryId({ attempt: 1, number: ++number }), type: "chunks", chunks });
    if ((index + 1) % snapshotEach > 0) continue;
    const after = entryId({ attempt: 1, number });
    const { outline } = recorder;
    const hasResults = tools.some(({ type }) => type === "toolResult");
    entries.push({
      id: entryId({ attempt: 1, number: ++number }),
      type: "snapshot",
      message: foldedIn(fold),
      after,
      ...(hasResults && { tools: [...tools] }),
      ...(outline && { outline }),
    });
  }
  const message: AssistantMessage = { ...foldedIn(fold), finishReason: "stop" };
  return { entries, end: { type: "complete", message } };
}

interface Run {
  readonly entries: readonly LogEntry[];
  readonly end: RunEnd;
}

/** Watches a run as it is written, from behind a number. `from`: the viewer comes after so many entries. */
function watch({ entries, end }: Run, { after = -1, from = 0, each = 1 } = {}): readonly ResponsesEvent[] {
  const feed = new Feed({ id: "resp_a1b2", chat: "ada/resp_a1b2" }, OPEN);
  let wire: EncodedWire | undefined;
  let text = "";
  const read = (): void => {
    for (;;) {
      const frame = wire?.next();
      if (!frame) return;
      text += new TextDecoder().decode(frame.bytes);
    }
  };
  feed.open("test", "tiny");
  for (const [index, entry] of entries.entries()) {
    if (index === from) wire = new EncodedWire(feed, new ResponsesEncoder(REPLY, EMPTY_MEMO, new EventNumbers(after)));
    feed.append(entry);
    if (index % each === 0) read();
  }
  wire ??= new EncodedWire(feed, new ResponsesEncoder(REPLY, EMPTY_MEMO, new EventNumbers(after)));
  feed.finish(end);
  read();
  return eventsIn(text + new TextDecoder().decode(wire.end()?.bytes));
}

const chunk = {
  text: (content: string): MessageChunk => ({ type: "text", content, isFinal: false }),
  reasoning: (reasoning: string): MessageChunk => ({ type: "reasoning", content: "", reasoning, isFinal: false }),
  delta: (index: number, id: string, argumentsDelta: string): MessageChunk => ({
    type: "toolCallDelta",
    content: "",
    index,
    id,
    name: "weather",
    argumentsDelta,
    isFinal: false,
  }),
  call: (id: string, args: unknown): MessageChunk => ({
    type: "toolCall",
    content: "",
    toolCall: { id, name: "weather", arguments: args },
    isFinal: false,
  }),
  citation: (url: string, startIndex: number): MessageChunk => ({
    type: "citation",
    content: "",
    url,
    startIndex,
    endIndex: startIndex + 1,
    isFinal: false,
  }),
  search: (query: string): MessageChunk => ({
    type: "providerToolCall",
    content: "",
    providerToolCall: { name: "web_search", arguments: { query } },
    isFinal: false,
  }),
};

/** A reply whose parts come in any order, calls interleaved, in reads of any size. */
function randomReads(random: () => number): readonly (readonly MessageChunk[])[] {
  const pick = (count: number): number => Math.floor(random() * count);
  const chunks: MessageChunk[] = [];
  const open: { id: string; index: number; rest: string }[] = [];
  let [said, calls] = [0, 0];
  for (let step = 0; step < 40; step++) {
    const kind = pick(8);
    if (kind < 3) {
      const text = ["Hello ", "Grüße 🌍", "a", "\n\n"][pick(4)] ?? "";
      said += text.length;
      chunks.push(chunk.text(text));
    } else if (kind === 3) chunks.push(chunk.reasoning("Let me see. ".slice(pick(6))));
    else if (kind === 4 && said > 0) chunks.push(chunk.citation(`https://example.com/${step}`, pick(said)));
    else if (kind === 5) chunks.push(chunk.search(`what ${step}`));
    else if (kind === 6) {
      const rest = pick(2) === 0 ? '{ "city": "Köln", "days": 3 }' : '{"city":"Bonn"}';
      open.push({ id: `call_${calls}`, index: calls++, rest });
    }
    const call = open[pick(open.length)];
    if (!call) continue;
    const piece = call.rest.slice(0, 1 + pick(9));
    chunks.push(chunk.delta(call.index, call.id, piece));
    call.rest = call.rest.slice(piece.length);
    if (call.rest !== "") continue;
    open.splice(open.indexOf(call), 1);
    const text = chunks.map((one) => (one.type === "toolCallDelta" && one.id === call.id ? one.argumentsDelta : ""));
    chunks.push(chunk.call(call.id, JSON.parse(text.join(""))));
  }
  for (const { id, index, rest } of open) {
    chunks.push(chunk.delta(index, id, rest));
    const text = chunks.map((one) => (one.type === "toolCallDelta" && one.id === id ? one.argumentsDelta : ""));
    chunks.push(chunk.call(id, JSON.parse(text.join(""))));
  }
  const reads: MessageChunk[][] = [];
  while (chunks.length > 0) reads.push(chunks.splice(0, 1 + pick(3)));
  return reads;
}

describe("a reply in any order", () => {
  test.each(Array.from({ length: 25 }, (_, seed) => seed))("has the same numbers for every viewer (%i)", (seed) => {
    const random = randomFrom(seed);
    const reads = randomReads(random);
    const live = watch(runOf(reads, Number.POSITIVE_INFINITY));
    const expected = unitsOf(live);
    expect(live.map(({ sequence_number }) => sequence_number)).toEqual(
      live.map(({ sequence_number }) => sequence_number).toSorted((a, b) => a - b),
    );
    expect([...expected.keys()].toSorted((a, b) => a - b)).toEqual([...expected.keys()].map((_, at) => at));
    for (let trial = 0; trial < 30; trial++) {
      const run = runOf(reads, 1 + Math.floor(random() * 12));
      const after = Math.floor(random() * (expected.size + 1)) - 1;
      const from = Math.floor(random() * (run.entries.length + 1));
      const each = 1 + Math.floor(random() * 9);
      const resumed = unitsOf(watch(run, { after, from, each }));
      const rest = [...expected].filter(([number]) => number > after);
      expect(
        [...resumed].toSorted(([a], [b]) => a - b),
        `after ${after}, from ${from}`,
      ).toEqual(rest.toSorted(([a], [b]) => a - b));
    }
  });
});

test("the outline of a log that was summarised is that of the reply", () => {
  const random = randomFrom(7);
  const reads = randomReads(random);
  const whole = outlineOf(runOf(reads, Number.POSITIVE_INFINITY).entries);
  const summarised = outlineOf(runOf(reads, 5).entries);
  expect(summarised.parts).toEqual(whole.parts);
});

describe("a reply that begins again", () => {
  const rewind = (length: number, reasoningLength = 0): MessageChunk => {
    return { type: "rewind", content: "", length, reasoningLength, isFinal: false };
  };
  const reads = [
    [chunk.reasoning("Well. "), chunk.text("Hello wor")],
    [chunk.text("lx")],
    [rewind(5), chunk.text("world.")],
    [chunk.text(" Bye.")],
  ];

  test.each([1, 2, 3, Number.POSITIVE_INFINITY])(
    "is whole for a reader that comes later (a summary each %i)",
    (each) => {
      const run = runOf(reads, each);
      const events = watch(run, { from: run.entries.length });
      expect(deltasOf(events)).toBe("Hello world. Bye.");
      expect(events.at(-1)).toMatchObject({ type: "response.completed" });
      // Behind any of its events, the rest is the same.
      const all = unitsOf(events);
      for (const after of events.map(({ sequence_number }) => sequence_number)) {
        if (after < 2) continue;
        const rest = unitsOf(watch(run, { from: run.entries.length, after }));
        expect([...rest]).toEqual([...all].filter(([number]) => number > after));
      }
    },
  );

  test("is an error for a reader that has read what was taken back, now and when it comes back", () => {
    const run = runOf(reads, Number.POSITIVE_INFINITY);
    const live = watch(run);
    expect(deltasOf(live)).toBe("Hello worlx");
    expect(live.at(-1)).toMatchObject({ type: "error", code: "server_error" });
    const back = watch(run, { from: run.entries.length, after: live.at(-2)?.sequence_number ?? 0 });
    expect(back.map(({ type }) => type)).toEqual(["error"]);
  });

  test("is not one for a reader that has read nothing yet", () => {
    const run = runOf(reads, Number.POSITIVE_INFINITY);
    expect(deltasOf(watch(run, { from: run.entries.length, after: 1 }))).toBe("Hello world. Bye.");
  });
});

test("a reply whose end has more than its entries is whole", () => {
  const { entries, end } = runOf([[chunk.text("Hello ")], [chunk.text("world.")], [chunk.call("call_1", {})]], 9);
  const events = watch({ entries: entries.slice(0, 1), end });
  expect(deltasOf(events)).toBe("Hello world.");
  expect(unitsOf(events)).toEqual(unitsOf(watch({ entries, end })));
});

test("a reply whose end has other words is an error, not a mixture", () => {
  const { entries } = runOf([[chunk.text("Hello ")]], 9);
  const { end } = runOf([[chunk.text("Goodbye.")]], 9);
  const events = watch({ entries, end });
  expect(events.at(-1)?.type).toBe("error");
});
