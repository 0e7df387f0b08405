import { describe, expect, test } from "vitest";
import type { AssistantMessage } from "../../src/index.ts";
import { type LogEntry, memoryLog, type ReplyLog, type RunEnd, type RunHead } from "../../src/server/index.ts";
import { isAnswered } from "../../src/server/log/lost-run.ts";

function head(id: string, chat = `user/${id}`): RunHead {
  return { id, chat, owner: "user", startedAt: 0, provider: "scripted", model: "script" };
}

function entry(number: number, content = "x"): LogEntry {
  return { id: `1-${number}`, type: "chunks", chunks: [{ type: "text", content, isFinal: false }] };
}

const message: AssistantMessage = {
  role: "assistant",
  content: "",
  reasoning: "",
  toolCalls: [],
  citations: [],
  finishReason: "stop",
  metrics: { durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] },
  provider: "scripted",
  model: "script",
};
const END: RunEnd = { type: "complete", message };

async function ended(log: ReplyLog, id: string, size: number): Promise<void> {
  const writer = await log.begin(head(id));
  await writer?.append([entry(1, "x".repeat(size))]);
  await writer?.end(END);
}

describe("a log in memory", () => {
  test("makes room by the runs that ended first, and never by running ones", async () => {
    const log = memoryLog({ maxBytes: 10_000 });
    const running = await log.begin(head("running"));
    await running?.append([entry(1, "x".repeat(2_000))]);
    await ended(log, "first", 3_000);
    await ended(log, "second", 3_000);
    await ended(log, "third", 3_000);
    const kept = await Promise.all(["running", "first", "second", "third"].map((id) => log.read(id)));
    expect(kept.map((page) => page?.entries.length)).toEqual([1, 0, 1, 1]);
  });

  test("keeps the ids and the ends of runs that made room, so that no reply is paid for twice", async () => {
    let now = 0;
    const log = memoryLog({ maxBytes: 1_000, keepMs: 1_000, now: () => now });
    const ends: Readonly<Record<string, RunEnd>> = {
      answered: END,
      stopped: { type: "complete", message: { ...message, interrupted: true } },
      failed: { type: "failed", error: { kind: "server", message: "Failed.", retryable: true, partial: message } },
    };
    for (const [id, end] of Object.entries(ends)) {
      const writer = await log.begin(head(id));
      await writer?.append([entry(1, "x".repeat(2_000))]);
      await writer?.end(end);
      expect(await log.begin(head(id))).toBeUndefined();
      expect(await log.head(id)).toBeUndefined();
      const page = await log.read(id);
      expect(page).toMatchObject({ entries: [], isOwned: false, end: { type: "failed" } });
      expect(page?.end && isAnswered(page.end)).toBe(id === "answered");
      expect(JSON.stringify(page)).not.toContain("partial");
    }
    now = 1_000;
    for (const id of Object.keys(ends)) expect(await log.begin(head(id))).toBeDefined();
  });

  test("refuses a run for which there is no room", async () => {
    const log = memoryLog({ maxBytes: 10_000 });
    const writer = await log.begin(head("running"));
    await writer?.append([entry(1, "x".repeat(12_000))]);
    await expect(log.begin(head("next"))).rejects.toMatchObject({ kind: "storage" });
    await writer?.end(END);
    expect(await log.begin(head("next"))).toBeDefined();
  });

  test("forgets an ended run after `keepMs`, with its chat", async () => {
    let now = 0;
    const log = memoryLog({ keepMs: 1_000, now: () => now });
    await ended(log, "a", 10);
    await log.setLatestRun("user/a", { run: "a", number: 1 });
    now = 999;
    expect(await log.read("a")).toMatchObject({ end: { type: "complete" } });
    now = 1_000;
    expect(await log.read("a")).toBeUndefined();
    expect(await log.latestRun("user/a")).toBeUndefined();
    expect(await log.begin(head("a"))).toBeDefined();
  });

  test("forgets a run that never ended after a day", async () => {
    let now = 0;
    const log = memoryLog({ now: () => now });
    const writer = await log.begin(head("a"));
    now = 86_400_000;
    expect(await log.head("a")).toBeUndefined();
    expect(await writer?.append([entry(1)])).toBe("lost");
  });

  test("takes a snapshot in the place of what was before it", async () => {
    const log = memoryLog();
    const writer = await log.begin(head("a"));
    await writer?.append([entry(1), entry(2)]);
    await writer?.append([{ id: "1-5", type: "snapshot", message, after: "1-4" }, entry(6)]);
    expect((await log.read("a"))?.entries.map(({ id }) => id)).toEqual(["1-5", "1-6"]);
  });

  test.each([{ maxBytes: 0 }, { keepMs: -1 }, { leaseMs: Number.NaN }, { keepms: 5 }])(
    "is not made with %j",
    (options) => {
      expect(() => memoryLog(options as Parameters<typeof memoryLog>[0])).toThrow(TypeError);
    },
  );
});
