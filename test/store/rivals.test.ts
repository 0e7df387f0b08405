/** Processes that want one session at once, and die, stand still, lose their clock or their disk: no turn is lost, and every failure is reported. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LLMSession, type Message, SendError } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { historyFault } from "../session/legality.ts";

const KILLS = 100;
const LEASE_MS = 150;
const RIVAL = fileURLToPath(new URL("rival.mjs", import.meta.url));
const DIST = fileURLToPath(new URL("../../dist/store/file/index.js", import.meta.url));

/** Where this user may make process namespaces, and mount a file system. */
const isAllowed = (program: string, ...args: readonly string[]) =>
  process.platform === "linux" && spawnSync(program, args, { timeout: 10_000 }).status === 0;
const canUnshare = isAllowed("unshare", "--pid", "--fork", "--mount-proc", "true");
const canMount = isAllowed("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", tmpdir());

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cloudllm-rivals-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const answerTo = (said: string) => Array.from({ length: 6 }, (_, word) => `${said}:${word} – 好🐦 `).join("");

/** A process that talks, begun again under another name whenever it was killed. */
class Rival {
  readonly done: string[] = [];
  stderr = "";
  readonly #folder: string;
  readonly #name: string;
  readonly #isInside: boolean;
  readonly #clock: string;
  #lives = 0;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(folder: string, name: string, { isInside = false, clock = "steady" } = {}) {
    this.#folder = folder;
    this.#name = name;
    this.#isInside = isInside;
    this.#clock = clock;
  }

  start(): void {
    const program = [process.execPath, RIVAL, this.#folder, this.#name + this.#lives++, String(LEASE_MS), this.#clock];
    const unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    const [command = "", ...args] = this.#isInside ? [...unshare, ...program] : program;
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let line = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (line + text).split("\n");
      line = lines.pop() ?? "";
      this.done.push(...lines.map((each) => each.replace(/^done /, "")));
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text.replace(/^unshare: .*\n/gm, ""); // it complains when it is killed
    });
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    this.#child = child;
  }

  /** The process that talks: in a namespace of its own, it is the only child of the one that made it. */
  #pid(): number | undefined {
    const pid = this.#child?.pid;
    if (!this.#isInside || pid === undefined) return pid;
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return Number(child) || undefined;
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    this.#child?.kill("SIGKILL"); // also one that has not begun yet
    await this.#ended;
  }

  /** Stands still for longer than its lease lasts, and wakes. */
  async sleep(): Promise<void> {
    this.#signal("SIGSTOP");
    await elapse(3 * LEASE_MS);
    this.#signal("SIGCONT");
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      const pid = this.#pid();
      if (pid !== undefined) process.kill(pid, signal);
    } catch {
      // it is not there yet
    }
  }
}

/** Kills at any moment; three times of four when a turn has been finished since the last one, however slow the machine is. */
async function fight(rivals: readonly [Rival, ...Rival[]]): Promise<void> {
  const finished = () => rivals.reduce((sum, { done }) => sum + done.length, 0);
  for (const rival of rivals) rival.start();
  for (let kills = 0; kills < KILLS; ) {
    const before = finished();
    await elapse(20 + Math.random() * 180);
    if (Math.random() < 0.75) while (finished() === before) await elapse(5);
    const rival = rivals[Math.floor(Math.random() * rivals.length)] ?? rivals[0];
    if (Math.random() < 0.2) {
      await rival.sleep();
      continue;
    }
    await rival.kill();
    kills++;
    rival.start();
  }
  for (const rival of rivals) await rival.kill();
}

async function historyOf(store: FileStore): Promise<readonly Message[]> {
  const client = scriptedClient(() => ({ text: "Fine." }));
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      const session = await LLMSession.open({ client, store, id: "talk" });
      await session.close();
      return session.history;
    } catch (error) {
      // The last one to be killed may have had the lease where it cannot be looked up.
      if (!(error instanceof SendError && error.kind === "busy") || performance.now() > deadline) throw error;
      await elapse(LEASE_MS);
    }
  }
}

/** Each turn of which its process has learned is there once, whole and in its order. */
function expectKept(history: readonly Message[], rivals: readonly Rival[]): void {
  expect(historyFault(history)).toBeUndefined();
  const said = history.flatMap(({ role, content }) => (role === "user" ? [String(content)] : []));
  expect(new Set(said).size).toBe(said.length);
  for (const { done, stderr } of rivals) {
    expect(stderr).toBe("");
    expect(done.length).toBeGreaterThan(0);
    const kept = new Set(done);
    expect(said.filter((each) => kept.has(each))).toEqual(done);
    for (const each of done) {
      const reply = history[history.findIndex(({ content }) => content === each) + 1];
      expect(reply).toMatchObject({ role: "assistant", content: answerTo(each) });
      expect(reply).not.toHaveProperty("interrupted");
    }
  }
}

