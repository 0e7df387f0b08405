import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LogWriter, ReplyLog } from "../../src/server/index.ts";
import { createRelay, memoryLog } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { chunk, chunksClient, text } from "../support/chunks-client.ts";
import { gapsIn, get, post, read, runId, textOf, watch } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A memory log whose writers append as `append` says. */
function logWith(
  append: (writer: LogWriter, ...args: Parameters<LogWriter["append"]>) => ReturnType<LogWriter["append"]>,
): ReplyLog {
  const log = memoryLog();
  const begin = log.begin.bind(log);
  log.begin = async (head) => {
    const writer = await begin(head);
    return writer && { ...writer, append: (entries) => append(writer, entries) };
  };
  return log;
}

describe("connections of a phone that has lost its network often", () => {
  test("do not keep it out for a quarter of an hour: the oldest leaves, and misses no word if it lives", async () => {
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "one " }, { pause: gate }, { text: "two" }] }]);
    const relay = createRelay({ client, authorize: "public", limits: { viewersPerRun: 3 } });
    const run = runId();
    const attach = (after = "") => relay.handle(get(`${run}/stream?run=${run}${after}`));
    const first = watch(await relay.handle(post({ run, messages })));
    await gate.reached;
    const frozen = await attach(); // takes nothing
    const third = watch(await attach());
    expect(await attach()).toMatchObject({ status: 429 });
    await vi.advanceTimersByTimeAsync(30_000);
    const [fourth, fifth] = [watch(await attach()), watch(await attach())];
    await first.over;
    await expect(frozen.text()).rejects.toThrow();
    expect(first.events.at(-1)).toEqual({ type: "reconnect", afterMs: 1_000 });
    const again = watch(await attach("&after=1-1")); // in the place of the third
    await third.over;
    expect(await attach()).toMatchObject({ status: 429 });
    gate.open();
    await Promise.all([fourth.over, fifth.over, again.over]);
    expect([fourth.text, fifth.text, first.text + again.text]).toEqual(["one two", "one two", "one two"]);
  });
});

describe("delivery first, log behind", () => {
  test("a log that never answers holds no word back", async () => {
    const log = logWith(() => new Promise(() => undefined));
    const words = Array.from({ length: 2_000 }, (_, index) => `${index} `);
    const relay = createRelay({ client: scriptedClient([{ text: words }]), authorize: "public", log });
    const events = await read(await relay.handle(post({ run: runId(), messages })));
    expect(textOf(events)).toBe(words.join(""));
    expect(events.at(-1)).toMatchObject({ type: "complete" });
  });

  test("a log that does not begin delays a run by three seconds, and no more", async () => {
    const log = memoryLog();
    log.begin = () => new Promise(() => undefined);
    const onError = vi.fn();
    const relay = createRelay({ client: scriptedClient([{ text: "Hello" }]), authorize: "public", log, onError });
    const answer = relay.handle(post({ run: runId(), messages }));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(textOf(await read(await answer))).toBe("Hello");
    expect(onError.mock.calls[0]?.[0]).toMatchObject({ kind: "storage" });
  });

  test("a log that is away refuses viewers of other processes for a moment, and none of the writer's", async () => {
    const log = memoryLog();
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "one " }, { pause: gate }, { text: "two" }] }]);
    const relay = createRelay({ client, authorize: "public", log });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await gate.reached;
    log.head = () => Promise.reject(new Error("ECONNREFUSED 10.0.0.7"));
    const other = createRelay({ client, authorize: "public", log });
    const refused = await other.handle(get(`${run}/stream?run=${run}`));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.text()).not.toContain("10.0.0.7");
    const again = watch(await relay.handle(get(`${run}/stream?run=${run}&after=1-1`)));
    gate.open();
    await Promise.all([viewer.over, again.over]);
    expect([viewer.text, again.text]).toEqual(["one two", "two"]);
  });

  test("a log that forgets how to answer for chats costs a second, and no reply", async () => {
    const log = memoryLog();
    log.latestRun = () => new Promise(() => undefined);
    const onError = vi.fn();
    const relay = createRelay({ client: scriptedClient([{ text: "Hello" }]), authorize: "public", log, onError });
    const answer = relay.handle(post({ run: runId(), chat: "c", messages }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(textOf(await read(await answer))).toBe("Hello");
    expect(onError.mock.calls[0]?.[0]).toMatchObject({ kind: "storage" });
  });

  test("a log that is away in the middle is caught up by a snapshot, and viewers see nothing of it", async () => {
    const kept = memoryLog();
    let isAway = false;
    const log = kept;
    const begin = log.begin.bind(log);
    log.begin = async (head) => {
      const writer = await begin(head);
      return (
        writer && {
          ...writer,
          append: async (entries) => {
            if (isAway) throw new Error("ECONNREFUSED");
            return writer.append(entries);
          },
        }
      );
    };
    const gates = [new Gate(), new Gate(), new Gate()] as const;
    const client = scriptedClient([
      {
        steps: [
          { text: ["a ", "b "] },
          { pause: gates[0] },
          { text: ["c ", "d "] },
          { pause: gates[1] },
          { text: ["e ", "f "] },
          { pause: gates[2] },
          { text: "g" },
        ],
      },
    ]);
    const onError = vi.fn();
    const relay = createRelay({ client, authorize: "public", log, onError });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await gates[0].reached;
    await vi.advanceTimersByTimeAsync(10); // appends begin so far apart
    isAway = true;
    gates[0].open();
    await gates[1].reached;
    await vi.waitFor(() => expect(viewer.text).toBe("a b c d "));
    expect(onError).toHaveBeenCalledTimes(1);
    expect((await kept.read(run))?.entries.length).toBe(2);
    isAway = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await kept.read(run))?.entries).toMatchObject([
      { type: "snapshot", message: { content: "a b c d " }, after: "1-4" },
    ]);
    gates[1].open();
    await gates[2].reached;
    await vi.waitFor(() => expect(viewer.text).toBe("a b c d e f "));
    const other = createRelay({ client, authorize: "public", log: kept });
    const elsewhere = watch(await other.handle(get(`${run}/stream?after=1-3`)));
    gates[2].open();
    await viewer.over;
    await vi.waitFor(() => expect(elsewhere.text).toBe("a b c d e f g"));
    expect(viewer.text).toBe("a b c d e f g");
    expect(viewer.events.filter(({ type }) => type === "snapshot")).toEqual([]);
    expect(onError).toHaveBeenCalledTimes(1);
  });

  test("a log that has lost its data does not end the reply", async () => {
    const log = memoryLog();
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "one " }, { pause: gate }, { text: "two" }] }]);
    const relay = createRelay({ client, authorize: "public", log });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await gate.reached;
    await log.delete(run);
    await vi.advanceTimersByTimeAsync(3_000);
    gate.open();
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { content: "one two" } });
  });
});

