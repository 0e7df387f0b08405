/** The lease of a run, and its next owner. */

import assert from "node:assert/strict";
import {
  begun,
  complete,
  count,
  entriesOf,
  entry,
  headOf,
  type LogCaseDefinition,
  lost,
  newId,
  readAll,
  snapshot,
  until,
} from "./case.ts";

export const takingOverCases: readonly LogCaseDefinition[] = [
  {
    name: "a writer that falls silent loses its lease, and not before",
    async run({ open }) {
      const times = { leaseMs: 1_000 };
      const [here, there] = [await open(times), await open(times)];
      const head = headOf();
      const from = performance.now();
      const writer = await begun(here, head);
      const isOwned = async () => (await there.read(head.id))?.isOwned;
      let renewedAt = from;
      while (performance.now() - from < 1_800) {
        const hasHeld = await isOwned();
        assert.ok(hasHeld || performance.now() - renewedAt > times.leaseMs, "a renewed lease holds");
        if (performance.now() - renewedAt > 200) {
          renewedAt = performance.now();
          assert.equal(await writer.append([]), "running");
        }
      }
      const silentAt = performance.now();
      await writer.append([]);
      await until(async () => (await isOwned()) === false);
      const silentMs = performance.now() - silentAt;
      assert.ok(silentMs > 900 && silentMs < 5_000, `the lease of 1,000 ms ended after ${silentMs} ms`);
      assert.equal(await writer.append([entry("1-1")]), "running", "the run has not been taken over");
      assert.equal(await isOwned(), true);
    },
  },
  {
    name: "a run that has a writer, has ended or is unknown is not taken over",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 1));
      assert.equal(await there.takeOver(head.id, 2), undefined, "it has a writer");
      await writer.end(complete("text"));
      assert.equal(await there.takeOver(head.id, 2), undefined, "it has ended");
      assert.equal(await there.takeOver(newId(), 2), undefined, "it is unknown");
    },
  },
  {
    name: "of many that take a dead run over one succeeds",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 2));
      await writer.release();
      assert.equal(await there.takeOver(head.id, 3), undefined, "attempt 2 is missing");
      assert.equal(await there.takeOver(head.id, 1), undefined, "attempt 1 was there");
      const taken = await Promise.all(
        Array.from({ length: 8 }, (_, index) => (index % 2 ? here : there).takeOver(head.id, 2)),
      );
      assert.equal(count(taken), 1);
      assert.equal(taken.find((each) => each !== undefined)?.attempt, 2);
      assert.equal((await here.read(head.id, "1-2"))?.isOwned, true);
      assert.deepEqual(await readAll(here, head.id), { ids: ["1-1", "1-2"] }, "the text so far stays");
    },
  },
  {
    name: "a writer that wakes up after a take-over is refused in all that it writes",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const zombie = await begun(here, head);
      await zombie.append(entriesOf(1, 3));
      await zombie.release();
      const writer = await there.takeOver(head.id, 2);
      assert.ok(writer);
      const start = snapshot("2-0", "so far", "1-3");
      assert.equal(await writer.append([start, entry("2-1")]), "running");
      assert.equal(await zombie.append([entry("1-4")]), "lost");
      assert.equal(await zombie.append([snapshot("1-5", "mine")]), "lost");
      assert.equal(await zombie.append(entriesOf(1, 3)), "lost");
      assert.equal(await zombie.append([]), "lost");
      assert.equal(await zombie.end(complete("mine")), undefined);
      await zombie.release();
      assert.equal((await here.read(head.id, "2-1"))?.isOwned, true, "the lease of the next attempt is not its own");
      assert.equal(await writer.append([entry("2-2")]), "running");
      assert.deepEqual((await here.read(head.id))?.entries, [start, entry("2-1"), entry("2-2")]);
      assert.deepEqual((await here.read(head.id, "1-2"))?.entries, [start, entry("2-1"), entry("2-2")]);
      await writer.end(complete("text"));
      assert.deepEqual(await readAll(here, head.id), { ids: ["2-0", "2-1", "2-2"], end: complete("text") });
      assert.equal(await zombie.end(complete("mine")), undefined);
    },
  },
  {
    name: "an attempt that died before it wrote is followed by the next number, and is refused",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const first = await begun(here, head);
      await first.append(entriesOf(1, 1));
      await first.release();
      const second = await there.takeOver(head.id, 2);
      assert.ok(second);
      await second.release();
      assert.equal((await here.read(head.id, "1-1"))?.isOwned, false);
      assert.equal(await here.takeOver(head.id, 2), undefined);
      const third = await here.takeOver(head.id, 3);
      assert.ok(third);
      assert.equal(await third.append([snapshot("3-0", "so far", "1-1")]), "running");
      assert.equal(await second.append([snapshot("2-0", "so far", "1-1"), entry("2-1")]), "lost");
      assert.equal(await first.append([entry("1-2")]), "lost");
      assert.deepEqual(await readAll(there, head.id), { ids: ["3-0"] });
    },
  },
  {
    name: "a run whose second process has died as well is sealed once, and stays sealed",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      await (await begun(here, head)).release();
      const writer = await there.takeOver(head.id, 2);
      assert.ok(writer);
      assert.equal(await here.seal(head.id, lost("")), undefined, "it has a writer");
      await writer.release();
      assert.deepEqual(await here.seal(head.id, lost("here")), lost("here"));
      assert.deepEqual(await there.seal(head.id, lost("there")), lost("here"));
      assert.equal(await writer.append([snapshot("2-0", "")]), "lost");
      assert.equal(await there.takeOver(head.id, 3), undefined);
      assert.deepEqual(await readAll(here, head.id), { ids: [], end: lost("here") });
    },
  },
];
