import { expect, test } from "vitest";
import { decodeEvent } from "../../src/dialects/native/reader.ts";
import type { NativeEvent, WireEvent } from "../../src/dialects/native/wire.ts";
import { Feed } from "../../src/server/feed/feed.ts";
import { frameOf, type Mask } from "../../src/server/feed/feed-events.ts";
import type { Frame } from "../../src/server/feed/frame.ts";
import { Viewer } from "../../src/server/feed/viewer.ts";
import { SharedWire } from "../../src/server/feed/viewer-wire.ts";
import { endOf } from "../../src/server/gateway/end-of-run.ts";
import type { LogEntry } from "../../src/server/log/log.ts";
import { messageSoFar } from "../../src/server/log/message-so-far.ts";
import { textOf } from "../support/relay.ts";

const OPEN: Mask = {
  chunks: (chunks) => chunks,
  message: (message) => message,
  end: (end) => (end.type === "failed" ? { type: "failed", error: end.error } : end),
};
const head = { id: "run", chat: "ada/run", owner: "ada", startedAt: 0, provider: "p", model: "m" };

const words = (id: LogEntry["id"], content: string): LogEntry => ({
  id,
  type: "chunks",
  chunks: [{ type: "text", content, isFinal: false }],
});

/** A reader of a log that was away: entries, then the summary that takes the place of those that the log missed. */
const ENTRIES: readonly LogEntry[] = [
  words("1-1", "one "),
  words("1-2", "two "),
  {
    id: "1-5",
    type: "snapshot",
    message: messageSoFar(head, [words("1-1", "one two three four ")]),
    after: "1-4",
  },
  words("1-6", "five"),
];

test.each(["bytes", "events"])("a viewer that is behind a log that was away misses no word, read as %s", (how) => {
  const feed = new Feed(head, OPEN);
  const place = feed.placeOf(undefined);
  for (const entry of ENTRIES) feed.append(entry);
  const events: WireEvent[] = [];
  while (feed.hasMore(place)) {
    const event = eventIn(how === "events" ? encoded(feed.readEvent(place)) : feed.read(place));
    if (event) events.push(event);
  }
  expect(textOf(events)).toBe("one two three four five");
  expect(events.map(({ type }) => type)).toEqual(["chunks", "snapshot", "chunks"]);
});

test("a reader that comes to a run behind its end here does not wait for what another process writes", async () => {
  const feed = new Feed(head, OPEN);
  feed.sendAway(0);
  expect(await endOf(feed, new AbortController().signal)).toBeUndefined();
  let hasLeft = false;
  const onLeft = () => {
    hasLeft = true;
  };
  const viewer = new Viewer({ feed, wire: new SharedWire(feed, undefined), now: () => 0, onLeft });
  const error = new Promise((resolve) => {
    viewer.start({ enqueue: () => undefined, close: () => undefined, error: resolve });
  });
  expect(await error).toMatchObject({ message: "The run continues elsewhere." });
  expect(hasLeft).toBe(true);
});

test("a summary has all parts of a reply, in their order, and the sound that came in pieces", () => {
  const call = {
    type: "toolCall",
    content: "",
    toolCall: { id: "c", name: "look", arguments: {} },
    isFinal: false,
  } as const;
  const message = messageSoFar(head, [words("1-1", "I look. Found.")]);
  const tools = [
    call,
    {
      type: "toolResult",
      content: "",
      toolCallId: "c",
      name: "look",
      result: "yes",
      isError: false,
      isFinal: false,
    } as const,
  ];
  const outline = [
    ["text", 7],
    ["call", "c"],
    ["result", "c"],
    ["text", 7],
  ] as const;
  const media = [{ mediaType: "audio/mpeg", data: "AAAA" }];
  const typesIn = (event: NativeEvent) => {
    const read = eventIn(frameOf(event));
    return read?.type === "snapshot" && read.chunks.map(({ type }) => type);
  };
  const summary = { type: "snapshot", id: "1-4", message, tools, outline } as const;
  expect(typesIn(summary)).toEqual(["text", "toolCall", "toolResult", "text"]);
  expect(typesIn({ ...summary, message: { ...message, media } })).toContain("media");
});

function encoded(event: NativeEvent | undefined): Frame | undefined {
  return event && frameOf(event);
}

function eventIn(frame: Frame | undefined): WireEvent | undefined {
  const lines = new TextDecoder().decode(frame?.bytes).split("\n");
  const data = lines.find((line) => line.startsWith("data: "));
  return data === undefined ? undefined : decodeEvent(data.slice(6));
}
