/** Sessions in files: whatever is in the folder, however the last writer died. */

import { execFile } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LLMSession, type Tool } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { scriptedClient } from "cloudllm/testing";
import { afterAll, describe, expect, test } from "vitest";
import { historyFault } from "../session/legality.ts";

const root = mkdtempSync(join(tmpdir(), "cloudllm-store-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
/** A folder that is not there yet. */
const freshFolder = () => join(root, `${++folders}`);

const client = () => scriptedClient(() => ({ text: ["Fine", " – 好。"] }));
const look: Tool = { name: "look", run: () => "a bird 🐦" };

async function talk(folder: string, id: string, ...texts: string[]) {
  await using session = await LLMSession.open({ client: client(), store: new FileStore(folder), id });
  for (const text of texts) await session.sendMessage(text);
  return session.history;
}

async function historyOf(folder: string, id: string) {
  await using session = await LLMSession.open({ client: client(), store: new FileStore(folder), id });
  return session.history;
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const isWindows = process.platform === "win32";

describe("a session in a file", () => {
  test("continues where it ended, also in another process", async () => {
    const folder = freshFolder();
    const history = await talk(folder, "s", "one", "two");
    expect(await historyOf(folder, "s")).toEqual(plain(history));
    const program = `
      import { LLMSession } from "cloudllm";
      import { FileStore } from "cloudllm/store/file";
      import { scriptedClient } from "cloudllm/testing";
      const client = scriptedClient([{ text: "From afar." }]);
      const session = await LLMSession.open({ client, store: new FileStore(process.argv[1]), id: "s" });
      await session.sendMessage("three");
      await session.close();`;
    await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program, folder]);
    expect((await historyOf(folder, "s")).map(({ content }) => content).slice(4)).toEqual(["three", "From afar."]);
  });

  test.skipIf(isWindows)("is its owner's alone", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of ["s.jsonl", "s.title"]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test("leaves nothing behind but its file and its title; nothing at all when nothing was said", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    await talk(folder, "silent");
    expect(readdirSync(folder).sort()).toEqual(["s.jsonl", "s.title"]);
  });

  test("whose title cannot be kept is written and listed without one", async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, "s.title.new", "in the way"), { recursive: true });
    await talk(folder, "s", "one");
    const [listed] = (await new FileStore(folder).list()).sessions;
    expect({ id: listed?.id, title: listed?.title }).toEqual({ id: "s", title: undefined });
    expect(await historyOf(folder, "s")).toHaveLength(2);
  });

  test("is deleted with all that a crash has left of it", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    writeFileSync(join(folder, "s.title.new"), "o");
    await new FileStore(folder).delete("s");
    expect(readdirSync(folder)).toEqual([]);
  });

  test.skipIf(isWindows)(
    "is listed with its title, also when there are more than a process may open files",
    async () => {
      const folder = freshFolder();
      await talk(folder, "s0", "one");
      for (let number = 1; number < 300; number++) {
        for (const ending of ["jsonl", "title"]) {
          copyFileSync(join(folder, `s0.${ending}`), join(folder, `s${number}.${ending}`));
        }
      }
      const program = `
      import { FileStore } from "cloudllm/store/file";
      const { sessions } = await new FileStore(process.argv[1]).list({ limit: 1_000 });
      console.log(sessions.filter(({ title }) => title === "one").length);`;
      const command = 'ulimit -n 128 && exec "$0" --input-type=module -e "$1" "$2"';
      const { stdout } = await promisify(execFile)("sh", ["-c", command, process.execPath, program, folder]);
      expect(Number(stdout)).toBe(300);
    },
  );

  test("is a text that people can read: a line for what it is, then one a record", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    const lines = readFileSync(join(folder, "s.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { cloudllm: "session", version: 1 },
      { type: "said", messages: [{ content: "one" }] },
      { type: "end", stays: true, message: { content: "Fine – 好。" } },
    ]);
  });

  test("may wait for the disk each time", async () => {
    const folder = freshFolder();
    const store = new FileStore(folder, { fsync: true });
    const session = await LLMSession.open({ client: client(), store, id: "s" });
    await session.sendMessage("one");
    await session.close();
    expect(await historyOf(folder, "s")).toHaveLength(2);
  });

  test("is listed, the latest first; what is no session is not", async () => {
    const folder = freshFolder();
    expect(await new FileStore(folder).list()).toEqual({ sessions: [] });
    await talk(folder, "first", "one");
    await new Promise((resolve) => setTimeout(resolve, 20));
    await talk(folder, "Zweite Sitzung/…", "one");
    writeFileSync(join(folder, "Notes.jsonl"), "");
    writeFileSync(join(folder, "notes.txt"), "");
    const { sessions } = await new FileStore(folder).list();
    expect(sessions.map(({ id }) => id)).toEqual(["Zweite Sitzung/…", "first"]);
    expect(Date.now() - (sessions[0]?.updatedAt ?? 0)).toBeLessThan(60_000);
  });
});

