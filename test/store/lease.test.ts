/** One writer for a session: among stores, processes, process namespaces and machines, whatever the clocks say. */

import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { LLMSession, type SessionRecord } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { takeLease } from "../../src/store/file/lease.ts";
import { LogFile } from "../../src/store/file/log-file.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cloudllm-lease-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const LEASE_MS = 90;
/** Renews so rarely that it is silent for the whole of a test. */
const silentStore = () => new FileStore(folder, { leaseMs: 600_000 });
const quickStore = () => new FileStore(folder, { leaseMs: LEASE_MS });

const lock = () => join(folder, "s.lock");
const lockText = () => readFileSync(lock(), "utf8");
const record = { type: "prompt", systemPrompt: "?" } as const;

/** A lock as a process elsewhere would have written it: another container, another machine. */
function writeForeignLock(ageMs: number): string {
  const text = JSON.stringify({ token: "another", pid: process.pid, host: hostname(), space: "another boot pid:[1]" });
  writeFileSync(lock(), text);
  age(ageMs);
  return text;
}

function age(ageMs: number): void {
  const then = new Date(Date.now() - ageMs);
  utimesSync(lock(), then, then);
}

/** As if the holder ran where its process cannot be looked up. */
function moveElsewhere(): void {
  writeFileSync(lock(), JSON.stringify({ ...JSON.parse(lockText()), space: "another boot pid:[1]" }));
}

/** Whether another holder than the one with this text has the lock. Its file may be removed at any moment. */
function isTakenFrom(text: string): boolean {
  try {
    return lockText() !== text;
  } catch {
    return false;
  }
}

const newFile = () => readdirSync(folder).find((name) => name.endsWith(".new")) ?? "";

const busy = (message = /./) => ({ kind: "busy", message: expect.stringMatching(message) });

