/** A process with talks is killed, again and again, at any moment: every turn that it had finished is kept, and complete. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { driversMissing, sqliteMissing } from "../interop/drivers.mjs";
import { postgresMissing, startPostgres } from "../support/postgres-server.ts";
import { redisMissing, startRedis } from "../support/redis-server.ts";
import { killTalks } from "./killing.ts";
import { Openers } from "./openers.ts";
import { openStore, type StoreKind } from "./places.mjs";

const DIST = fileURLToPath(new URL("../../dist/store/file/index.js", import.meta.url));
const notBuilt = existsSync(DIST) ? undefined : "the package is not built";

interface Place extends AsyncDisposable {
  readonly place: string;
}

async function inFolder(name = ""): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-kill-"));
  return {
    place: join(folder, name),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function atEngine(engine: AsyncDisposable & { readonly url: string }): Promise<Place> {
  return { place: engine.url, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };
}

const STORES: readonly { kind: StoreKind; missing: string | undefined; open(): Promise<Place> }[] = [
  { kind: "file", missing: notBuilt, open: () => inFolder() },
  { kind: "sqlite", missing: notBuilt ?? sqliteMissing, open: () => inFolder("chats.db") },
  {
    kind: "postgres",
    missing: notBuilt ?? postgresMissing ?? driversMissing,
    open: async () => atEngine(await startPostgres()),
  },
  {
    kind: "redis",
    missing: notBuilt ?? redisMissing ?? driversMissing,
    open: async () => atEngine(await startRedis()),
  },
];

// At once: they wait for processes and for leases.
describe.concurrent.each(STORES)("$kind", ({ kind, missing, open }) => {
  const title = (text: string) => `${kind} store: ${text}${missing === undefined ? "" : ` [skipped: ${missing}]`}`;

  test.skipIf(missing !== undefined)(
    title("every finished turn is complete, a cut reply is a true prefix and marked, and the next send is legal"),
    { timeout: 600_000 },
    async () => {
      await using opened = await open();
      await killTalks(kind, opened.place);
    },
  );

  test.skipIf(missing !== undefined)(
    title("of two processes that open a session at once, one writes and the other learns that it is busy"),
    { timeout: 120_000 },
    async () => {
      await using opened = await open();
      await (await openStore(kind, opened.place, 5_000)).close(); // makes the tables
      await using one = await Openers.start(kind, opened.place, 5_000);
      await using other = await Openers.start(kind, opened.place, 5_000);
      for (let round = 0; round < 25; round++) {
        const outcomes = await Promise.all([one.open(`session ${round}`), other.open(`session ${round}`)]);
        expect(outcomes.sort(), `round ${round}`).toEqual(["busy", "open"]);
      }
    },
  );
});
