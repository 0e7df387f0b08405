/** A session that is reserved for a turn, and given back when the turn does not begin. */

import { MemoryStore } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import { SessionOpening } from "../../src/session/recalled-turn.ts";

/** A store that lends its sessions to one process at a time, once it is let. */
class SlowStore extends MemoryStore {
  readonly calls: string[] = [];
  let: () => void = () => undefined;
  readonly #isLet = new Promise<void>((resolve) => {
    this.let = resolve;
  });

  override async claim(id: string): Promise<void> {
    await this.#isLet;
    this.calls.push(`claim ${id}`);
  }

  override async release(id: string): Promise<void> {
    this.calls.push(`release ${id}`);
  }
}

test("a start that is refused does not wait for a store that has not reserved its session yet", async () => {
  const store = new SlowStore();
  const opening = new SessionOpening({ store, id: "s", client: scriptedClient([]) }, "turn");
  const recalled = opening.recall();
  const within5s = new Promise((resolve) => setTimeout(resolve, 5_000, "waited").unref());
  const released = opening.release().then(() => "released");
  expect(await Promise.race([released, within5s])).toBe("released");
  expect(store.calls).toEqual([]);
  store.let();
  expect(await recalled).toBeUndefined();
  await expect.poll(() => store.calls).toEqual(["claim s", "release s"]);
});

test("a session that is reserved is given back before the refusal is sent", async () => {
  const store = new SlowStore();
  store.let();
  const opening = new SessionOpening({ store, id: "s", client: scriptedClient([]) }, "turn");
  await opening.recall();
  await opening.release();
  expect(store.calls).toEqual(["claim s", "release s"]);
});