describe("in one process space", () => {
  test("one session in this process has the file, through whichever store", async () => {
    const client = scriptedClient(() => ({ text: "Fine." }));
    const open = () => LLMSession.open({ client, store: new FileStore(folder), id: "s" });
    const session = await open();
    const failure = await open().catch((error) => error);
    expect(failure).toMatchObject(busy(/^The session "s" is open in this process\./));
    expect(failure.message).not.toContain(folder);
    await session.close();
    await (await open()).close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("one process has the file; others are reported who, and may still read", async () => {
    const store = new FileStore(folder);
    await store.append("s", [record]);
    const program = `
      import { FileStore } from "cloudllm/store/file";
      const store = new FileStore(process.argv[1]);
      await store.claim("s").then(() => console.log("mine"), (error) => console.log(error.kind, error.message));
      console.log((await store.load("s")).length);`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program, folder]);
    expect(stdout).toMatch(new RegExp(`^busy The session "s" is open in the process ${process.pid}\\..*\n1\n$`));
    await store.release("s");
  });

  const ownLock = async (holder: object) => {
    const store = new FileStore(folder);
    await store.claim("s");
    const text = JSON.stringify({ ...JSON.parse(lockText()), ...holder });
    await store.release("s");
    return text;
  };

  test.each([
    ["of a process that has ended", async () => ownLock({ pid: await deadPid(), token: "dead" })],
    ["that was never written to its end", async () => '{"pid":'],
    ["that is empty", async () => ""],
  ])("a lease %s does not hold", async (_name, contentOf) => {
    const text = await contentOf();
    writeFileSync(lock(), text);
    await quickStore().claim("s");
    expect(lockText()).not.toBe(text);
  });

  test.each([
    ["an older version, whose process runs", () => ({ pid: process.pid, host: hostname(), startedAt: 1 })],
    ["a later version, which names its holder otherwise", () => ({ version: 9, owner: { process: "?" } })],
  ])("a lease in the words of %s holds", async (_name, holder) => {
    const text = JSON.stringify(holder());
    writeFileSync(lock(), text);
    await expect(new FileStore(folder).claim("s")).rejects.toMatchObject(busy());
    expect(lockText()).toBe(text);
  });

  test("a lease in the words of a later version falls once it is not renewed any more", async () => {
    writeFileSync(lock(), JSON.stringify({ version: 9 }));
    age(60_000);
    const store = quickStore();
    await store.append("s", [record]);
    await store.release("s");
  });

  const inTheWay: readonly (readonly [string, (path: string) => void])[] = [
    ["a link that leads nowhere", (path) => symlinkSync(join(folder, "nowhere"), path)],
    ["a link to a foreign file", (path) => symlinkSync(join(folder, "s.jsonl"), path)],
    ["a folder", (path) => mkdirSync(path)],
  ];
  test.each(inTheWay)("%s in the place of the lease learns of, and left", async (_name, put) => {
    put(lock());
    const failure = await quickStore()
      .claim("s")
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "storage", message: expect.stringContaining("s.lock is not a file") });
    expect(lstatSync(lock()).isFile()).toBe(false);
  });

  test.skipIf(process.platform !== "linux")(
    "a killed process whose parent never asks for its exit holds no lease, as in a container without an init",
    async () => {
      const program = `
        import { FileStore } from "cloudllm/store/file";
        await new FileStore(process.argv[1]).append("s", [{ type: "prompt", systemPrompt: "?" }]);
        console.log(process.pid);
        setInterval(() => 0, 1_000);`;
      const shell = '"$@" & exec sleep 60';
      const node = [process.execPath, "--input-type=module", "-e", program, folder];
      const parent = spawn("sh", ["-c", shell, "sh", ...node], { stdio: ["ignore", "pipe", "inherit"] });
      try {
        const [line] = (await once(parent.stdout, "data")) as [Buffer];
        await expect(quickStore().claim("s")).rejects.toMatchObject(busy());
        process.kill(Number(line), "SIGKILL");
        const stat = () => readFileSync(`/proc/${Number(line)}/stat`, "utf8");
        await vi.waitFor(() => expect(stat()).toMatch(/\) Z /));
        const heir = silentStore();
        await heir.claim("s");
        await heir.release("s");
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  test("the lease of a worker thread holds while it lives, and falls after it was terminated", async () => {
    const program = `
      const { parentPort, workerData } = require("node:worker_threads");
      import("cloudllm/store/file").then(async ({ FileStore }) => {
        const store = new FileStore(workerData, { leaseMs: 300 });
        await store.append("s", [{ type: "prompt", systemPrompt: "?" }]);
        parentPort.postMessage("mine");
        setInterval(() => {}, 1000);
      });`;
    const worker = new Worker(program, { eval: true, workerData: folder });
    await once(worker, "message");
    const store = new FileStore(folder, { leaseMs: 300 });
    await expect(store.claim("s")).rejects.toMatchObject(busy(/this process/));
    await worker.terminate();
    age(60_000);
    await store.append("s", [record]);
    expect(await store.load("s")).toHaveLength(2);
    await store.release("s");
  });

  test.skipIf(process.platform !== "linux")("an earlier process with the same number does not hold it", async () => {
    writeFileSync(lock(), await ownLock({ startTime: "1", token: "earlier" }));
    await new FileStore(folder).claim("s");
    expect(JSON.parse(lockText()).token).not.toBe("earlier");
  });

  test.skipIf(process.platform !== "linux").each([
    ["forward", -86_400_000],
    ["back", 86_400_000],
  ])("a clock that jumps %s takes it from nobody", async (_name, jump) => {
    const store = silentStore();
    await store.append("s", [record]);
    age(-jump);
    await expect(quickStore().claim("s")).rejects.toMatchObject(busy());
    await store.append("s", [record]);
    await store.release("s");
  });

  test("of many that find a dead one at once, one has it", async () => {
    for (let round = 0; round < 20; round++) {
      writeFileSync(lock(), await ownLock({ pid: await deadPid(), token: "dead" }));
      const stores = Array.from({ length: 8 }, () => new FileStore(folder));
      const outcomes = await Promise.allSettled(stores.map((store) => store.claim("s")));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      await Promise.all(stores.map((store) => store.release("s")));
    }
  });
});

