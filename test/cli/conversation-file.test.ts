/** `/save`: what was in the file before is there until the new conversation is. */

import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LLMSession } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { afterAll, expect, test, vi } from "vitest";
import { saveConversation } from "../../src/cli/conversation-file.ts";

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return { ...fs, writeFile: vi.fn(fs.writeFile), readFile: vi.fn(fs.readFile) };
});

const folder = mkdtempSync(join(tmpdir(), "cloudllm-save-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function sessionOf(...said: string[]): Promise<LLMSession> {
  const session = new LLMSession({ client: scriptedClient(() => ({ text: "Fine." })) });
  for (const text of said) await session.sendMessage(text);
  return session;
}

const firstIn = (file: string): unknown => JSON.parse(readFileSync(file, "utf8")).history[0].content;

test("keeps the earlier conversation when the disk is full, and leaves nothing next to it", async () => {
  const file = join(folder, "full.json");
  await saveConversation(await sessionOf("one"), file);
  vi.mocked(writeFile).mockImplementationOnce(async (path) => {
    writeFileSync(String(path), '{"version":1,"hist');
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  });
  await expect(saveConversation(await sessionOf("two"), file)).rejects.toThrow(/could not be saved: ENOSPC/);
  expect(firstIn(file)).toBe("one");
  expect(readdirSync(folder)).toEqual(["full.json"]);
});

test.skipIf(process.platform === "win32")("writes where a link leads, and the link stays", async () => {
  const file = join(folder, "there.json");
  const link = join(folder, "link.json");
  await saveConversation(await sessionOf("one"), file);
  symlinkSync(file, link);
  await saveConversation(await sessionOf("two"), link);
  expect(firstIn(file)).toBe("two");
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
});

test("says why a folder is no file", async () => {
  const there = join(folder, "there");
  mkdirSync(there);
  await expect(saveConversation(await sessionOf("one"), there)).rejects.toThrow(/could not be saved: EISDIR/);
});

test("leaves a file of a later version as it is", async () => {
  const file = join(folder, "later.json");
  writeFileSync(file, '{"version":2,"history":[]}');
  await expect(saveConversation(await sessionOf("one"), file)).rejects.toThrow(/not overwritten/);
  expect(readFileSync(file, "utf8")).toBe('{"version":2,"history":[]}');
});

test.skipIf(process.platform === "win32")("makes a file that others could read its owner's alone", async () => {
  const file = join(folder, "open.json");
  await saveConversation(await sessionOf("one"), file);
  chmodSync(file, 0o666);
  await saveConversation(await sessionOf("two"), file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test.skipIf(process.platform === "win32")("follows no link that waits where the draft would be", async () => {
  const victim = join(folder, "victim.txt");
  writeFileSync(victim, "mine");
  const file = join(folder, "planted.json");
  let draft = "";
  vi.mocked(writeFile).mockImplementationOnce(async (path, text, options) => {
    draft = String(path);
    symlinkSync(victim, draft);
    const { writeFile: write } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
    await write(path, text, options);
  });
  await expect(saveConversation(await sessionOf("one"), file)).rejects.toThrow(/EEXIST/);
  expect(readFileSync(victim, "utf8")).toBe("mine");
  await saveConversation(await sessionOf("one"), file);
  expect(draft).toMatch(/[0-9a-f-]{36}/);
});

/** Only root may give a link to somebody else. */
test.skipIf(process.getuid?.() !== 0)("follows no link that another user has made", async () => {
  const victim = join(folder, "theirs.txt");
  writeFileSync(victim, "");
  const link = join(folder, "theirs.json");
  symlinkSync(victim, link);
  lchownSync(link, 12_345, 12_345);
  await expect(saveConversation(await sessionOf("one"), link)).rejects.toThrow(/another user/);
  expect(readFileSync(victim, "utf8")).toBe("");
});

test("a file that cannot be read is not taken for none, and stays", async () => {
  const file = join(folder, "unreadable.json");
  writeFileSync(file, "mine");
  vi.mocked(readFile).mockRejectedValueOnce(Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" }));
  await expect(saveConversation(await sessionOf("one"), file)).rejects.toThrow(/could not be saved: EACCES/);
  expect(readFileSync(file, "utf8")).toBe("mine");
});

test.skipIf(process.platform === "win32")("a pipe gets the conversation, and is not read from first", async () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const read = promisify(execFile)("cat", [pipe]);
  await saveConversation(await sessionOf("one"), pipe);
  expect(JSON.parse((await read).stdout)).toHaveProperty("version");
});
