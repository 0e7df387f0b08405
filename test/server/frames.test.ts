/** The pieces of a response: how many writes they take, and which of them a run keeps. */

import { EventEmitter, once } from "node:events";
import { expect, test } from "vitest";
import type { MessageChunk } from "../../src/contract/chunk.ts";
import { decodeEvent } from "../../src/dialects/native/reader.ts";
import { joinedRead } from "../../src/server/feed/coalesce.ts";
import { Feed } from "../../src/server/feed/feed.ts";
import { Frame } from "../../src/server/feed/frame.ts";
import { Viewer } from "../../src/server/feed/viewer.ts";
import { SharedWire } from "../../src/server/feed/viewer-wire.ts";
import type { NodeResponse } from "../../src/server/http/node-adapter.ts";
import type { NodeRequest } from "../../src/server/http/node-request.ts";
import { createRelay, memoryLog, toNode } from "../../src/server/index.ts";
import { scriptedClient } from "../../src/testing/index.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";

const text = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });
const PIECES = ["One", " two", " three"].map(text);

function openFeed(): Feed {
  const feed = new Feed(
    { id: "run", chat: "ada/run" },
    {
      chunks: (chunks) => chunks,
      message: (message) => message,
      end: (end) => (end.type === "failed" ? { type: "failed", error: end.error } : end),
    },
  );
  feed.open("test", "tiny");
  return feed;
}

/** Returns the frames that a viewer of the feed gets. */
function watched(feed: Feed): Frame[] {
  const frames: Frame[] = [];
  const viewer = new Viewer({ feed, wire: new SharedWire(feed, undefined), now: () => 0, onLeft: () => undefined });
  const connection = { close: () => undefined, error: () => undefined };
  viewer.start({
    ...connection,
    enqueue(frame) {
      frames.push(frame);
      viewer.pull();
    },
  });
  return frames;
}

function chunksIn(frame: Frame | undefined): readonly MessageChunk[] {
  const line = new TextDecoder()
    .decode(frame?.bytes)
    .split("\n")
    .findLast((each) => each.startsWith("data: "));
  const event = line === undefined ? undefined : decodeEvent(line.slice("data: ".length));
  return event?.type === "chunks" ? event.chunks : [];
}

test("a viewer that watches gets the pieces of a read, and one that comes later their text", () => {
  const feed = openFeed();
  const [live, joined] = [watched(feed), joinedRead(PIECES)];
  feed.append({ id: "1-1", type: "chunks", chunks: joined }, undefined, PIECES);
  expect(chunksIn(live.at(-1))).toEqual(PIECES);
  expect(chunksIn(watched(feed).at(-1))).toEqual(PIECES);
  feed.append({ id: "1-2", type: "chunks", chunks: [text(" four")] });
  expect(chunksIn(watched(feed).at(-1))).toEqual([text("One two three four")]);
  expect(feed.entries).toEqual([
    { id: "1-1", type: "chunks", chunks: [text("One two three")] },
    { id: "1-2", type: "chunks", chunks: [text(" four")] },
  ]);
});

test("a read with raw events is kept as it came", () => {
  const chunks = [...PIECES, { ...text(" four"), raw: { delta: " four" } } as MessageChunk];
  expect(joinedRead(chunks)).toBe(chunks);
});

test("a viewer gets what is there in one frame: the opening, the provider, the text", () => {
  const feed = openFeed();
  feed.append({ id: "1-1", type: "chunks", chunks: PIECES });
  const frames = watched(feed);
  expect(frames.map(({ content }) => content)).toEqual([
    ': keep-alive\n\ndata: {"type":"opened","run":"run","provider":"test","model":"tiny"}\n\n' +
      'id: 1-1\ndata: {"texts":["One"," two"," three"]}\n\n',
  ]);
});

test("a long text is encoded once for all viewers, and stays apart from the beginning", () => {
  const feed = openFeed();
  feed.append({ id: "1-1", type: "chunks", chunks: [text("long".repeat(10_000))] });
  const [one, other] = [watched(feed), watched(feed)];
  expect(one).toHaveLength(2);
  expect(one[1]?.content).toBeInstanceOf(Uint8Array);
  expect(one[1]?.content).toBe(other[1]?.content);
  expect(new Frame("short").content).toBe("short");
});

test("a viewer whose connection takes nothing for a minute is gone, also with one long text left", () => {
  const feed = openFeed();
  feed.append({ id: "1-1", type: "chunks", chunks: [text("long".repeat(10_000))] });
  const viewer = new Viewer({ feed, wire: new SharedWire(feed, undefined), now: () => 0, onLeft: () => undefined });
  viewer.start({ enqueue: () => undefined, close: () => undefined, error: () => undefined });
  viewer.tick(59_000);
  expect(feed.readers.size).toBe(1);
  viewer.tick(60_000);
  expect(feed.readers.size).toBe(0);
});

test("a viewer of a finished reply costs two writes", async () => {
  const client = scriptedClient(() => ({ text: ["One ", "two ", "three."] }));
  const relay = createRelay({ client, ...OPEN_RELAY, log: memoryLog() });
  const run = "run0000000000000000000001";
  const body = { run, messages: [{ role: "user", content: "Count." }] };
  const started = await relay.handle(
    new Request("http://localhost/", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
  await started.text();
  const writes: unknown[] = [];
  const request = Object.assign(new EventEmitter(), {
    method: "GET",
    url: `/${run}/stream?run=${run}`,
    headers: { host: "localhost" },
    rawHeaders: ["host", "localhost"],
    httpVersionMajor: 1,
    socket: {},
    complete: true,
    resume: () => undefined,
  });
  const response = Object.assign(new EventEmitter(), {
    setHeader: () => undefined,
    write: (content: unknown) => writes.push(content) > 0,
    end: (content: unknown) => {
      writes.push(content);
      return response.emit("finish");
    },
    destroy: () => response.emit("finish"),
  });
  const finished = once(response, "finish");
  toNode(relay.handle)(request as unknown as NodeRequest, response as unknown as NodeResponse);
  await finished;
  expect(writes).toHaveLength(2);
  await relay.drain(0);
});
