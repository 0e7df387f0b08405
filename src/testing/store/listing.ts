/** A listing shows every session once, the latest first. */

import assert from "node:assert/strict";
import { sleep } from "../../platform/sleep.ts";
import { entitled, idsOf, mustFail, numbered, type StoreBench, type StoreCaseDefinition } from "./case.ts";

const COUNT = 23;
/** Longer than the clock of any file system or database is coarse. */
const TICK_MS = 12;
/** Clocks of a database may differ from ours. */
const SKEW_MS = 60_000;

/** Writes sessions, one after the other; resolves with their ids, the latest first. */
async function written(store: StoreBench["store"], count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `session ${index}`);
  for (const id of ids) {
    await store.append(id, [numbered(1)]);
    await sleep(TICK_MS);
  }
  return ids.reverse();
}

export const listingCases: readonly StoreCaseDefinition[] = [
  {
    name: "an empty store lists nothing, on a last page",
    async run({ store }) {
      const { sessions, next } = await store.list();
      assert.deepEqual({ sessions, next }, { sessions: [], next: undefined });
    },
  },
  {
    name: "sessions are listed with the time of their last write, the latest first",
    async run({ store }) {
      await written(store, 4);
      await store.append("session 1", [numbered(2)]);
      const { sessions } = await store.list();
      assert.deepEqual(
        sessions.map(({ id }) => id),
        ["session 1", "session 3", "session 2", "session 0"],
      );
      for (const { updatedAt } of sessions) assert.ok(Math.abs(updatedAt - Date.now()) < SKEW_MS, `${updatedAt}`);
    },
  },
  {
    name: "a session that is only claimed is not listed",
    async run({ store }) {
      await store.claim("claimed");
      assert.deepEqual((await store.list()).sessions, []);
      await store.release("claimed");
      assert.deepEqual((await store.list()).sessions, []);
    },
  },
  {
    name: "pages of any size contain every session once, in order, and the last has no `next`",
    async run({ store }) {
      const ids = await written(store, COUNT);
      for (const limit of [1, 7, COUNT, 1_000]) assert.deepEqual(await idsOf(store, { limit }), ids, `limit ${limit}`);
      const first = await store.list({ limit: 7 });
      assert.equal(first.sessions.length, 7);
      assert.equal(typeof first.next, "string");
    },
  },
  {
    name: "sessions of one and the same moment are each on one page",
    async run({ store }) {
      const ids = Array.from({ length: COUNT }, (_, index) => `at once ${index}`);
      await Promise.all(ids.map((id) => store.append(id, [numbered(1)])));
      for (const limit of [1, 5]) assert.deepEqual((await idsOf(store, { limit })).sort(), [...ids].sort());
    },
  },
  {
    name: "a listing contains no session twice, and every session that was not written to meanwhile",
    needs: ["delete"],
    async run({ store }) {
      const ids = await written(store, COUNT);
      const seen: string[] = [];
      let cursor: string | undefined;
      const touched = new Set<string>();
      for (let turn = 0; ; turn++) {
        const page = await store.list({ limit: 4, cursor });
        seen.push(...page.sessions.map(({ id }) => id));
        cursor = page.next;
        if (cursor === undefined) break;
        // One that was listed, the next to come, one near the end; and the last one listed goes.
        for (const id of [seen[0], ids[seen.length], ids.at(-2)]) {
          if (id === undefined) continue;
          touched.add(id);
          await store.append(id, [numbered(2)]);
        }
        await store.append(`new ${turn}`, [numbered(1)]);
        const last = seen.at(-1) ?? "";
        await store.release(last);
        await store.delete(last);
      }
      assert.equal(new Set(seen).size, seen.length, `a session is listed twice: ${seen}`);
      for (const id of ids) assert.ok(touched.has(id) || seen.includes(id), `${id} is missing in ${seen}`);
    },
  },
  {
    name: "`prefix` lists the ids that begin with it, and takes every character as itself",
    async run({ store }) {
      const ids = ["ann/1", "ann/2", "ann", "anna/1", "Ann/1", "a%n/1", "a_n/1", "a*n/1", "a[n]/1", "a\\n/1", "ü🌍/1"];
      for (const id of ids) await store.append(id, [numbered(1)]);
      assert.deepEqual((await idsOf(store, { prefix: "ann/", limit: 1 })).sort(), ["ann/1", "ann/2"]);
      for (const prefix of ["ann", "Ann/", "a%n", "a_n", "a*n", "a[n]", "a\\n", "ü", "ü🌍", "", "zzz"]) {
        const expected = ids.filter((id) => id.startsWith(prefix)).sort();
        assert.deepEqual((await idsOf(store, { prefix, limit: 2 })).sort(), expected, `prefix ${prefix}`);
      }
    },
  },
  {
    name: "a listing has the title that a record has set last, and none where no record has set one",
    needs: ["titles"],
    async run({ store }) {
      const listed = async () => new Map((await store.list()).sessions.map(({ id, title }) => [id, title]));
      const odd = "Größe 'x'; \\ \"%_\" — 🌍";
      await store.append("a", [numbered(1)]);
      await store.append("b", [entitled("First"), numbered(1)]);
      await store.append("c", [entitled("Old"), numbered(1), entitled(odd), numbered(2)]);
      assert.deepEqual([...(await listed())].sort(), [
        ["a", undefined],
        ["b", "First"],
        ["c", odd],
      ]);
      await store.append("b", [numbered(2)]);
      await store.append("c", [entitled("New")]);
      const { sessions } = await store.list({ prefix: "c" });
      assert.deepEqual([(await listed()).get("b"), sessions[0]?.title], ["First", "New"]);
    },
  },
  {
    name: "a conversation that takes the place of another has its own title, or none",
    needs: ["titles", "replace", "delete"],
    async run({ store }) {
      const titleOf = async () => (await store.list()).sessions[0]?.title;
      await store.append("a", [entitled("Secret")]);
      await store.replace("a", [numbered(1)]);
      assert.equal(await titleOf(), undefined);
      await store.append("a", [entitled("Later")]);
      assert.equal(await titleOf(), "Later");
      await store.replace("a", [numbered(1), entitled("Replaced")]);
      assert.equal(await titleOf(), "Replaced");
      await store.release("a");
      await store.delete("a");
      await store.append("a", [numbered(1)]);
      assert.equal(await titleOf(), undefined);
    },
  },
  {
    name: "an invalid `limit` or `cursor` is refused as an invalid request",
    async run({ store }) {
      for (const limit of [0, -1, 1.5, Number.NaN])
        await mustFail(store.list({ limit }), "invalidRequest", `limit ${limit}`);
      for (const cursor of ["", "x", "1e9999:a", "-1:a"])
        await mustFail(store.list({ cursor }), "invalidRequest", `cursor ${cursor}`);
    },
  },
];
