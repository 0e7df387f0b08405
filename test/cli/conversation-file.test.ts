/** `/save`: what was in the file before is there until the new conversation is. */

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMSession } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { afterAll, expect, it, vi } from "vitest";
import { saveConversation } from "../../src/cli/conversation-file.ts";

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return { ...fs, writeFile: vi.fn(fs.writeFile) };
});

const folder = mkdtempSync(join(tmpdir(), "cloudllm-save-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function sessionOf(...said: string[]): Promise<LLMSession> {
  const session = new LLMSession({ client: scriptedClient(() => ({ text: "Fine." })) });
  for (const text of said) await session.sendMessage(text);
  return session;
}

const firstIn = (file: string): unknown => JSON.parse(readFileSync(file, "utf8")).history[0].content;

it("keeps the earlier conversation when the disk is full, and leaves nothing beside it", async () => {
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

it.skipIf(process.platform === "win32")("writes where a link leads, and the link stays", async () => {
  const file = join(folder, "there.json");
  const link = join(folder, "link.json");
  await saveConversation(await sessionOf("one"), file);
  symlinkSync(file, link);
  await saveConversation(await sessionOf("two"), link);
  expect(firstIn(file)).toBe("two");
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
});

it("says why a folder is no file", async () => {
  const there = join(folder, "there");
  mkdirSync(there);
  await expect(saveConversation(await sessionOf("one"), there)).rejects.toThrow(/could not be saved: EISDIR/);
});