describe("ids", () => {
  test.each([
    "..",
    ".",
    "../up",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:\\x",
    "a\0b",
    "con",
    "nul",
    "COM1",
    "a.jsonl",
    "~",
    "%2e%2e",
    "é",
    "é".normalize("NFD"),
    "名前",
    "a b",
    "-",
    "x".repeat(200),
  ])("%j stays in its folder, under a name of its own", async (id) => {
    const folder = join(freshFolder(), "inside");
    await talk(folder, id, "one");
    expect(readdirSync(join(folder, ".."))).toEqual(["inside"]);
    const [file = ""] = readdirSync(folder);
    expect(file).toMatch(/^[a-z0-9_%-]+\.jsonl$/);
    expect(file).not.toMatch(/^(con|nul|com1)\./);
    expect(await new FileStore(folder).list()).toMatchObject({ sessions: [{ id }] });
    expect(await historyOf(folder, id)).toHaveLength(2);
  });

  test("that differ only in case, or in how an accent is written, are two, on any system", async () => {
    const folder = freshFolder();
    for (const id of ["Work", "work", "é", "é".normalize("NFD")]) await talk(folder, id, id);
    expect(new Set(readdirSync(folder).map((name) => name.toLowerCase())).size).toBe(8); // each with its title
  });

  test.each([
    ["", /non-empty/],
    ["x".repeat(201), /too long/],
    ["好".repeat(30), /too long/],
    ["\ud800", /lone surrogate/],
  ])("%j is refused", async (id, message) => {
    const folder = freshFolder();
    await expect(talk(folder, id, "one")).rejects.toThrow(message);
    expect(existsSync(folder)).toBe(false);
  });
});

describe("a file", () => {
  /** A session with everything in it, and its bytes. */
  async function full() {
    const folder = freshFolder();
    const store = new FileStore(folder);
    const scripted = scriptedClient([
      { text: ["Fine", " – 好。"] },
      { steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }] },
      { text: "It is 🐦." },
      { text: "Half a 🐦", ending: "cut" },
    ]);
    const session = await LLMSession.open({ client: scripted, store, id: "s", flushIntervalMs: 0, systemPrompt: "…" });
    await session.sendMessage("one");
    await (await session.sendMessageStream("two", { tools: [look] })).finalMessage();
    await session.sendMessage("three").catch(() => undefined);
    await session.close();
    return { history: plain(session.history) as unknown[], bytes: readFileSync(join(folder, "s.jsonl")) };
  }

  test("that was torn anywhere opens again, as far as its lines are complete, and is written on", async () => {
    const { history, bytes } = await full();
    const folder = freshFolder();
    mkdirSync(folder);
    const file = join(folder, "s.jsonl");
    const { load, list } = storeOver(folder);
    const reader = { load, list, append: async () => undefined };
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(file, bytes.subarray(0, length));
      const { history: kept } = await LLMSession.open({ client: client(), store: reader, id: "s" });
      expect(historyFault(kept)).toBeUndefined();
      const whole = kept.filter((message) => !("interrupted" in message && message.interrupted));
      expect(history.slice(0, whole.length).map((m) => (m as { content: string }).content)).toEqual(
        whole.map(({ content, ...more }) => ("isError" in more ? "a bird 🐦" : content)),
      );
      if (length % 17 > 0) continue;
      expect(await talk(folder, "s", "and on")).toMatchObject([
        ...kept,
        { content: "and on" },
        { content: "Fine – 好。" },
      ]);
      expect(await historyOf(folder, "s")).toHaveLength(kept.length + 2);
    }
  });

  test.each<[string, (lines: string[]) => string | Buffer, RegExp]>([
    ["whose middle is not JSON", (lines) => lines.with(2, "{oops").join("\n"), /line 3 is not JSON/],
    ["whose middle is no record", (lines) => lines.with(2, "5").join("\n"), /line 3 is not a record/],
    ["whose middle is a record that is unknown", (lines) => lines.with(2, '{"type":"mood"}').join("\n"), /type "mood"/],
    ["whose middle was zeroed", (lines) => lines.with(2, "\0\0\0\0").join("\n"), /line 3 is not JSON/],
    [
      "whose middle is not UTF-8",
      (lines) => Buffer.concat([Buffer.from(`${lines[0]}\n"`), Buffer.from([0xff, 0xfe]), Buffer.from('"\n')]),
      /line 2 is not JSON/,
    ],
    ["that lacks its beginning", (lines) => lines.slice(1).join("\n"), /its first line/],
    ["of a later version", (lines) => lines.with(0, '{"cloudllm":"session","version":2}').join("\n"), /this version/],
    ["that is something else", () => '{"hello":"world"}\n', /its first line/],
  ])("%s is an error that names the place; the file is left as it was", async (_name, change, message) => {
    const { bytes } = await full();
    const folder = freshFolder();
    mkdirSync(folder);
    const file = join(folder, "s.jsonl");
    const damaged = change(bytes.toString("utf8").split("\n"));
    writeFileSync(file, damaged);
    await expect(historyOf(folder, "s")).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringMatching(message),
    });
    expect(readFileSync(file)).toEqual(Buffer.from(damaged));
    expect(readdirSync(folder)).toEqual(["s.jsonl"]);
  });

  test("that cannot be written fails the next send, and nothing is sent", async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, "s.jsonl"), { recursive: true });
    const scripted = client();
    const session = await LLMSession.open({
      client: scripted,
      store: { ...storeOver(folder), load: async () => [] },
      id: "s",
    });
    await expect(session.sendMessage("one")).rejects.toMatchObject({
      kind: "storage",
      message: expect.stringMatching(/EISDIR/),
    });
    expect(scripted.calls).toHaveLength(0);
  });
});

