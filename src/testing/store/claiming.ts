/** One writer at a time: claims, leases that expire, and holders that come back too late. */

import assert from "node:assert/strict";
import { sleep } from "../../platform/sleep.ts";
import type { SessionStore } from "../../session/store.ts";
import { mustFail, mustKeep, numbered, numberedTo, type StoreBench, type StoreCaseDefinition } from "./case.ts";

/** Resolves when `other` has the id, whose holder is cut off. */
async function takenOver({ other, leaseMs }: StoreBench, id: string): Promise<void> {
  const end = performance.now() + 10 * leaseMs + 5_000;
  for (;;) {
    try {
      return await other.claim(id);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await sleep(leaseMs / 5);
  }
}

/** A machine may stand still so often. */
const MAX_ROUNDS = 8;

/** Claims an id of another process when its lease would have ended. Returns also the longest time without an answer. */
async function claimedAfter(
  other: SessionStore,
  id: string,
  leaseMs: number,
): Promise<{ readonly gapMs: number; readonly claimed: Promise<unknown> }> {
  const end = performance.now() + Math.min(leaseMs * 3, 3_000);
  let gapMs = 0;
  const timed = async (answer: Promise<unknown>): Promise<void> => {
    const before = performance.now();
    await sleep(Math.min(leaseMs / 20, 50));
    await answer;
    gapMs = Math.max(gapMs, performance.now() - before);
  };
  while (performance.now() < end) await timed(other.load("no such session"));
  const claimed = Promise.resolve(other.claim?.(id));
  await timed(claimed.catch(() => undefined));
  return { gapMs, claimed };
}

export const claimingCases: readonly StoreCaseDefinition[] = [
  {
    name: "an id is claimed once at a time",
    needs: ["claim"],
    async run({ store }) {
      await store.claim("a");
      await mustFail(store.claim("a"), "busy", "a second claim");
      await store.claim("b");
      await store.release("a");
      await store.claim("a");
    },
  },
  {
    name: "a claim keeps another process out until it is released",
    needs: ["claim", "other"],
    async run({ store, other }) {
      await store.claim("a");
      await mustFail(other.claim("a"), "busy", "the claim of another process");
      await mustFail(other.append("a", [numbered(1)]), "busy", "the append of another process");
      await store.append("a", numberedTo(2));
      await store.release("a");
      await other.claim("a");
      await mustKeep(other, "a", numberedTo(2));
      await other.append("a", [numbered(3)]);
      await mustFail(store.claim("a"), "busy", "the claim of the first process");
      await other.release("a");
      await store.claim("a");
      await store.append("a", [numbered(4)]);
      await mustKeep(other, "a", numberedTo(4));
    },
  },
  {
    name: "of many claims at once exactly one succeeds, and the others fail with kind busy",
    needs: ["claim", "other"],
    async run({ store, other }) {
      for (let round = 0; round < 5; round++) {
        const stores: readonly SessionStore[] = [store, other, store, other, other, store];
        const claims = await Promise.allSettled(stores.map((each) => each.claim?.(`round ${round}`)));
        assert.equal(claims.filter(({ status }) => status === "fulfilled").length, 1);
        for (const claim of claims)
          if (claim.status === "rejected") await mustFail(Promise.reject(claim.reason), "busy", "a claim");
      }
    },
  },
  {
    name: "a release that is repeated, or without a claim, does no harm",
    needs: ["claim", "other"],
    async run({ store, other }) {
      await store.release("never claimed");
      await store.claim("a");
      await other.release("a");
      await mustFail(other.claim("a"), "busy", "a claim after the release of another");
      await store.append("a", [numbered(1)]);
      await store.release("a");
      await store.release("a");
      await other.claim("a");
      await store.release("a");
      await other.append("a", [numbered(2)]);
      await mustKeep(store, "a", numberedTo(2));
    },
  },
  {
    name: "reading and listing need no claim, and do not disturb its holder",
    needs: ["claim", "other"],
    async run({ store, other }) {
      await store.claim("a");
      await store.append("a", numberedTo(3));
      await mustKeep(other, "a", numberedTo(3));
      assert.equal((await other.list()).sessions.length, 1);
      await store.append("a", [numbered(4)]);
      await mustKeep(other, "a", numberedTo(4));
    },
  },
  {
    name: "a session that is open cannot be deleted, by this process or another",
    needs: ["claim", "other", "delete"],
    async run({ store, other }) {
      await store.claim("a");
      await mustFail(store.delete("a"), "busy", "a deletion");
      await mustFail(other.delete("a"), "busy", "a deletion by another process");
      await store.append("a", [numbered(1)]);
      await mustFail(other.delete("a"), "busy", "a deletion by another process");
      await store.release("a");
      await other.delete("a");
      await mustKeep(store, "a", []);
    },
  },
  {
    name: "a holder that lives keeps its lease, however long it writes nothing",
    needs: ["claim", "other"],
    async run({ store, other, leaseMs }) {
      for (let round = 1; ; round++) {
        const id = `round ${round}`;
        await store.claim(id);
        const { gapMs, claimed } = await claimedAfter(other, id, leaseMs);
        // A machine that stood still has renewed no lease, so it says nothing about one that lives.
        if (gapMs > leaseMs / 3 && round < MAX_ROUNDS) continue;
        await mustFail(claimed, "busy", "the claim of another process");
        await store.append(id, [numbered(1)]);
        return mustKeep(other, id, [numbered(1)]);
      }
    },
  },
  {
    name: "a holder that went silent loses the id when its lease expires, and not before",
    needs: ["claim", "other", "cut", "expiry"],
    async run(bench) {
      const { store, other, cut } = bench;
      await store.claim("a");
      await store.append("a", numberedTo(3));
      cut();
      await mustFail(other.claim("a"), "busy", "a claim before the lease has expired");
      await takenOver(bench, "a");
      await mustKeep(other, "a", numberedTo(3));
      await other.append("a", [numbered(4)]);
      await mustKeep(other, "a", numberedTo(4));
    },
  },
  {
    name: "a holder that comes back too late writes, replaces, deletes and releases nothing",
    needs: ["claim", "other", "cut", "expiry", "replace", "delete"],
    async run(bench) {
      const { store, other, cut, reconnect } = bench;
      await store.claim("a");
      await store.append("a", numberedTo(3));
      cut();
      await takenOver(bench, "a");
      reconnect();
      await mustFail(store.append("a", [numbered(99)]), "busy", "the append of a former holder");
      await mustFail(store.replace("a", [numbered(99)]), "busy", "the replacement by a former holder");
      await other.append("a", [numbered(4)]);
      await mustFail(store.append("a", [numbered(99)]), "busy", "the append of a former holder");
      await mustFail(store.delete("a"), "busy", "the deletion by a former holder");
      await store.release("a");
      await other.append("a", [numbered(5)]); // its lease is as long as can be, on a busy machine too
      await mustFail(store.claim("a"), "busy", "the claim of a former holder");
      await other.append("a", [numbered(6)]);
      await mustKeep(other, "a", numberedTo(6));
    },
  },
  {
    name: "a former holder writes nothing into a session that was deleted and begun again",
    needs: ["claim", "other", "cut", "expiry", "delete"],
    async run(bench) {
      const { store, other, cut, reconnect } = bench;
      await store.claim("a");
      await store.append("a", numberedTo(3));
      cut();
      await takenOver(bench, "a");
      await other.release("a");
      await other.delete("a");
      reconnect();
      await mustFail(store.append("a", [numbered(99)]), "busy", "the append to a deleted session");
      await mustKeep(other, "a", []);
      await other.claim("a");
      await other.append("a", [numbered(1)]);
      await mustFail(store.append("a", [numbered(99)]), "busy", "the append to another session of that name");
      await mustKeep(other, "a", [numbered(1)]);
    },
  },
];
