/** A place that is away for a moment: nothing is lost, nothing is doubled, and nothing secret is said. */

import assert from "node:assert/strict";
import { SendError } from "../../contract/errors.ts";
import { withoutRepeated } from "../../session/record-key.ts";
import { storageError } from "../../session/session-log.ts";
import { mustKeep, numbered, numberedTo, type StoreBench, type StoreCaseDefinition } from "./case.ts";

/** Fails unless the call rejects, and returns the error as a session passes it on. */
async function failure(call: Promise<unknown>, what: string): Promise<SendError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  assert.ok(outcome, `${what} must reject while the place cannot be reached`);
  return storageError(outcome.error);
}

/** Fails if anything that the error says, but for its cause, contains a secret. */
function mustBeDiscreet(error: SendError, { secrets }: StoreBench, what: string): void {
  assert.ok(error instanceof SendError);
  assert.equal(error.kind, "storage", `${what}: ${error.message}`);
  const shown = JSON.stringify(error) + error.message;
  for (const secret of secrets) assert.ok(!shown.includes(secret), `the error of ${what} says ${secret}: ${shown}`);
}

/** The ways in which an append fails: before its place has it, and after. */
const DISTURBANCES = [
  { ability: "cut", title: "the place cannot be reached", disturb: ({ cut }: StoreBench) => cut() },
  { ability: "lostAnswers", title: "the answer is lost", disturb: ({ loseAnswers }: StoreBench) => loseAnswers() },
] as const;

const disturbedCases: readonly StoreCaseDefinition[] = DISTURBANCES.flatMap(({ ability, title, disturb }) => [
  {
    name: `an append that was rejected and is made again is kept once: ${title}`,
    needs: [ability],
    async run(bench) {
      const { store, reconnect } = bench;
      await store.claim("a");
      await store.append("a", [numbered(1)]);
      disturb(bench);
      await failure(store.append("a", [numbered(2)]), "an append");
      await failure(store.append("a", numberedTo(3, 2)), "an append");
      reconnect();
      await store.append("a", numberedTo(4, 2));
      await store.append("a", [numbered(5)]);
      await mustKeep(store, "a", numberedTo(5));
    },
  },
  {
    name: `the first append of a session that was rejected and is made again is kept once: ${title}`,
    needs: [ability],
    async run(bench) {
      const { store, reconnect } = bench;
      await store.claim("a");
      disturb(bench);
      await failure(store.append("a", numberedTo(2)), "an append");
      reconnect();
      await store.append("a", numberedTo(2));
      await store.release("a");
      await store.claim("a");
      await store.append("a", [numbered(3)]);
      await mustKeep(store, "a", numberedTo(3));
      assert.equal((await store.list()).sessions.length, 1);
    },
  },
  {
    name: `records of a rejected append that is not made again are not kept next to those of the next: ${title}`,
    needs: [ability],
    async run(bench) {
      const { store, reconnect } = bench;
      await store.claim("a");
      disturb(bench);
      await failure(store.append("a", [numbered(99)]), "an append");
      reconnect();
      await store.append("a", [numbered(1)]);
      await mustKeep(store, "a", [numbered(1)]);
    },
  },
  {
    name: `after a rejected replacement the old records or the new ones are there, and appends follow them: ${title}`,
    needs: [ability, "replace"],
    async run(bench) {
      const { store, reconnect } = bench;
      await store.claim("a");
      await store.append("a", numberedTo(3));
      disturb(bench);
      await failure(store.replace("a", [numbered(10)]), "a replacement");
      await failure(store.append("a", [numbered(99)]), "an append");
      reconnect();
      await store.append("a", [numbered(4)]);
      const [first] = await store.load("a");
      const isNew = first?.type === "text" && first.text === "record 10";
      await mustKeep(store, "a", isNew ? [numbered(10), numbered(4)] : numberedTo(4));
      await store.replace("a", [numbered(20)]);
      await mustKeep(store, "a", [numbered(20)]);
    },
  },
  {
    name: `a claim that was rejected can be made again at once: ${title}`,
    needs: ["claim", ability],
    async run(bench) {
      const { store, reconnect } = bench;
      disturb(bench);
      await failure(store.claim("a"), "a claim");
      reconnect();
      await store.claim("a");
      await store.append("a", [numbered(1)]);
      await mustKeep(store, "a", [numbered(1)]);
    },
  },
]);

export const failingCases: readonly StoreCaseDefinition[] = [
  ...disturbedCases,
  {
    name: "records whose append is made again after a lost answer count once, by their keys",
    async run({ store }) {
      const [one, two, three, four] = numberedTo(4).map((record, index) => ({ ...record, key: `s-${index + 1}` }));
      assert.ok(one && two && three && four);
      await store.append("a", [one]);
      await store.append("a", [two]);
      await store.append("a", [two, three]);
      await store.append("a", [one]); // it was under way for long
      await store.append("a", [four]);
      assert.deepEqual(withoutRepeated(await store.load("a")), [one, two, three, four]);
    },
  },
  {
    name: "no message of an error says where the place is, or how it is reached",
    needs: ["claim", "cut", "replace", "delete"],
    async run(bench) {
      const { store, cut } = bench;
      await store.claim("a");
      await store.append("a", [numbered(1)]);
      cut();
      const calls = {
        append: () => store.append("a", [numbered(2)]),
        replace: () => store.replace("a", [numbered(2)]),
        load: () => store.load("a"),
        list: () => store.list(),
        claim: () => store.claim("b"),
        delete: () => store.delete("c"),
      };
      for (const [name, call] of Object.entries(calls)) mustBeDiscreet(await failure(call(), name), bench, name);
    },
  },
];
