/** A process that wakes up in the middle of a replacement, and has lost its lease: the new file of the next holder stays. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionRecord } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return { ...fs, renameSync: vi.fn(fs.renameSync) };
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cloudllm-lost-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const LEASE_MS = 90;
const record = (text: string): SessionRecord => ({ type: "text", text });

/** As if the holder ran on another machine, and had been silent for an hour. */
function fallSilent(): void {
  const lock = join(folder, "s.lock");
  writeFileSync(lock, JSON.stringify({ ...JSON.parse(readFileSync(lock, "utf8")), space: "another boot pid:[1]" }));
  const then = new Date(Date.now() - 3_600_000);
  utimesSync(lock, then, then);
}

/** Lets each sync of a file wait. Returns how many wait, and what lets the first of them go on. */
async function slowDisk() {
  const probe = await open(join(folder, "probe"), "w");
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  rmSync(join(folder, "probe"));
  const waiting: (() => void)[] = [];
  const { sync } = handles;
  vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return sync.call(this);
  });
  return { waiting, next: () => waiting.shift()?.() };
}

test("a conversation is cleared in the process that took it over, while the one that lost it cleans up after itself", async () => {
  const sleeper = new FileStore(folder, { leaseMs: 600_000 });
  await sleeper.append("s", [record("old")]);
  const disk = await slowDisk();
  const late = sleeper.replace("s", [record("late")]).catch((error: unknown) => error);
  await expect.poll(() => disk.waiting.length).toBe(1);
  fallSilent();
  const heir = new FileStore(folder, { leaseMs: LEASE_MS });
  await heir.claim("s");
  const replaced = heir.replace("s", [record("new")]);
  replaced.catch(() => undefined);
  await expect.poll(() => disk.waiting.length).toBe(2);
  disk.next();
  expect(await late).toMatchObject({ kind: "busy" });
  vi.restoreAllMocks();
  disk.next();
  await replaced;
  expect(await heir.load("s")).toEqual([record("new")]);
  await heir.release("s");
  expect(readdirSync(folder)).toEqual(["s.jsonl"]);
});

test("a process that stood still right before its rename does not put the next one's half-written file over the conversation", async () => {
  const sleeper = new FileStore(folder, { leaseMs: 600_000 });
  await sleeper.append("s", [record("old")]);
  const { renameSync: renamed } = await vi.importActual<typeof import("node:fs")>("node:fs");
  vi.mocked(renameSync).mockImplementationOnce((from, to) => {
    fallSilent();
    // The next holder is killed while it writes the new file.
    const program = `
      import { FileStore } from "cloudllm/store/file";
      const store = new FileStore(${JSON.stringify(folder)}, { leaseMs: ${LEASE_MS} });
      await store.append("s", [${JSON.stringify(record("said since"))}]);
      await store.replace("s", [{ type: "text", toJSON: () => process.kill(process.pid, "SIGKILL") }]);`;
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
    expect(signal).toBe("SIGKILL");
    renamed(from, to);
  });
  await expect(sleeper.replace("s", [record("late")])).rejects.toMatchObject({ kind: "busy" });
  const heir = new FileStore(folder, { leaseMs: LEASE_MS });
  expect(await heir.load("s")).toEqual([record("old"), record("said since")]);
  await heir.delete("s");
  expect(readdirSync(folder)).toEqual([]);
});