describe("a holder that cannot be looked up", () => {
  test("holds while its last renewal is recent", async () => {
    const text = writeForeignLock(0);
    await expect(new FileStore(folder).claim("s")).rejects.toMatchObject(busy(/lease/));
    expect(lockText()).toBe(text);
  });

  test.each([
    ["long ago", 3_600_000],
    ["in the future, by its clock", -3_600_000],
  ])("loses it after a lease without renewal, when it was last renewed %s", async (_name, ageMs) => {
    writeForeignLock(ageMs);
    await quickStore().claim("s");
    expect(JSON.parse(lockText()).token).not.toBe("another");
  });

  test("keeps it when it renews while another watches, however far its clock is off", async () => {
    const text = writeForeignLock(3_600_000);
    const claimed = new FileStore(folder, { leaseMs: 600 }).claim("s").then(
      () => "mine",
      (error) => error.kind,
    );
    const renewing = setInterval(age, 50, -7_200_000); // the other may look late on a busy machine
    expect(await claimed).toBe("busy");
    clearInterval(renewing);
    expect(lockText()).toBe(text);
  });

  test("a live store renews: no process takes over while it is idle", async () => {
    const store = quickStore();
    await store.append("s", [record]);
    moveElsewhere();
    const before = statSync(lock()).mtimeMs;
    await expect.poll(() => statSync(lock()).mtimeMs).toBeGreaterThan(before);
    await expect(quickStore().claim("s")).rejects.toMatchObject(busy());
    await store.release("s");
  });
});

test("a holder whose folder was deleted is not told only of another process, which there is not", async () => {
  const store = silentStore();
  await store.append("s", [record]);
  rmSync(folder, { recursive: true });
  await expect(store.append("s", [record])).rejects.toMatchObject(busy(/or its lease \(s\.lock\) was deleted/));
  await store.release("s");
});

describe("a holder that was silent, lost the lease, and wakes up", () => {
  async function takenOver() {
    const sleeper = silentStore();
    await sleeper.append("s", [record]);
    moveElsewhere();
    age(3_600_000);
    const heir = quickStore();
    await heir.append("s", [{ type: "prompt", systemPrompt: "heir" }]);
    return { sleeper, heir };
  }

  test("cannot write: the store refuses it by the token", async () => {
    const { sleeper, heir } = await takenOver();
    await expect(sleeper.append("s", [record])).rejects.toMatchObject(busy(/taken over/));
    await expect(sleeper.replace("s", [record])).rejects.toMatchObject(busy(/taken over/));
    expect(await heir.load("s")).toEqual([record, { type: "prompt", systemPrompt: "heir" }]);
  });

  test("reports the takeover, not a deleted file, when it had not written yet", async () => {
    const sleeper = silentStore();
    await sleeper.append("s", [record]);
    await sleeper.release("s");
    await sleeper.claim("s");
    moveElsewhere();
    age(3_600_000);
    const heir = quickStore();
    await heir.append("s", [record]);
    await expect(sleeper.append("s", [record])).rejects.toMatchObject(busy(/taken over/));
    expect(await heir.load("s")).toEqual([record, record]);
  });

  test("reports so when it stood still in the middle of an append", async () => {
    const store = silentStore();
    await store.append("s", [record]);
    const write = vi.spyOn(LogFile.prototype, "append").mockImplementation(async () => {
      writeFileSync(lock(), JSON.stringify({ ...JSON.parse(lockText()), token: "another" }));
    });
    await expect(store.append("s", [record])).rejects.toMatchObject(busy(/taken over/));
    write.mockRestore();
  });

  test("does not put its forgotten session over another's file, though it stood still in the middle", async () => {
    const store = silentStore();
    await store.append("s", [record]);
    const file = readFileSync(join(folder, "s.jsonl"), "utf8");
    const slow = record as { type: "prompt"; systemPrompt: string };
    const stopping = {
      ...slow,
      toJSON: () => {
        writeFileSync(lock(), JSON.stringify({ ...JSON.parse(lockText()), token: "another" }));
        return slow;
      },
    };
    await expect(store.replace("s", [stopping])).rejects.toMatchObject(busy(/taken over/));
    expect(readFileSync(join(folder, "s.jsonl"), "utf8")).toBe(file);
    expect(readdirSync(folder).sort()).toEqual(["s.jsonl", "s.lock"]);
  });

  test.each<[string, () => void, string]>([
    ["the new file", () => rmSync(join(folder, newFile())), "storage"],
    ["the folder", () => rmSync(folder, { recursive: true }), "busy"],
  ])("says so when another program takes %s away while it is replaced", async (_what, takeAway, kind) => {
    const store = silentStore();
    await store.append("s", [record]);
    const taking = { ...record, toJSON: () => takeAway() ?? record };
    await expect(store.replace("s", [taking])).rejects.toMatchObject({ name: "SendError", kind });
  });

  test("says so when the folder is taken away before the new file is there", async () => {
    const store = silentStore();
    await store.append("s", [record]);
    const { close: closed } = LogFile.prototype;
    const close = vi.spyOn(LogFile.prototype, "close").mockImplementation(async function (this: LogFile) {
      await closed.call(this);
      rmSync(folder, { recursive: true });
    });
    await expect(store.replace("s", [record])).rejects.toMatchObject({ name: "SendError", kind: "busy" });
    close.mockRestore();
  });

  test("says so when the folder is taken away before its lease is there", async () => {
    const taken = takeLease(join(folder, "away", "s.lock"), "The session", LEASE_MS);
    await expect(taken).rejects.toMatchObject({ name: "SendError", kind: "storage" });
  });

  test("does not undo what the next session has appended, by a replacement that was given up in the middle", async () => {
    const next: SessionRecord = { type: "prompt", systemPrompt: "next" };
    const store = silentStore();
    await store.append("s", [record]);
    let appended: Promise<void> | undefined;
    const slow = {
      ...record,
      toJSON: () => {
        appended ??= store.release("s").then(() => store.append("s", [next]));
        return record;
      },
    };
    await expect(store.replace("s", [slow, slow])).rejects.toMatchObject({ name: "SendError" });
    await appended;
    expect(await store.load("s")).toEqual([record, next]);
    await store.release("s");
  });

  test("does not replace another's file, though it stood still while it took the session over", async () => {
    const path = join(folder, "s.jsonl");
    const first = silentStore();
    await first.append("s", [record]);
    const { ino } = statSync(path);
    moveElsewhere();
    age(3_600_000);
    const before = lockText();
    let isClaiming = true;
    const claimed = quickStore()
      .claim("s")
      .finally(() => {
        isClaiming = false;
      });
    claimed.catch(() => undefined);
    while (isClaiming && !isTakenFrom(before)) await nextTurn();
    writeForeignLock(0); // as if it slept here, and another had the session by now
    await expect(claimed).rejects.toMatchObject(busy(/taken over/));
    expect(statSync(path).ino).toBe(ino);
    expect(readdirSync(folder).sort()).toEqual(["s.jsonl", "s.lock"]);
  });

  test("does not give back what is another's", async () => {
    const { sleeper, heir } = await takenOver();
    const text = lockText();
    await sleeper.release("s");
    expect(lockText()).toBe(text);
    await heir.append("s", [record]);
    await heir.release("s");
    expect(readdirSync(folder)).toEqual(["s.jsonl"]);
  });
});

