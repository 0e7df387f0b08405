/** Chats that are kept from one run of the command to the next. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServerReply, startProviderServer } from "cloudllm/testing";
import { afterAll, describe, expect, test } from "vitest";
import { sessionsFolder } from "../../src/cli/commands/sessions.ts";
import { command, start } from "./command.ts";

const root = mkdtempSync(join(tmpdir(), "cloudllm-kept-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const freshFolder = () => join(root, `${++folders}`);

interface Body {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

async function chat(folder: string, replies: readonly ServerReply[], lines: readonly string[], ...args: string[]) {
  await using server = await startProviderServer(replies);
  const result = await command(["chat", "--base-url", server.baseUrl, "--model", "m", "-q", ...args], {
    stdin: lines.map((line) => `${line}\n`).join(""),
    env: { CLOUDLLM_SESSIONS: folder },
  });
  const requests = server.requests.map(({ body }) =>
    (body as Body).messages.map(({ role, content }) => `${role}: ${content}`),
  );
  return { ...result, requests };
}

const list = (folder: string) => command(["sessions"], { env: { CLOUDLLM_SESSIONS: folder } });

describe("a chat with a name", () => {
  test("continues where it ended, with its system prompt", async () => {
    const folder = freshFolder();
    await chat(folder, [{ text: "A" }], ["a"], "--session", "work", "--system", "Be kind.");
    const { requests, stderr, code } = await chat(folder, [{ text: "B" }], ["b"], "--session", "work");
    expect(requests).toEqual([["system: Be kind.", "user: a", "assistant: A", "user: b"]]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(readdirSync(folder).sort()).toEqual(["work.jsonl", "work.title"]);
  });

  test("continues after it was killed in the middle of a reply", async () => {
    const folder = freshFolder();
    await using server = await startProviderServer([{ text: ["Well", ", "], ending: "hang" }]);
    const running = start(["chat", "--base-url", server.baseUrl, "-m", "m", "--session", "work"], {
      CLOUDLLM_SESSIONS: folder,
    });
    running.process.stdin.write("a\n");
    await running.said("Well, ");
    const file = join(folder, "work.jsonl");
    while (!readFileSync(file, "utf8").includes("Well, ")) await new Promise((resolve) => setTimeout(resolve, 10));
    running.process.kill("SIGKILL");
    await running.finished;
    const { requests } = await chat(folder, [{ text: "B" }], ["b"], "--session", "work");
    expect(requests).toEqual([["user: a", "assistant: Well, ", "user: b"]]);
  });

  test("/retry asks again what had no answer, also in the next run", async () => {
    const folder = freshFolder();
    await chat(folder, [{ refusal: { status: 400 } }], ["a"], "--session", "work");
    const { requests } = await chat(folder, [{ text: "A" }], ["/retry"], "--session", "work");
    expect(requests).toEqual([["user: a"]]);
  });

  test("keeps what /clear, /load and a /retry in vain made of it", async () => {
    const folder = freshFolder();
    const file = join(root, "talk.json");
    await chat(folder, [{ text: "A" }], ["a", `/save ${file}`, "/clear"], "--session", "work");
    const cleared = await chat(folder, [{ text: "B" }], ["b", `/load ${file}`], "--session", "work");
    expect(cleared.requests).toEqual([["user: b"]]);
    const loaded = await chat(folder, [{ refusal: { status: 400 } }], ["/retry"], "--session", "work");
    expect(loaded.requests).toEqual([["user: a"]]);
    expect(loaded.stderr).toMatch(/The earlier answer stays/);
    const { requests } = await chat(folder, [{ text: "C" }], ["c"], "--session", "work");
    expect(requests).toEqual([["user: a", "assistant: A", "user: c"]]);
  });

  test("has nothing in its file of what /clear forgot, or says that it has", async () => {
    const folder = freshFolder();
    const words = "my own words";
    await chat(folder, [{ text: "A" }], [words, "/clear"], "--session", "work");
    expect(readFileSync(join(folder, "work.jsonl"), "utf8")).not.toContain(words);
    mkdirSync(join(folder, "work.jsonl.new", "in the way"), { recursive: true });
    const { stderr, stdout, code } = await chat(folder, [{ text: "A" }], [words, "/clear"], "--session", "work");
    expect(stderr).toContain(
      "The conversation is cleared here, but not yet in its file. The store of the session failed",
    );
    expect(stdout).toBe("A\n");
    expect(stderr).not.toContain(folder);
    expect(code).toBe(1);
  });

  test("is one process's at a time", async () => {
    const folder = freshFolder();
    await using server = await startProviderServer(() => ({ text: "OK" }));
    const env = { CLOUDLLM_SESSIONS: folder };
    const first = start(["chat", "--base-url", server.baseUrl, "-m", "m", "--session", "work"], env);
    first.process.stdin.write("a\n");
    await first.said("OK");
    const second = await chat(folder, [], ["b"], "--session", "work");
    expect(second).toMatchObject({ stdout: "", code: 1 });
    expect(second.stderr).toMatch(/^cloudllm: The session "work" is open in the process \d+\. .*\n$/);
    first.process.stdin.end();
    expect((await first.finished).code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["work.jsonl", "work.title"]);
  });

  test("whose file is damaged says so and leaves it alone", async () => {
    const folder = freshFolder();
    await chat(folder, [{ text: "A" }], ["a"], "--session", "work");
    const file = join(folder, "work.jsonl");
    const damaged = readFileSync(file, "utf8").replace('{"type":"said"', '{"type":said');
    writeFileSync(file, damaged);
    const { stderr, code } = await chat(folder, [], ["b"], "--session", "work");
    expect(stderr).toMatch(/work\.jsonl is damaged: line 2 is not JSON/);
    expect(code).toBe(1);
    expect(readFileSync(file, "utf8")).toBe(damaged);
    expect((await list(folder)).stdout).toMatch(/^work .*damaged: line 2/);
  });
});

describe("a chat without a name", () => {
  test("is kept under the moment in which it began, one file for each", async () => {
    const folder = freshFolder();
    await chat(folder, [{ text: "A" }], ["first"]);
    await chat(folder, [{ text: "B" }], ["second"]);
    await chat(folder, [], ["/help"]);
    const { stdout, stderr, code } = await list(folder);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines)
      expect(line).toMatch(/^\d{4}-\d\d-\d\d-\d{4}(-2)? +\d{4}-\d\d-\d\d \d\d:\d\d {2}(first|second)$/);
    const name = lines.find((line) => line.endsWith("first"))?.split(" ")[0] ?? "";
    const { requests } = await chat(folder, [{ text: "C" }], ["third"], "--session", name);
    expect(requests).toEqual([["user: first", "assistant: A", "user: third"]]);
    expect((await list(folder)).stdout).toMatch(/^\S+ .* first\n/); // the latest first
  });

  test("continues where nothing can be kept, and says so", async () => {
    const file = join(root, "no-folder");
    writeFileSync(file, "");
    const { stdout, stderr, code } = await chat(file, [{ text: "A" }], ["a"]);
    expect(stdout).toBe("A\n");
    expect(stderr).toMatch(/^This conversation is not kept: .*EEXIST|ENOTDIR/);
    expect(code).toBe(0);
  });

  test("is kept nowhere with --ephemeral", async () => {
    const folder = freshFolder();
    expect((await chat(folder, [{ text: "A" }], ["a"], "--ephemeral")).stdout).toBe("A\n");
    expect(existsSync(folder)).toBe(false);
  });
});

describe("sessions", () => {
  test("says where it looked when there are none", async () => {
    const folder = freshFolder();
    expect(await list(folder)).toEqual({ stdout: "", stderr: `There are no sessions in ${folder}.\n`, code: 0 });
    expect(existsSync(folder)).toBe(false);
  });

  test("shows long and odd beginnings in one line", async () => {
    const folder = freshFolder();
    await chat(folder, [{ text: "A" }], ['"""', "\x1b[31mred", "two", "word ".repeat(40), '"""'], "--session", "a/ b");
    const { stdout } = await list(folder);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout).toMatch(/^a\/ b {2}.* ␛\[31mred two word word .*…\n$/);
    expect(stdout).not.toContain("\x1b");
  });

  test.each([
    [["sessions", "more"], /takes no arguments/],
    [["sessions", "--session", "x"], /are for a chat/],
    [["--session", "x", "question"], /are for a chat/],
    [["--ephemeral", "question"], /are for a chat/],
    [["chat", "--session", ""], /--session is empty/],
    [["chat", "--session", "x", "--ephemeral"], /give one of them/],
  ])("%j is not understood", async (args, message) => {
    const { stderr, code } = await command(args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("a question about sessions is a question", async () => {
    await using server = await startProviderServer([{ text: "A kind of meeting." }]);
    const { stdout } = await command(["--base-url", server.baseUrl, "-m", "m", "-q", "--", "sessions"]);
    expect(stdout).toBe("A kind of meeting.\n");
  });

  test.skipIf(process.platform === "win32")("are for their owner's eyes only", async () => {
    const folder = freshFolder();
    await chat(folder, [{ text: "A" }], ["a"], "--session", "work");
    expect([statSync(folder).mode & 0o777, statSync(join(folder, "work.jsonl")).mode & 0o777]).toEqual([0o700, 0o600]);
  });
});

test.each<[string, NodeJS.ProcessEnv, NodeJS.Platform, string | RegExp]>([
  ["what CLOUDLLM_SESSIONS says", { CLOUDLLM_SESSIONS: "/x", XDG_DATA_HOME: "/y" }, "linux", "/x"],
  ["the user's data folder", { XDG_DATA_HOME: "/y" }, "linux", join("/y", "cloudllm", "sessions")],
  ["that folder by its usual name", {}, "linux", /\.local.share.cloudllm.sessions$/],
  ["not relative to wherever we are", { XDG_DATA_HOME: "y" }, "linux", /\.local.share.cloudllm.sessions$/],
  ["the roaming folder on Windows", { APPDATA: "/r" }, "win32", join("/r", "cloudllm", "sessions")],
  ["that folder by its usual name on Windows", {}, "win32", /AppData.Roaming.cloudllm.sessions$/],
  ["the library on macOS", {}, "darwin", /Library.Application Support.cloudllm.sessions$/],
])("the folder is %s", (_name, env, platform, folder) => {
  if (typeof folder === "string") expect(sessionsFolder(env, platform)).toBe(folder);
  else expect(sessionsFolder(env, platform)).toMatch(folder);
});

test.each([
  ["is not JSON", "{oops\n"],
  [
    "holds records of odd shapes",
    '{"cloudllm":"session","version":1}\n{"type":"said","messages":[null]}\n{"type":"said","messages":5}\n',
  ],
  ["holds a record without a history", '{"cloudllm":"session","version":1}\n{"type":"saved","session":null}\n'],
  ["is foreign", "notes"],
])("a session that %s does not hide the others", async (_name, text) => {
  const folder = freshFolder();
  await chat(folder, [{ text: "A" }], ["hello there"], "--session", "good");
  writeFileSync(join(folder, "bad.jsonl"), text);
  const { stdout, code } = await list(folder);
  expect(stdout).toMatch(/^bad .*\(/m);
  expect(stdout).toMatch(/^good .*hello there/m);
  expect(code).toBe(0);
});