function storeOver(folder: string) {
  const store = new FileStore(folder);
  return {
    load: store.load.bind(store),
    append: store.append.bind(store),
    list: store.list.bind(store),
    claim: store.claim.bind(store),
    release: store.release.bind(store),
  };
}

test.each<readonly [name: string, folder: string, why: RegExp]>([
  // Where the system has such a place.
  ...(existsSync("/proc/self")
    ? ([["in which no folder can be made", "/proc/cloudllm/sessions", /ENOENT/]] as const)
    : []),
  ["that is a file", join(process.cwd(), "package.json"), /EEXIST/],
  ["below a file", join(process.cwd(), "package.json", "sessions"), /ENOTDIR|EEXIST/],
])("a folder %s is told at once", async (_name, folder, why) => {
  const opening = LLMSession.open({ client: client(), store: new FileStore(folder), id: "s" });
  await expect(opening).rejects.toMatchObject({ kind: "storage", message: expect.stringMatching(why) });
});

test("makes the folders above its own, for their owner alone", async () => {
  const folder = freshFolder();
  await talk(join(folder, "a", "b"), "s", "one");
  await talk(join(folder, "a", "b"), "t", "one");
  expect(readdirSync(join(folder, "a", "b")).sort()).toEqual(["s.jsonl", "s.title", "t.jsonl", "t.title"]);
  if (process.platform !== "win32") expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o700);
});

test("what stands after a failed write is cut by the next", async () => {
  const folder = freshFolder();
  await talk(folder, "s", "one");
  const file = join(folder, "s.jsonl");
  const before = readFileSync(file);
  appendFileSync(file, '{"type":"said","mess');
  expect(await historyOf(folder, "s")).toHaveLength(2);
  await talk(folder, "s", "two");
  const after = readFileSync(file);
  expect(after.subarray(0, before.length)).toEqual(before);
  expect(await historyOf(folder, "s")).toHaveLength(4);
});