/** Where this user may make process namespaces. */
const canUnshare =
  process.platform === "linux" &&
  spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"], { timeout: 10_000 }).status === 0;

describe.skipIf(!canUnshare)("two process namespaces with one host name (needs the right to make them)", () => {
  const PROGRAM = `
    import { FileStore } from "cloudllm/store/file";
    globalThis.store = new FileStore(process.argv[1], { leaseMs: 600 });
    await store.append("s", [{ type: "prompt", systemPrompt: "inside" }]);
    console.log("open");
    setInterval(() => 0, 1_000);`;

  test("the lease holds while the process in the other one lives, and falls after it was killed", async () => {
    const args = [
      "--pid",
      "--fork",
      "--mount-proc",
      "--kill-child",
      process.execPath,
      "--input-type=module",
      "-e",
      PROGRAM,
      folder,
    ];
    const child = spawn("unshare", args, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const store = () => new FileStore(folder, { leaseMs: 600 });
    await expect(store().claim("s")).rejects.toMatchObject(busy());
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const heir = store();
    await expect
      .poll(
        () =>
          heir.claim("s").then(
            () => "mine",
            (error) => error.kind,
          ),
        { timeout: 10_000 },
      )
      .toBe("mine");
    expect(await heir.load("s")).toEqual([{ type: "prompt", systemPrompt: "inside" }]);
    await heir.release("s");
  });
});

test("options that cannot be are refused", () => {
  for (const leaseMs of [0, -1, Number.NaN, "1" as unknown as number]) {
    expect(() => new FileStore(folder, { leaseMs })).toThrow(/leaseMs/);
  }
});

/** The number of a process that has just ended. */
let dead: Promise<number> | undefined;
function deadPid(): Promise<number> {
  dead ??= new Promise((resolve, reject) => {
    const child = execFile(process.execPath, ["-e", ""], (error) => (error ? reject(error) : resolve(child.pid ?? 0)));
  });
  return dead;
}
