/** A store keeps exactly what it is given, in order. */

import assert from "node:assert/strict";
import type { SessionRecord } from "../../session/record.ts";
import { mustFail, mustKeep, numbered, numberedTo, type StoreCaseDefinition } from "./case.ts";

const LARGE = 5_000_000;

/** Values that careless storage changes. */
const AWKWARD: readonly SessionRecord[] = [
  { type: "text", text: "Grüße 🌍 👩‍👩‍👧 \u2028\u2029\u0085\ufeff" },
  { type: "text", text: "NUL \u0000, its escape \\u0000, a quote ' \" ` $1 ? :a %s \\" },
  { type: "text", text: "half a pair \ud83d and the other half \udc26" },
  { type: "text", text: "line\r\nends\n\n" },
  { type: "text", text: "" },
  { type: "answer", toolCallId: "call '1'", answer: { type: "deny", reason: "Zu teuer – 5\u00a0€?" } },
  JSON.parse(
    '{"type":"text","text":"__proto__","__proto__":{"polluted":true},"constructor":{"prototype":{}},"unknown":[null,[]]}',
  ),
  JSON.parse('{"type":"text","text":"numbers","n":[9007199254740994,1e308,5e-324,0.1,-1,123456789.123456789]}'),
];

const ODD_IDS = [
  "plain",
  "Plain",
  "ann/poems",
  "ann/poems/",
  "../escape",
  "..",
  ".",
  "a b",
  "a b ",
  "a%2Fb",
  "a\\b",
  "{tag}",
  "}{",
  "a:b*c?[d]",
  "'; DROP TABLE sessions; --",
  "Grüße 🌍",
  "Gru\u0308ße 🌍",
  "日本語".repeat(6),
  "line\nend",
];

/** A store may refuse these; if it takes one, it keeps it apart from every other. */
const EXTREME_IDS = ["", "nul\u0000", "nul", "half \ud83d", "half \ud83c", "half \ufffd", "x".repeat(10_000)];

export const keepingCases: readonly StoreCaseDefinition[] = [
  {
    name: "an id under which nothing was kept has no records",
    async run({ store }) {
      assert.deepEqual(await store.load("nothing"), []);
    },
  },
  {
    name: "records come back in the order of all appends",
    async run({ store }) {
      await store.append("a", numberedTo(3));
      await store.append("a", [numbered(4)]);
      await store.append("a", numberedTo(2_000, 5));
      await mustKeep(store, "a", numberedTo(2_000));
    },
  },
  {
    name: "records of any content come back exactly as they were",
    async run({ store }) {
      await store.append("a", AWKWARD);
      const records = await store.load("a");
      assert.deepEqual(records, AWKWARD);
      assert.equal(JSON.stringify(records), JSON.stringify(AWKWARD));
      assert.equal(Reflect.get({}, "polluted"), undefined, "no prototype may be changed");
    },
  },
  {
    name: "a record of five million characters comes back",
    async run({ store }) {
      const record: SessionRecord = { type: "text", text: "0123456789".repeat(LARGE / 10) };
      await store.append("a", [numbered(1), record, numbered(2)]);
      const records = await store.load("a");
      assert.equal(records.length, 3);
      assert.equal(JSON.stringify(records[1]) === JSON.stringify(record), true, "the large record has changed");
    },
  },
  {
    name: "changes to a record or to what `load` returned do not change what is kept",
    async run({ store }) {
      const record = { type: "text" as const, text: "before" };
      await store.append("a", [record]);
      record.text = "after";
      Object.assign((await store.load("a"))[0] ?? {}, { text: "after" });
      await mustKeep(store, "a", [{ type: "text", text: "before" }]);
    },
  },
  {
    name: "ids of any text are kept apart and listed as they are",
    async run({ store }) {
      for (const [index, id] of ODD_IDS.entries()) await store.append(id, [numbered(index)]);
      for (const [index, id] of ODD_IDS.entries()) await mustKeep(store, id, [numbered(index)]);
      const { sessions } = await store.list();
      assert.deepEqual(sessions.map(({ id }) => id).sort(), [...ODD_IDS].sort());
    },
  },
  {
    name: "an id that is empty, very long or not valid text is kept exactly, or refused as an invalid request",
    async run({ store }) {
      const kept: [string, number][] = [];
      for (const [index, id] of EXTREME_IDS.entries()) {
        const appended = store.append(id, [numbered(index)]);
        const isKept = await appended.then(
          () => true,
          () => false,
        );
        if (isKept) kept.push([id, index]);
        else await mustFail(appended, "invalidRequest", "an id that the store cannot keep");
      }
      for (const [id, index] of kept) await mustKeep(store, id, [numbered(index)]);
      const { sessions } = await store.list();
      assert.deepEqual(sessions.map(({ id }) => id).sort(), kept.map(([id]) => id).sort());
    },
  },
  {
    name: "`replace` leaves the new records alone, and appends go behind them",
    needs: ["replace"],
    async run({ store }) {
      await store.append("a", numberedTo(5));
      await store.append("b", numberedTo(2));
      await store.replace("a", [numbered(10), numbered(11)]);
      await mustKeep(store, "a", [numbered(10), numbered(11)]);
      await store.append("a", [numbered(12)]);
      await store.replace("a", [numbered(20)]);
      await store.replace("a", AWKWARD);
      await store.append("a", [numbered(21)]);
      await mustKeep(store, "a", [...AWKWARD, numbered(21)]);
      await mustKeep(store, "b", numberedTo(2));
    },
  },
  {
    name: "`replace` makes a session that was not there",
    needs: ["replace"],
    async run({ store }) {
      await store.replace("a", [numbered(1)]);
      await mustKeep(store, "a", [numbered(1)]);
      assert.equal((await store.list()).sessions.length, 1);
    },
  },
  {
    name: "`delete` leaves nothing, of that session alone",
    needs: ["delete"],
    async run({ store }) {
      for (const id of ["a", "b"]) {
        await store.append(id, numberedTo(3));
        await store.release(id);
      }
      await store.delete("a");
      await store.delete("a");
      await store.delete("never there");
      await mustKeep(store, "a", []);
      await mustKeep(store, "b", numberedTo(3));
      assert.deepEqual(
        (await store.list()).sessions.map(({ id }) => id),
        ["b"],
      );
      await store.append("a", [numbered(9)]);
      await mustKeep(store, "a", [numbered(9)]);
    },
  },
];
