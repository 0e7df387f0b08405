/** Files of a SQLite database that are taken away while it is open: no turn is reported as kept that is nowhere. */

import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMSession, type SessionRecord } from "cloudllm";
import { createRelay } from "cloudllm/server";
import { SQLiteStore, sqliteLog } from "cloudllm/store/sqlite";
import { Gate, scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sqliteDrivers, sqliteMissing } from "../interop/drivers.mjs";
import { post, runId, watch } from "../support/relay.ts";

type SqliteDriver = (typeof sqliteDrivers)[number];

let folder = "";
const closing: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cloudllm-files-"));
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
  rmSync(folder, { recursive: true, force: true });
});

const place = () => join(folder, "chats.db");
const away = () => join(folder, "away");
const record = (text: string): SessionRecord => ({ type: "text", text });
const lost = { name: "SendError", kind: "storage", message: expect.stringContaining("deleted, moved or replaced") };

async function opened(driver: SqliteDriver) {
  const database = await driver.open(place());
  closing.push(() => database.close());
  return database;
}

function moveAway(): void {
  mkdirSync(away());
  for (const name of readdirSync(folder).filter((each) => each.startsWith("chats.db")))
    renameSync(join(folder, name), join(away(), name));
}

function moveBack(): void {
  for (const name of readdirSync(away())) renameSync(join(away(), name), join(folder, name));
}

// Windows lets no program take an open file away.
const missing = sqliteMissing ?? (process.platform === "win32" ? "Windows keeps open files" : undefined);

describe.skipIf(missing !== undefined)("files of a database", () => {
  describe.each(sqliteDrivers)("with $name", (driver) => {
    test.each<[string, (driver: SqliteDriver) => Promise<void> | void]>([
      ["deleted", () => rmSync(place())],
      ["moved", moveAway],
      [
        "replaced by another database",
        async () => {
          moveAway();
          await new SQLiteStore(await opened(driver)).append("other", [record("other")]);
        },
      ],
      ["left without its newest writes", () => rmSync(`${place()}-wal`)],
      ["left without the locks of its connections", () => rmSync(`${place()}-shm`)],
    ])("%s: the turn fails, instead of being kept where it is lost", async (_what, takeAway) => {
      const store = new SQLiteStore(await opened(driver));
      const client = scriptedClient([{ text: "one" }, { text: "two" }]);
      const session = await LLMSession.open({ client, store, id: "s" });
      await session.sendMessage("1");
      await takeAway(driver);
      const failure: unknown = await session
        .sendMessage("2")
        .then(() => session.close())
        .catch((error: unknown) => error);
      expect(failure).toMatchObject(lost);
      expect(String(failure)).not.toContain(folder);
      await expect(store.claim("another")).rejects.toMatchObject(lost);
    });

    test("that are moved back are written to again, and keep all that was said", async () => {
      const store = new SQLiteStore(await opened(driver));
      await store.append("s", [record("1")]);
      moveAway();
      await expect(store.append("s", [record("2")])).rejects.toMatchObject(lost);
      moveBack();
      await store.append("s", [record("2")]);
      await store.release("s");
      expect(await new SQLiteStore(await opened(driver)).load("s")).toEqual([record("1"), record("2")]);
    });

    test("that are deleted cost the viewers of a reply no word", async () => {
      const [firstHalf, secondHalf] = [new Gate(), new Gate()];
      const steps = [
        { text: "one " },
        { pause: firstHalf },
        { text: "two " },
        { pause: secondHalf },
        { text: "three" },
      ];
      const client = scriptedClient([{ steps }]);
      const errors: unknown[] = [];
      const relay = createRelay({
        client,
        authorize: "public",
        log: sqliteLog(await opened(driver)),
        onError: (error) => void errors.push(error),
      });
      const watching = watch(await relay.handle(post({ run: runId(), messages: [{ role: "user", content: "Hi" }] })));
      await firstHalf.reached;
      rmSync(place());
      firstHalf.open();
      await secondHalf.reached;
      secondHalf.open();
      await watching.over;
      expect(watching.text).toBe("one two three");
      expect(watching.events.at(-1)).toMatchObject({ type: "complete" });
      expect(errors).not.toEqual([]);
    });
  });
});
