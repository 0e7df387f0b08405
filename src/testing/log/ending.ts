/** The end of a run: written once, and nothing follows it. */

import assert from "node:assert/strict";
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
    name: "an ended run expires, and one that is renewed does not",
    async run({ open }) {
      const times = { keepMs: 800, leaseMs: 3_000 };
      const [here, there] = [await open(times), await open(times)];
      const [ended, running] = [headOf(), headOf()];
      const writer = await begun(here, running);
      await (await begun(here, ended)).end(complete("text"));
      assert.ok(await there.read(ended.id), "it is kept for a while");
      let number = 0;
      const from = performance.now();
      const isOver = async () => {
        assert.equal(await writer.append([entry(`1-${++number}`)]), "running");
        return (await there.read(ended.id)) === undefined && performance.now() - from > 4_300;
      };
      await until(isOver);
      assert.equal(await there.head(ended.id), undefined);
      assert.equal((await readAll(there, running.id)).ids.length, number);
      assert.equal((await there.read(running.id, `1-${number}`))?.isOwned, true);
      await writer.end(complete("text"));
      await until(async () => (await there.head(running.id)) === undefined);
    },
  },
];
