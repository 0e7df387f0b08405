/** Stops, viewers, notifiers, and the last run of a chat. */

import assert from "node:assert/strict";
import { begun, complete, entry, headOf, type LogCaseDefinition, newId, snapshot, until } from "./case.ts";

export const watchingCases: readonly LogCaseDefinition[] = [
  {
    name: "a stop from another process is heard with the next append, and by a writer that has nothing to append",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      for (const entries of [[entry("1-1")], []]) {
        const head = headOf();
        const writer = await begun(here, head);
        assert.equal(await writer.append([]), "running");
        await there.requestStop(head.id);
        await there.requestStop(head.id);
        assert.equal(await writer.append(entries), "stopping");
        assert.equal(await writer.append([]), "stopping", "it is heard until the end");
        assert.deepEqual((await there.read(head.id))?.entries, entries, "entries are written all the same");
        await writer.end(complete("text"));
        await there.requestStop(head.id);
        assert.deepEqual((await there.read(head.id, "1-1"))?.end, complete("text"));
      }
    },
  },
  {
    name: "a stop stops the run that it names, never another one or one that begins later",
    async run({ open }) {
      const log = await open();
      const [head, other] = [headOf(), headOf()];
      await log.requestStop(head.id);
      const writer = await begun(log, head);
      const otherWriter = await begun(log, other);
      assert.equal(await writer.append([]), "running");
      await log.requestStop(other.id);
      assert.equal(await writer.append([]), "running");
      assert.equal(await otherWriter.append([]), "stopping");
    },
  },
  {
    name: "the process that takes a run over hears of a stop that its writer did not live to hear",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const dead = await begun(here, head);
      await there.requestStop(head.id);
      await dead.release();
      const writer = await there.takeOver(head.id, 2);
      assert.equal(await writer?.append([snapshot("2-0", "")]), "stopping");
    },
  },
  {
    name: "a run with a viewer in another process counts as watched, for as long as was said",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      await begun(here, head);
      assert.equal(await here.isViewed(head.id), false);
      await there.markViewed(head.id, 60_000);
      assert.equal(await here.isViewed(head.id), true);
      const other = headOf();
      await begun(here, other);
      await there.markViewed(other.id, 50);
      await until(async () => !(await here.isViewed(other.id)));
      assert.equal(await here.isViewed(head.id), true);
    },
  },
  {
    name: "of many runs that want to be the last of a chat, one with each number succeeds",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      for (const chat of [`ann/${newId()}`, `__proto__/${newId()}`, `{a}:\n é \ud83d ${newId()}`, `{}${newId()}`]) {
        assert.equal(await there.latestRun(chat), undefined);
        const runs: string[] = [];
        for (const number of [1, 2, 3]) {
          const heads = Array.from({ length: 6 }, () => headOf({ chat }));
          await Promise.all(heads.map((head) => begun(here, head)));
          const set = await Promise.all(
            heads.map(({ id }, index) => (index % 2 ? here : there).setLatestRun(chat, { run: id, number })),
          );
          assert.equal(set.filter((isSet) => isSet).length, 1);
          const run = heads[set.indexOf(true)]?.id ?? "";
          assert.deepEqual(await there.latestRun(chat), { run, number });
          runs.push(run);
        }
        const late = headOf({ chat });
        await begun(here, late);
        assert.equal(await here.setLatestRun(chat, { run: late.id, number: 2 }), false, "2 is taken");
        assert.deepEqual(await here.latestRun(chat), { run: runs[2], number: 3 });
        assert.equal(await here.latestRun(`${chat}.`), undefined, "another chat has none");
      }
    },
  },
  {
    name: "the log notifies for what another process has appended, and for the end",
    needs: ["notify"],
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      let calls = 0;
      const unwatch = there.watch(head.id, () => calls++);
      await there.read(head.id);
      for (let number = 1; number <= 5; number++) {
        const before = calls;
        await writer.append([entry(`1-${number}`)]);
        await until(async () => calls > before);
        await there.read(head.id, `1-${number}`);
      }
      const before = calls;
      await writer.end(complete("text"));
      await until(async () => calls > before);
      unwatch();
    },
  },
  {
    name: "the log notifies for entries of this process, each watcher has its own, and no longer when it has left",
    async run({ open }) {
      const log = await open();
      const head = headOf();
      const writer = await begun(log, head);
      const calls = [0, 0];
      const notify = () => {
        calls[0] = (calls[0] ?? 0) + 1;
      };
      const unwatch = log.watch(head.id, notify);
      const unwatchOther = log.watch(head.id, () => {
        calls[1] = (calls[1] ?? 0) + 1;
      });
      await writer.append([entry("1-1")]);
      await until(async () => calls.every((count) => count > 0));
      unwatch();
      unwatch();
      const left = calls[0];
      const before = calls[1] ?? 0;
      await writer.append([entry("1-2")]);
      await until(async () => (calls[1] ?? 0) > before);
      assert.equal(calls[0], left);
      unwatchOther();
    },
  },
  {
    name: "a log that closes leaves the engine to others that use it",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      there.watch(head.id, () => undefined);
      await there.read(head.id);
      await there.close();
      await there.close();
      assert.equal(await writer.append([entry("1-1")]), "running");
      assert.deepEqual((await here.read(head.id))?.entries, [entry("1-1")]);
      const next = await open();
      assert.deepEqual((await next.read(head.id))?.entries, [entry("1-1")]);
    },
  },
];
