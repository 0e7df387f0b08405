/** Beginning a run, and appending to it. */

import assert from "node:assert/strict";
import { begun, count, entriesOf, entry, headOf, type LogCaseDefinition, newId, readAll, snapshot } from "./case.ts";

export const writingCases: readonly LogCaseDefinition[] = [
  {
    name: "a run that several callers begin has one writer, so that a repeated request is not billed twice",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writers = await Promise.all([here, there, here, there, here, there].map((log) => log.begin(head)));
      assert.equal(count(writers), 1);
      assert.equal(await there.begin({ ...head, owner: "eve" }), undefined, "a taken id stays taken");
      assert.equal((await there.head(head.id))?.owner, "ann", "the head is that of the first caller");
      assert.equal(writers.find((writer) => writer !== undefined)?.attempt, 1);
    },
  },
  {
    name: "another process reads the head as it was written, and no head of an unknown run",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const request = { messages: [{ role: "user" as const, content: "Sing." }], options: { temperature: 0.5 } };
      const head = headOf({ request });
      await begun(here, head);
      assert.deepEqual(await there.head(head.id), head);
      assert.deepEqual(await there.read(head.id), { entries: [], isOwned: true });
      const unknown = newId();
      assert.deepEqual([await there.head(unknown), await there.read(unknown)], [undefined, undefined]);
    },
  },
  {
    name: "a viewer in another process reads all entries in order, from any of them, in pages of any size",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      const entries = entriesOf(1, 20);
      for (const [from, to] of [
        [0, 1],
        [1, 2],
        [2, 12],
        [12, 13],
        [13, 20],
      ]) {
        assert.equal(await writer.append(entries.slice(from, to)), "running");
      }
      for (let after = 0; after <= 20; after++) {
        const page = await there.read(head.id, after === 0 ? undefined : `1-${after}`);
        assert.deepEqual(page?.entries, entries.slice(after), `behind entry ${after}`);
        assert.equal(page?.isOwned, true);
      }
      for (const limit of [1, 3, 20, 1_000]) {
        assert.deepEqual(
          (await readAll(there, head.id, limit)).ids,
          entries.map(({ id }) => id),
          `limit ${limit}`,
        );
      }
      assert.deepEqual((await there.read(head.id, "1-2", 4))?.entries, entries.slice(2, 6));
    },
  },
  {
    name: "an append that is repeated after a lost answer doubles nothing, however its entries are joined then",
    async run({ open }) {
      const log = await open();
      const head = headOf();
      const writer = await begun(log, head);
      const entries = entriesOf(1, 6);
      for (const [from, to] of [
        [0, 2],
        [0, 2],
        [0, 1],
        [1, 4],
        [2, 6],
        [5, 6],
        [0, 6],
      ]) {
        assert.equal(await writer.append(entries.slice(from, to)), "running");
      }
      assert.deepEqual((await log.read(head.id))?.entries, entries);
      assert.deepEqual((await log.read(head.id, "1-3"))?.entries, entries.slice(3));
      assert.deepEqual(
        (await readAll(log, head.id, 1)).ids,
        entries.map(({ id }) => id),
      );
    },
  },
  {
    name: "a snapshot takes the place of what is before it, also for a viewer that has seen a part of that",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const head = headOf();
      const writer = await begun(here, head);
      await writer.append(entriesOf(1, 5));
      const joined = snapshot("1-9", "all so far", "1-5"); // its number need not follow: the log has missed some
      assert.equal(await writer.append([entry("1-8"), joined, entry("1-10")]), "running");
      await writer.append([entry("1-11")]);
      const rest = [joined, entry("1-10"), entry("1-11")];
      assert.deepEqual((await there.read(head.id))?.entries, rest);
      assert.deepEqual((await there.read(head.id, "1-3"))?.entries, rest);
      assert.deepEqual((await there.read(head.id, "1-9"))?.entries, rest.slice(1));
    },
  },
  {
    name: "texts of every kind and size come back as they were, and ids are not mistaken for anything else",
    async run({ open }) {
      const [here, there] = [await open(), await open()];
      const odd = `nul \0 quote " \\ line \n\r\u2028 lone \ud83d pair 😀 {} %s $1 </script> ${"long ".repeat(200_000)}`;
      const args = JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"toString":null}') as Record<
        string,
        unknown
      >;
      for (const id of [
        newId(),
        `__proto__${newId()}`,
        `constructor-${newId()}`,
        "-".repeat(22) + newId(),
        "a".repeat(128),
      ]) {
        await here.delete(id);
        const head = headOf({ id, owner: "__proto__", chat: "{a}:log", request: { messages: [], options: args } });
        const writer = await begun(here, head);
        const call = { type: "toolCall", content: "", toolCall: { id: odd.slice(0, 60), name: "x", arguments: args } };
        const entries = [
          entry("1-1", odd),
          { id: "1-2", type: "chunks", chunks: [{ ...call, isFinal: false }] },
        ] as Parameters<typeof writer.append>[0];
        await writer.append(entries);
        assert.deepEqual(JSON.stringify(await there.head(id)), JSON.stringify(head));
        assert.deepEqual(JSON.stringify((await there.read(id))?.entries), JSON.stringify(entries));
        await here.delete(id);
      }
    },
  },
  {
    name: "runs whose ids resemble each other do not mix",
    async run({ open }) {
      const log = await open();
      const id = newId();
      const ids = [id, `${id}-`, `${id}_`, id.toUpperCase(), `${id}-log`, `${id}-1`];
      const writers = await Promise.all(ids.map((each) => begun(log, headOf({ id: each }))));
      await Promise.all(writers.map((writer, index) => writer.append([entry("1-1", `of ${index}`)])));
      for (const [index, each] of ids.entries()) {
        assert.deepEqual((await log.read(each))?.entries, [entry("1-1", `of ${index}`)]);
      }
    },
  },
  {
    name: "many runs are written and read at once without a lost or doubled entry",
    async run({ open }) {
      const logs = [await open(), await open()];
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const [here, there] = index % 2 === 0 ? logs : logs.toReversed();
          assert.ok(here && there);
          const head = headOf();
          const writer = await begun(here, head);
          for (let number = 1; number <= 30; number++) await writer.append([entry(`1-${number}`)]);
          assert.deepEqual((await there.read(head.id))?.entries, entriesOf(1, 30));
        }),
      );
    },
  },
];
