/** What is forgotten is gone: `clear()`, `delete(id)`, also when the process or the store fails in between. Messages name no folder. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMSession, MemoryStore, SendError, type SessionPage, type SessionRecord, type SessionStore } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const SECRET = "my-secret-words";
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forget-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const client = () =>
  scriptedClient([
    { text: `${SECRET}, indeed`, ending: { usage: { inputTokens: 1, outputTokens: 1 } } },
    { text: "yes" },
  ]);
const open = (store: SessionStore, id = "s") =>
  LLMSession.open({ client: client(), store, id, systemPrompt: "Be brief." });
const filesWith = (text: string) =>
  readdirSync(folder).filter((name) => readFileSync(join(folder, name), "utf8").includes(text));

const STORES: readonly (readonly [string, () => SessionStore, (store: SessionStore) => Promise<string>])[] = [
  ["a file store", () => new FileStore(folder), async () => filesWith(SECRET).join()],
  ["a file store with fsync", () => new FileStore(folder, { fsync: true }), async () => filesWith(SECRET).join()],
  [
    "a memory store",
    () => new MemoryStore(),
    async (store) => (JSON.stringify(await store.load("s")).includes(SECRET) ? "memory" : ""),
  ],
];

describe.each(STORES)("%s", (_name, create, remains) => {
  test("has nothing of a conversation once clear() says so; what was paid and the prompt stay", async () => {
    const store = create();
    const session = await open(store);
    await session.sendMessage(SECRET);
    expect(await remains(store)).not.toBe("");
    const cleared = session.clear();
    expect(session.history).toEqual([]);
    await cleared;
    expect(await remains(store)).toBe("");
    await session.sendMessage("and now?");
    await session.close();
    const again = await open(store);
    expect(again.history).toHaveLength(2);
    expect(again.systemPrompt).toBe("Be brief.");
    expect(again.tokenUsage().totalTokens).toBe(2);
    await again.close();
  });

  test("has nothing of it either where clear() came in the middle of a write, and was not waited for", async () => {
    const store = create();
    const session = await open(store);
    await session.sendMessage(SECRET);
    session.setSystemPrompt(SECRET);
    void session.clear();
    session.setSystemPrompt("Be brief.");
    await session.clear();
    expect(await remains(store)).toBe("");
    await session.close();
    expect(await (await open(store)).systemPrompt).toBe("Be brief.");
  });

  test("forgets a session with delete(), which then begins again", async () => {
    const store = create();
    await using other = await open(store, "other");
    await other.sendMessage("hello");
    const session = await open(store);
    await session.sendMessage(SECRET);
    await expect(store.delete?.("s")).rejects.toMatchObject({ kind: "busy" });
    await session.close();
    await store.delete?.("s");
    expect((await store.list()).sessions.map(({ id }) => id)).toEqual(["other"]);
    expect((await LLMSession.peek({ store, id: "s" })).history).toEqual([]);
    await using anew = await open(store);
    expect([anew.history, anew.tokenUsage().totalTokens]).toEqual([[], 0]);
  });

  test("deletes what is not there without a word", async () => {
    await create().delete?.("never");
    await new FileStore(join(folder, "no", "folder")).delete("never");
    expect(existsSync(join(folder, "no"))).toBe(false);
  });
});

describe("a file", () => {
  test("that is replaced is for its owner alone, and leaves no other behind", async () => {
    const session = await open(new FileStore(folder));
    await session.sendMessage(SECRET);
    await session.clear();
    expect(readdirSync(folder).sort()).toEqual(["s.jsonl", "s.lock"]);
    if (process.platform !== "win32") expect(statSync(join(folder, "s.jsonl")).mode & 0o777).toBe(0o600);
    await session.close();
    expect(readdirSync(folder)).toEqual(["s.jsonl"]);
  });

  test("whose successor a dead process left half written is opened as it was, cleared again, and deleted with it", async () => {
    const store = new FileStore(folder);
    const session = await open(store);
    await session.sendMessage(SECRET);
    await session.close();
    writeFileSync(join(folder, "s.jsonl.new"), '{"cloudllm":"ses');
    const again = await open(store);
    expect(again.history).toHaveLength(2);
    await again.clear();
    expect(readdirSync(folder).sort()).toEqual(["s.jsonl", "s.lock"]);
    await again.close();
    writeFileSync(join(folder, "s.jsonl.new"), SECRET);
    expect((await store.list()).sessions.map(({ id }) => id)).toEqual(["s"]);
    await store.delete("s");
    expect(readdirSync(folder)).toEqual([]);
  });

  test.skipIf(process.platform === "win32")(
    "does not write through a link that stands in its successor's place",
    async () => {
      const victim = join(folder, "victim.txt");
      writeFileSync(victim, "untouched");
      const session = await open(new FileStore(folder));
      await session.sendMessage(SECRET);
      symlinkSync(victim, join(folder, "s.jsonl.new"));
      await session.clear();
      expect(readFileSync(victim, "utf8")).toBe("untouched");
      await session.close();
    },
  );
});

describe("a foreign store", () => {
  class Plain implements SessionStore {
    readonly records: SessionRecord[] = [];
    isBroken = false;
    async append(_id: string, records: readonly SessionRecord[]): Promise<void> {
      if (this.isBroken) throw new Error("no connection to /srv/data/db.sock");
      this.records.push(...records);
    }
    async load(): Promise<readonly SessionRecord[]> {
      return this.records;
    }
    async list(): Promise<SessionPage> {
      return { sessions: [] };
    }
  }

  test("that can only add gets a record of it", async () => {
    const store = new Plain();
    const session = await open(store);
    await session.sendMessage("question");
    await session.clear();
    expect(store.records.at(-1)).toEqual({ type: "cut", length: 0, key: expect.any(String) });
    expect((await LLMSession.peek({ store, id: "s" })).history).toEqual([]);
  });

  test("that fails to forget says so, and is asked again by the next call", async () => {
    const replaced: (readonly SessionRecord[])[] = [];
    let fails = true;
    const store = Object.assign(new Plain(), {
      replace: async (_id: string, records: readonly SessionRecord[]) => {
        if (fails) throw new Error("full");
        replaced.push(records);
      },
    });
    const session = await open(store);
    await session.sendMessage("question");
    await expect(session.clear()).rejects.toMatchObject({ kind: "storage" });
    fails = false;
    await session.sendMessage("again");
    expect(replaced[0]?.[0]).toMatchObject({ type: "saved", session: { history: [] } });
    expect(session.history).toHaveLength(2);
  });

  test("that fails unheard is no unhandled rejection", async () => {
    const store = new Plain();
    const session = await open(store);
    await session.sendMessage("question");
    store.isBroken = true;
    void session.clear();
    await new Promise((resolve) => setImmediate(resolve));
    expect(session.history).toEqual([]);
  });
});

describe("messages that a server may show", () => {
  const errorOf = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

  test.each<[string, string, () => Promise<unknown>]>([
    [
      "busy",
      "busy",
      async () => {
        await using _session = await open(new FileStore(folder));
        return await open(new FileStore(folder));
      },
    ],
    [
      "delete of what is open",
      "busy",
      async () => {
        await using _session = await open(new FileStore(folder));
        await new FileStore(folder).delete("s");
      },
    ],
    [
      "a damaged file",
      "storage",
      () => {
        writeFileSync(join(folder, "s.jsonl"), "nonsense\n");
        return open(new FileStore(folder));
      },
    ],
    [
      "a folder that is none",
      "storage",
      () => {
        writeFileSync(join(folder, "file"), "");
        return open(new FileStore(join(folder, "file", "sessions")));
      },
    ],
    [
      "a file that is a folder",
      "storage",
      () => {
        mkdirSync(join(folder, "s.jsonl"));
        return open(new FileStore(folder));
      },
    ],
  ])("%s: the folder stands in the cause alone", async (_name, kind, fail) => {
    const error = await errorOf(fail());
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind });
    expect(JSON.stringify(error)).not.toContain(tmpdir());
    expect((error as SendError).message).not.toContain(folder);
    expect(String((error as SendError).cause)).toMatch(/folder|EISDIR|\//);
  });

  test.each([
    [
      "ENOENT: no such file or directory, open '/srv/my data/x.jsonl'",
      "ENOENT: no such file or directory, open 'x.jsonl'",
    ],
    ["EPERM: rename 'C:\\Users\\me\\a.new' -> 'D:\\b.jsonl'", "EPERM: rename 'a.new' -> 'b.jsonl'"],
    ["\\\\server\\share\\x.jsonl is gone", "x.jsonl is gone"],
    ["no route to redis://host:6379/0, either/or 5 / 3", "no route to redis://host:6379/0, either/or 5 / 3"],
  ])("of a failed store: %s", async (thrown, told) => {
    const store: SessionStore = {
      append: async () => undefined,
      load: () => Promise.reject(new Error(thrown)),
      list: async () => ({ sessions: [] }),
    };
    const error = await errorOf(open(store));
    expect((error as Error).message).toBe(`The store of the session failed: ${told}`);
    expect((error as Error).cause).toMatchObject({ message: thrown });
  });
});
