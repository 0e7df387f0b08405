/** The end of a run: written once, and nothing follows it. */

import assert from "node:assert/strict";
import { setTimeout as elapse } from "node:timers/promises";
import type { WriterState } from "../../server/log/log.ts";
import {
  begun,
  complete,
  entriesOf,
  entry,
  headOf,
  type LogCaseDefinition,
  lost,
  newId,
  readAll,
  until,
} from "./case.ts";

export const endingCases: readonly LogCaseDefinition[] = [
  {
    name: "the end comes behind the last entry, so that a viewer never takes a part for all",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 3));
      assert.deepEqual(await writer.end(complete("text")), complete("text"));
      assert.deepEqual(await readAll(there, head.id, 2), { ids: ["1-1", "1-2", "1-3"], end: complete("text") });
      assert.equal((await there.read(head.id, undefined, 2))?.end, undefined, "a page before the end has no end");
      const rest = { entries: [], end: complete("text"), isOwned: false };
      assert.deepEqual(await there.read(head.id, "1-3"), rest);
      assert.deepEqual(await there.read(head.id, "9-0"), rest, "also for a viewer that was ahead of the log");
    },
  },
  {
    name: "a run without an entry ends, too",
    async run({ open }) {
      const log = await open();
      const head = headOf();
      await (await begun(log, head)).end(lost(""));
      assert.deepEqual(await log.read(head.id), { entries: [], end: lost(""), isOwned: false });
    },
  },
  {
    name: "the first end stays, and nothing is written behind it",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 2));
      await writer.end(complete("first"));
      assert.deepEqual(await writer.end(complete("second")), complete("first"));
      assert.deepEqual(await there.seal(head.id, lost("third")), complete("first"));
      assert.equal(await writer.append([entry("1-3")]), "lost");
      assert.equal(await writer.append([]), "lost");
      assert.equal(await there.takeOver(head.id, 2), undefined);
      assert.deepEqual(await readAll(there, head.id), { ids: ["1-1", "1-2"], end: complete("first") });
    },
  },
  {
    name: "of many that seal a dead run one succeeds, and all report the same end",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 2));
      await writer.release();
      const ends = await Promise.all(
        Array.from({ length: 8 }, (_, index) => (index % 2 ? here : there).seal(head.id, lost(`${index}`))),
      );
      const { ids, end } = await readAll(there, head.id);
      assert.deepEqual(ids, ["1-1", "1-2"]);
      assert.ok(end);
      for (const each of ends) assert.deepEqual(each, end);
      assert.equal(await writer.append([entry("1-3")]), "lost", "a writer that wakes up must stop");
      assert.deepEqual(await writer.end(complete("all")), end);
      assert.equal(await there.seal(newId(), lost("")), undefined, "an unknown run has no end");
    },
  },
  {
    name: "a run whose writer lives is not sealed by a reader that is late",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 1));
      assert.equal(await there.seal(head.id, lost("")), undefined);
      assert.equal(await writer.append([entry("1-2")]), "running");
      assert.deepEqual(await readAll(there, head.id), { ids: ["1-1", "1-2"] });
    },
  },
  {
    name: "a run that is deleted is gone, and its writer stops",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      for (const write of [true, false]) {
        const head = headOf();
        const writer = await begun(here, head);
        await writer.append(entriesOf(1, 2));
        await there.delete(head.id);
        assert.deepEqual([await there.head(head.id), await here.read(head.id)], [undefined, undefined]);
        assert.equal(await writer.append(write ? [entry("1-3")] : []), "lost");
        assert.equal(await writer.end(complete("all")), undefined);
        assert.equal(await there.seal(head.id, lost("")), undefined);
        assert.equal(await here.read(head.id), undefined, "a late writer does not bring it back");
        await there.delete(head.id);
      }
    },
  },
  {
    name: "an ended run is kept for a while, and expires",
    async run({ open }) {
      for (let keepMs = 500; ; keepMs *= 3) {
        const [here, there] = [await open({ keepMs }), await open({ keepMs })];
        const head = headOf();
        const writer = await begun(here, head);
        const from = performance.now();
        await writer.end(complete("text"));
        const page = await there.read(head.id);
        if (!page && performance.now() - from > keepMs) continue; // the machine was too slow to see it
        assert.ok(page, "it is kept for a while");
        await until(async () => (await there.read(head.id)) === undefined);
        assert.equal(await there.head(head.id), undefined);
        return;
      }
    },
  },
  {
    name: "a run that is renewed does not expire",
    async run({ open }) {
      for (let leaseMs = 1_500; ; leaseMs *= 2) {
        const times = { leaseMs, keepMs: 500 };
        const [here, there] = [await open(times), await open(times)];
        const head = headOf();
        const writer = await begun(here, head);
        const end = performance.now() + leaseMs + 2 * times.keepMs;
        let [number, gapMs] = [0, 0];
        let state: WriterState = "running";
        while (state === "running" && performance.now() < end) {
          const from = performance.now();
          state = await writer.append([entry(`1-${++number}`)]);
          await elapse(5);
          gapMs = Math.max(gapMs, performance.now() - from);
        }
        const from = performance.now();
        await there.read(head.id, undefined, 1);
        gapMs = Math.max(gapMs, performance.now() - from);
        if (gapMs > leaseMs / 2) continue; // the machine was too slow to renew it
        assert.equal(state, "running");
        assert.equal((await readAll(there, head.id)).ids.length, number);
        await writer.end(complete("text"));
        await until(async () => (await there.head(head.id)) === undefined);
        return;
      }
    },
  },
];
