/** A place that is away for a moment: nothing is lost, nothing is doubled, and nothing secret is said. */

import assert from "node:assert/strict";
import { SendError } from "../../contract/errors.ts";
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
  const said = JSON.stringify(error) + error.message;
  for (const secret of secrets) assert.ok(!said.includes(secret), `the error of ${what} says ${secret}: ${said}`);
}

export const failingCases: readonly StoreCaseDefinition[] = [
  {
    name: "an append that was rejected and is made again is kept once",
    needs: ["cut"],
    async run({ store, cut, reconnect }) {
      await store.claim("a");
      await store.append("a", [numbered(1)]);
      cut();
      await failure(store.append("a", [numbered(2)]), "an append");
      await failure(store.append("a", numberedTo(3, 2)), "an append");
      reconnect();
      await store.append("a", numberedTo(4, 2));
      await store.append("a", [numbered(5)]);
      await mustKeep(store, "a", numberedTo(5));
    },
  },
  {
    name: "records of a rejected append that is not made again are not kept beside those of the next",
    needs: ["cut"],
    async run({ store, cut, reconnect }) {
      await store.claim("a");
      cut();
      await failure(store.append("a", [numbered(99)]), "an append");
      reconnect();
      await store.append("a", [numbered(1)]);
      await mustKeep(store, "a", [numbered(1)]);
    },
  },
  {
    name: "after a rejected replacement the old records or the new ones are there, and appends go behind them",
    needs: ["cut", "replace"],
    async run({ store, cut, reconnect }) {
      await store.claim("a");
      await store.append("a", numberedTo(3));
      cut();
      await failure(store.replace("a", [numbered(10)]), "a replacement");
      reconnect();
      await store.append("a", [numbered(4)]);
      const [first] = await store.load("a");
      const isNew = first?.type === "text" && first.text === "record 10";
      await mustKeep(store, "a", isNew ? [numbered(10), numbered(4)] : numberedTo(4));
    },
  },
  {
    name: "no message of an error says where the place is, or how it is reached",
    needs: ["cut", "replace", "delete"],
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