describe("viewers", () => {
  test("one that leaves and comes back at any word, in any process, gets each word once", async () => {
    const words = ["a ", "b ", "c ", "d ", "e ", "f"];
    const gates = words.map(() => new Gate());
    const steps = words.flatMap((text, index) => [{ text }, { pause: gates[index] as Gate }]);
    for (let seen = 1; seen < words.length; seen++) {
      const log = memoryLog();
      const own = words.map(() => new Gate());
      const client = scriptedClient([{ steps: words.flatMap((text, at) => [{ text }, { pause: own[at] as Gate }]) }]);
      const relay = createRelay({ client, authorize: "public", log });
      const other = createRelay({ client, authorize: "public", log });
      const run = runId();
      const viewer = watch(await relay.handle(post({ run, messages })));
      for (const gate of own.slice(0, seen - 1)) gate.open();
      await own[seen - 1]?.reached;
      await vi.waitFor(() => expect(viewer.text).toBe(words.slice(0, seen).join("")));
      await viewer.leave();
      const here = watch(await relay.handle(get(`${run}/stream?after=1-${seen}`)));
      const there = watch(await other.handle(get(`${run}/stream`, { "last-event-id": `1-${seen}` })));
      for (const gate of own) gate.open();
      await vi.waitFor(() => expect(there.events.at(-1)?.type).toBe("complete"));
      await Promise.all([here.over, there.over]);
      expect([here.text, there.text]).toEqual([words.slice(seen).join(""), words.slice(seen).join("")]);
    }
    expect(steps.length).toBe(12);
  });

  test("one that does not read neither stops the others nor the run", async () => {
    const words = Array.from({ length: 300 }, () => "x".repeat(10_000));
    const client = scriptedClient([{ text: words }]);
    const relay = createRelay({ client, authorize: "public", log: memoryLog() });
    const run = runId();
    const quick = watch(await relay.handle(post({ run, messages })));
    const frozen = await relay.handle(get(`${run}/stream`));
    await quick.over;
    expect(quick.text.length).toBe(3_000_000);
    expect(textOf(await read(frozen)).length).toBe(3_000_000);
  });

  test("a run is read at most a megabyte ahead of its only viewer, until that one counts as gone", async () => {
    const words = Array.from({ length: 300 }, () => "x".repeat(10_000));
    const client = scriptedClient([{ text: words }]);
    const relay = createRelay({ client, authorize: "public", log: memoryLog() });
    const run = runId();
    const response = await relay.handle(post({ run, messages }));
    await vi.advanceTimersByTimeAsync(5_000);
    const ahead = client.calls[0]?.chunks ?? 0;
    expect(ahead).toBeGreaterThan(90);
    expect(ahead).toBeLessThan(120);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.calls[0]?.chunks).toBe(300);
    await expect(response.text()).rejects.toThrow();
    expect(textOf(await read(await relay.handle(get(`${run}/stream`)))).length).toBe(3_000_000);
  });

  test.each(["of the process that writes it", "of another process", "that comes after the end"])(
    "one that takes nothing for a minute is gone also when its reply is over: a viewer %s",
    async (place) => {
      const gate = new Gate();
      const steps = [{ text: Array.from({ length: 300 }, () => "x".repeat(10_000)) }, { pause: gate }, { text: "end" }];
      const client = scriptedClient([{ steps }]);
      const log = memoryLog();
      const relay = createRelay({ client, authorize: "public", log });
      const run = runId();
      const quick = watch(await relay.handle(post({ run, messages })));
      await gate.reached;
      if (place === "that comes after the end") {
        gate.open();
        await quick.over;
      }
      const viewed = place === "of another process" ? createRelay({ client, authorize: "public", log }) : relay;
      const frozen = await viewed.handle(get(`${run}/stream`));
      await vi.advanceTimersByTimeAsync(1_000);
      gate.open();
      await quick.over;
      await vi.advanceTimersByTimeAsync(62_000);
      const outcome = frozen.text().then(
        () => "complete",
        () => "gone",
      );
      expect(await outcome).toBe("gone");
    },
  );

  test("one that is behind gets what it missed in one event", async () => {
    const client = scriptedClient([{ text: Array.from({ length: 500 }, () => "word ") }]);
    const relay = createRelay({ client, authorize: "public", log: memoryLog() });
    const run = runId();
    await read(await relay.handle(post({ run, messages })));
    const events = await read(await relay.handle(get(`${run}/stream`)));
    expect(events.map(({ type }) => type)).toEqual(["opened", "chunks", "complete"]);
    expect(textOf(events)).toBe("word ".repeat(500));
  });

  test("one that comes to another process gets it in one event as well, where a reply began again included", async () => {
    const words = Array.from({ length: 600 }, (_, index) => `${index} `);
    const client = chunksClient([
      [...words.map(text), chunk("rewind", { length: 4, reasoningLength: 0 }), text("end")],
    ]);
    const log = memoryLog();
    const run = runId();
    await read(await createRelay({ client, authorize: "public", log }).handle(post({ run, messages })));
    expect((await log.read(run, undefined, 1_000))?.entries.length).toBeGreaterThan(600);
    const other = createRelay({ client, authorize: "public", log });
    const events = await read(await other.handle(get(`${run}/stream`)));
    expect(events.map(({ type }) => type)).toEqual(["opened", "chunks", "complete"]);
    expect(textOf(events)).toBe(`${words.slice(0, -1).join("")}end`);
  });

  test("a long reply is kept as a snapshot and its rest, and shown without a gap", async () => {
    const words = Array.from({ length: 2_500 }, (_, index) => `${index} `);
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: words }, { pause: gate }, { text: "end" }] }]);
    const log = memoryLog();
    const relay = createRelay({ client, authorize: "public", log });
    const run = runId();
    const first = watch(await relay.handle(post({ run, messages })));
    await gate.reached;
    await vi.waitFor(() => expect(first.text).toBe(words.join("")));
    const late = watch(await relay.handle(get(`${run}/stream`)));
    const stale = watch(await relay.handle(get(`${run}/stream?after=1-7`)));
    gate.open();
    await Promise.all([first.over, late.over, stale.over]);
    const whole = `${words.join("")}end`;
    expect([first.text, late.text, stale.text]).toEqual([whole, whole, whole]);
    expect([first, late].flatMap(({ events }) => gapsIn(events))).toEqual([]);
    expect(gapsIn(stale.events, "1-7")).toEqual([]);
    expect(first.events.some(({ type }) => type === "snapshot")).toBe(false);
    expect(stale.events[1]?.type).toBe("snapshot");
    expect((await log.read(run, undefined, 5_000))?.entries.length).toBeLessThan(1_000);
  });

  test("hidden thinking leaves no gap that a client takes for a loss", async () => {
    const thoughts = Array.from({ length: 20 }, (_, index) => [{ reasoning: "hm" }, { text: `${index} ` }]).flat();
    const client = scriptedClient(() => ({ steps: [{ reasoning: ["a", "b"] }, ...thoughts] }));
    const relay = createRelay({ client, authorize: "public", log: memoryLog() });
    const run = runId();
    const first = watch(await relay.handle(post({ run, messages })));
    await first.over;
    expect(gapsIn(first.events)).toEqual([]);
    expect(JSON.stringify(first.events)).not.toContain("hm");
    for (const after of ["1-1", "1-2", "1-3", "1-17", "1-42"]) {
      const again = await read(await relay.handle(get(`${run}/stream?after=${after}`)));
      expect(gapsIn(again, after)).toEqual([]);
    }
  });

  test("a connection that carries nothing gets a comment every 8 seconds", async () => {
    const gate = new Gate();
    const client = scriptedClient([{ opensAfter: gate, text: "late" }]);
    const relay = createRelay({ client, authorize: "public", headersWithinMs: 5_000 });
    const answer = relay.handle(post({ run: runId(), messages }));
    await vi.advanceTimersByTimeAsync(5_000);
    const response = await answer;
    expect(response.status).toBe(200);
    const text = response.text();
    await vi.advanceTimersByTimeAsync(25_000);
    gate.open();
    expect((await text).split(": keep-alive\n\n").length - 1).toBe(4);
  });
});