describe("the end of a file", () => {
  const ended = (text: string) => text.replace(/\n$/, "");

  test("a last record that lacks only its line feed is kept, and written on", async () => {
    const folder = freshFolder();
    const history = await talk(folder, "s", "one");
    const file = join(folder, "s.jsonl");
    writeFileSync(file, ended(readFileSync(file, "utf8")));
    expect(await historyOf(folder, "s")).toEqual(plain(history));
    await talk(folder, "s", "two");
    expect((await historyOf(folder, "s")).map(({ content }) => content)).toEqual([
      "one",
      "Fine – 好。",
      "two",
      "Fine – 好。",
    ]);
  });

  test("a file whose line ends a tool has turned into CRLF is written on", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    const file = join(folder, "s.jsonl");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("\n", "\r\n"));
    await talk(folder, "s", "two");
    const session = await LLMSession.open({ client: client(), store: new FileStore(folder), id: "s" });
    expect(session.history.filter(({ role }) => role === "user")).toHaveLength(2);
    await session.close();
  });

  test("a header that lacks only its line feed is one", async () => {
    const folder = freshFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, "s.jsonl"), '{"cloudllm":"session","version":1}');
    expect(await talk(folder, "s", "one")).toHaveLength(2);
    expect(await historyOf(folder, "s")).toHaveLength(2);
  });

  test.each([
    ["a text without a line feed", () => "my notes"],
    ["a JSON document without a line feed", () => '{"hello":"world"}'],
    ["zeros", () => "\0\0\0\0"],
    ["a later version's header without a line feed", () => '{"cloudllm":"session","version":2}'],
    ["a session with a text at its end", (session: string) => `${session}my notes`],
    ["a session with half of a foreign document at its end", (session: string) => `${session}{"hello":"wor`],
    ["a session with a foreign document at its end", (session: string) => `${session}{"hello":"world"}`],
  ])("%s is an error and stays as it is, also when it is only written to", async (_name, contentOf) => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    const file = join(folder, "s.jsonl");
    const content = contentOf(readFileSync(file, "utf8"));
    writeFileSync(file, content);
    await expect(talk(folder, "s", "two")).rejects.toMatchObject({ kind: "storage" });
    const store = new FileStore(folder);
    const appended = store.append("s", [{ type: "prompt" }]);
    if (!content.endsWith("}") || content.startsWith('{"hello"') || content.includes('"version":2')) {
      await expect(appended).rejects.toMatchObject({ kind: "storage", message: expect.not.stringContaining(folder) });
      expect(readFileSync(file, "utf8")).toBe(content);
    } else await appended;
    await store.release("s");
    expect(readFileSync(file, "utf8").startsWith(content)).toBe(true);
  });

  test("zeros that a power cut left in the place of a record are cut", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    appendFileSync(join(folder, "s.jsonl"), '{"type":"said"\0\0\0');
    expect(await talk(folder, "s", "two")).toHaveLength(4);
    expect(await historyOf(folder, "s")).toHaveLength(4);
  });
});

describe("a file that changes under an open session", () => {
  test.each<[string, (file: string, folder: string) => void]>([
    ["deleted", (file) => rmSync(file)],
    ["deleted with its folder", (_file, folder) => rmSync(folder, { recursive: true })],
    [
      "replaced",
      (file) => {
        const bytes = readFileSync(file);
        writeFileSync(`${file}.other`, bytes);
        renameSync(`${file}.other`, file);
      },
    ],
    ["written to by another program", (file) => appendFileSync(file, '{"type":"prompt"}\n')],
    ["cut", (file) => truncateSync(file, 60)],
  ])("%s: the next append fails and says so", async (_name, change) => {
    const folder = freshFolder();
    const session = await LLMSession.open({ client: client(), store: new FileStore(folder), id: "s" });
    await session.sendMessage("one");
    const file = join(folder, "s.jsonl");
    change(file, folder);
    const there = existsSync(file) ? readFileSync(file) : undefined;
    const failure = await session
      .sendMessage("two")
      .then(() => session.close())
      .catch((error) => error);
    expect(["storage", "busy"]).toContain(failure?.kind);
    expect(failure.message).not.toContain(folder);
    expect(existsSync(file) ? readFileSync(file) : undefined).toEqual(there);
    await session.close().catch(() => undefined);
  });

  test("that its own store made and then could not replace is still written to", async () => {
    const folder = freshFolder();
    const store = new FileStore(folder);
    const record = { type: "prompt", systemPrompt: "?" } as const;
    await store.append("s", [record]);
    mkdirSync(join(folder, "s.jsonl.new", "in the way"), { recursive: true });
    await expect(store.replace("s", [])).rejects.toThrow();
    await store.append("s", [record]);
    expect(await store.load("s")).toEqual([record, record]);
    await store.release("s");
  });

  test("deleted before the first record of an opened session: its history is not lost without a word", async () => {
    const folder = freshFolder();
    await talk(folder, "s", "one");
    const session = await LLMSession.open({ client: client(), store: new FileStore(folder), id: "s" });
    rmSync(join(folder, "s.jsonl"));
    const failure = await session
      .sendMessage("two")
      .then(() => session.close())
      .catch((error) => error);
    expect(failure).toMatchObject({ kind: "storage", message: expect.stringContaining("deleted or replaced") });
    await session.close().catch(() => undefined);
  });
});
