/** A disk on which there is room for the name of a lock, and none for what it says. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMSession } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { scriptedClient } from "cloudllm/testing";
import { expect, test, vi } from "vitest";

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return { ...fs, writeFileSync: vi.fn(fs.writeFileSync) };
});

test("leaves no lock behind that says nothing, and the next may open the session", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-full-"));
  try {
    vi.mocked(writeFileSync).mockImplementationOnce(() => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    });
    const open = () => LLMSession.open({ client: scriptedClient([]), store: new FileStore(folder), id: "s" });
    await expect(open()).rejects.toMatchObject({ kind: "storage", message: expect.stringMatching(/no space left/) });
    expect(readdirSync(folder)).toEqual([]);
    await (await open()).close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