/** Fights in a folder of their own, and holds what is kept there against what the rivals have learned. */
async function expectNothingLost(rivalsIn: (folder: string) => readonly [Rival, ...Rival[]]): Promise<void> {
  const own = mkdtempSync(join(tmpdir(), "cloudllm-rivals-"));
  try {
    const rivals = rivalsIn(own);
    await fight(rivals);
    expectKept(await historyOf(new FileStore(own, { leaseMs: LEASE_MS })), rivals);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

// At once: they wait for leases, and for moments at which to kill.
describe.concurrent("a hundred kills (needs the built library)", { timeout: 600_000 }, () => {
  const isBuilt = existsSync(DIST);

  test.skipIf(!isBuilt)("of processes of one machine lose no finished turn, and two never write at once", () =>
    expectNothingLost((own) => [new Rival(own, "a"), new Rival(own, "b", { clock: "jumping" })]),
  );

  test.skipIf(!isBuilt || !canUnshare)(
    "of processes in several namespaces, with clocks that jump, lose no finished turn (needs the right to make namespaces)",
    () =>
      expectNothingLost((own) => [
        new Rival(own, "a"),
        new Rival(own, "b", { isInside: true }),
        new Rival(own, "c", { isInside: true, clock: "jumping" }),
      ]),
  );
});

describe.skipIf(!canMount || process.getuid?.() !== 0)("a disk that is full (needs the right to mount one)", () => {
  const DISK = 256 * 1024;
  let disk = "";
  beforeEach(() => {
    disk = join(folder, "disk");
    mkdirSync(disk);
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", disk]).status).toBe(0);
  });
  afterEach(() => spawnSync("umount", [disk]));

  /** Leaves room for so many bytes. */
  function fill(left: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "filler"), Buffer.alloc(Math.max(0, bavail * bsize - left)));
  }

  test("fails the next message with the reason, keeps every turn, and goes on when there is room again", async () => {
    const text = "word ".repeat(120);
    const client = scriptedClient(() => ({ text }));
    const store = new FileStore(join(disk, "sessions"));
    const session = await LLMSession.open({ client, store, id: "talk" });
    await session.sendMessage("first");
    fill(16_384);
    const kept = ["first"];
    let asked = 0;
    let failure: unknown;
    for (; failure === undefined && asked < 100; asked++) {
      failure = await session.sendMessage(`turn ${asked}`).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) kept.push(`turn ${asked}`);
    }
    expect(failure).toMatchObject({ kind: "storage", message: expect.stringMatching(/space/i) });
    expect((failure as SendError).message).not.toContain(disk);
    expect(client.calls).toHaveLength(kept.length); // nothing was sent that the store had not taken
    const saidOf = (history: readonly Message[]) =>
      history.flatMap(({ role, content }) => (role === "user" ? [content] : []));
    expect(saidOf(session.history)).toEqual(kept);
    await expect(session.close()).rejects.toMatchObject({ kind: "storage" });

    // All turns but the one whose loss was reported are readable, by everybody.
    const { history } = await LLMSession.peek({ store: new FileStore(join(disk, "sessions")), id: "talk" });
    expect(kept.slice(0, -1)).toEqual(saidOf(history).slice(0, kept.length - 1));
    expect(historyFault(history)).toBeUndefined();

    rmSync(join(disk, "filler"));
    const again = await LLMSession.open({ client, store: new FileStore(join(disk, "sessions")), id: "talk" });
    await again.sendMessage("and on");
    await again.close();
    expect(saidOf(again.history).at(-1)).toBe("and on");
    expect(historyFault(again.history)).toBeUndefined();
  });

  test("goes on in the same session when there is room again, with nothing lost", async () => {
    const client = scriptedClient(() => ({ text: "word ".repeat(120) }));
    const store = new FileStore(join(disk, "sessions"));
    const session = await LLMSession.open({ client, store, id: "talk" });
    await session.sendMessage("first");
    fill(4_096);
    let failures = 0;
    for (let turn = 0; turn < 20; turn++) await session.sendMessage(`turn ${turn}`).catch(() => failures++);
    expect(failures).toBeGreaterThan(0);
    rmSync(join(disk, "filler"));
    await session.sendMessage("and on");
    await session.close();
    const kept = await LLMSession.peek({ store: new FileStore(join(disk, "sessions")), id: "talk" });
    expect(kept.history).toEqual(JSON.parse(JSON.stringify(session.history)));
  });
});
