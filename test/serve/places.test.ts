/** Where `cloudllm serve` keeps conversations and running replies: each engine, with each driver, also through a crash. */

import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Gate, startProviderServer } from "cloudllm/testing";
import { relayClient } from "cloudllm/web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../cli/command.ts";
import { laterNode, laterNodeMissing } from "../support/later-node.ts";
import { type PostgresServer, postgresMissing, startPostgres } from "../support/postgres-server.ts";
import { type RedisServer, redisMissing, startRedis } from "../support/redis-server.ts";
import { ask, type Served, startServed } from "../support/served.ts";

const PACKAGES = fileURLToPath(new URL("../interop/node_modules/", import.meta.url));

const root = mkdtempSync(join(tmpdir(), "cloudllm-places-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A user's folder in which only these packages are installed. */
function folderWith(...names: readonly string[]): string {
  const folder = mkdtempSync(join(root, "user-"));
  mkdirSync(join(folder, "node_modules"));
  for (const name of names) symlinkSync(join(PACKAGES, name), join(folder, "node_modules", name), "dir");
  return folder;
}

const missing = (name: string) => (existsSync(join(PACKAGES, name)) ? undefined : `${name} is not installed`);

/** One engine with one driver. */
interface Place {
  readonly name: string;
  readonly missing: string | undefined;
  readonly packages: readonly string[];
  readonly node?: string | undefined;
  readonly store: () => string;
  readonly log: () => string;
  /** How the server calls it. */
  readonly label: RegExp;
}

describe("conversations and replies", () => {
  let redis: RedisServer | undefined;
  let postgres: PostgresServer | undefined;
  beforeAll(async () => {
    [redis, postgres] = await Promise.all([
      redisMissing ? undefined : startRedis(),
      postgresMissing ? undefined : startPostgres(),
    ]);
  }, 60_000);
  afterAll(async () => {
    await redis?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  const inRedis = () => redis?.url ?? "";
  const inPostgres = () => postgres?.url.replace("postgres@", "postgres:secret@") ?? "";
  const shared = { store: inRedis, log: inRedis, label: /^Conversations are kept in Redis, 127\.0\.0\.1:\d+;/m };
  const sql = { store: inPostgres, log: () => "memory", label: /in PostgreSQL, 127\.0\.0\.1:\d+\/postgres;/ };
  const sqlite = { store: () => "sqlite:chats.db", log: () => "sqlite:chats.db", label: /in SQLite, \/.*chats\.db;/ };

  const PLACES: readonly Place[] = [
    {
      name: "in files",
      missing: undefined,
      packages: [],
      store: () => "chats",
      log: () => "memory",
      label: /\/chats;/,
    },
    { ...sqlite, name: "in SQLite, better-sqlite3", missing: missing("better-sqlite3"), packages: ["better-sqlite3"] },
    { ...sqlite, name: "in SQLite, node:sqlite", missing: laterNodeMissing, packages: [], node: laterNode },
    { ...shared, name: "in Redis, ioredis", missing: redisMissing ?? missing("ioredis"), packages: ["ioredis"] },
    { ...sql, name: "in PostgreSQL, pg", missing: postgresMissing ?? missing("pg"), packages: ["pg"] },
    {
      ...sql,
      name: "in PostgreSQL, postgres",
      missing: postgresMissing ?? missing("postgres"),
      packages: ["postgres"],
    },
  ];

  // At the same time: most of it is waiting for leases.
  describe.concurrent.each(PLACES)("$name", ({ missing: reason, packages, node, store, log, label }) => {
    test.skipIf(reason !== undefined)(
      `outlive a server that is killed${reason ? ` (${reason})` : ""}`,
      async ({ expect }) => {
        const folder = folderWith(...packages);
        const gate = new Gate();
        await using provider = await startProviderServer([
          { text: "Hello." },
          { steps: [{ text: "Once upon" }, { pause: gate }] },
          { text: "And on." },
        ]);
        const start = () => {
          const args = ["--base-url", provider.baseUrl, "--model", "m", "--store", store(), "--log", log()];
          return startServed(args, { folder, ...(node && { node }) });
        };
        const chat = `chat-${packages.join("-")}-${node ? "later" : ""}`;
        {
          await using served = await start();
          await served.said("Conversations are kept");
          expect(served.lines()).toMatch(label);
          expect(served.lines()).not.toContain("secret");
          await said(served, chat, "Hi");
          const reply = said(served, chat, "A story").catch(() => undefined);
          await gate.reached;
          served.process.kill("SIGKILL");
          await served.ended;
          void reply;
        }
        await using served = await start();
        const history = await historyOf(served, chat);
        for (const text of ["Hi", "Hello.", "A story"]) expect(history).toContain(text);
        // A lease of the process that was killed may have to expire first.
        await expect
          .poll(() => said(served, chat, "Go on").catch(String), { timeout: 40_000, interval: 500 })
          .toBe("And on.");
      },
      60_000,
    );
  });

  // At the same time: most of it is waiting for leases.
  const SHARED = PLACES.filter(({ log }) => log() !== "memory");
  describe.concurrent.each(SHARED)("$name", ({ missing: reason, packages, node, log }) => {
    test.skipIf(reason !== undefined)(
      `have the rest of a response whose server was killed${reason ? ` (${reason})` : ""}`,
      async ({ expect }) => {
        const folder = folderWith(...packages);
        const gate = new Gate();
        await using provider = await startProviderServer([
          { steps: [{ text: "Once upon" }, { pause: gate }] },
          { text: " a time." },
        ]);
        const start = () => {
          const args = ["--base-url", provider.baseUrl, "--model", "m", "--store", "chats", "--log", log()];
          return startServed(args, { folder, ...(node && { node }) });
        };
        await using first = await start();
        await using second = await start();
        const response = await fetch(`${first.url}/v1/responses`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "m", input: "A story", background: true }),
        });
        const { id } = (await response.json()) as { readonly id: string };
        const bodyOf = async () => (await ask(`${second.url}/v1/responses/${id}`)).body;
        await expect.poll(bodyOf, { timeout: 10_000 }).toContain("Once upon");
        first.process.kill("SIGKILL");
        await expect
          .poll(bodyOf, { timeout: 40_000, interval: 500 })
          .toMatch(/"status":"completed".*Once upon a time\./s);
      },
      60_000,
    );
  });

  test.skipIf(redisMissing !== undefined)("in Redis are shared by several servers", async () => {
    const gate = new Gate();
    await using provider = await startProviderServer([
      { steps: [{ text: "Once" }, { pause: gate }, { text: " more." }] },
    ]);
    const args = ["--base-url", provider.baseUrl, "--model", "m", "--store", inRedis(), "--log", inRedis()];
    await using first = await startServed(args, { folder: folderWith("ioredis") });
    await using second = await startServed(args, { folder: folderWith("redis") });
    const reply = said(first, "shared", "A story");
    await gate.reached;
    const stream = await relayClient({ url: `${second.url}/relay`, chat: "shared" }).attach();
    gate.open();
    expect((await stream?.finalMessage())?.content).toBe("Once more.");
    expect(await reply).toBe("Once more.");
  });
});

describe("a place that cannot be opened is said in a sentence, without the password", () => {
  const PLACES: readonly (readonly [option: string, place: string, message: string])[] = [
    ["--store", "postgres://user:secret@127.0.0.1:1/d", "PostgreSQL needs a package that is not installed here"],
    ["--store", "redis://user:secret@127.0.0.1:1", "Redis cannot be reached"],
    ["--log", "redis://user:secret@127.0.0.1:1", "Redis cannot be reached"],
  ];

  test.each(PLACES)("%s %s", async (option, place, message) => {
    const { stdout, stderr, code } = await command(["serve", "--provider", "embedded", "--port", "0", option, place]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("secret");
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
  });

  test.skipIf(missing("pg") !== undefined)("a database that is away", async () => {
    const args = ["--provider", "embedded", "--store", "postgres://user:secret@127.0.0.1:1/d"];
    const started = startServed(args, { folder: folderWith("pg") });
    await expect(started).rejects.toThrow(
      /The conversations in PostgreSQL, 127\.0\.0\.1:1\/d cannot be read: .*ECONNREFUSED/,
    );
    await expect(started).rejects.not.toThrow("secret");
  });

  test("a port that is taken", async () => {
    await using served = await startServed(["--provider", "embedded"]);
    const { port } = new URL(served.url);
    const { stderr, code } = await command(["serve", "--provider", "embedded", "--port", port]);
    expect(stderr).toContain(`Port ${port} is taken by another program.`);
    expect(code).toBe(1);
  });
});

async function said({ url }: Served, chat: string, content: string): Promise<string> {
  return (await relayClient({ url: `${url}/relay`, chat }).sendMessage([{ role: "user", content }])).content;
}

async function historyOf({ url }: Served, chat: string): Promise<string> {
  return (await ask(`${url}/relay/${chat}`)).body;
}
