import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { ClientWrapper } from "../../src/index.ts";
import { createRelay } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { post, read, runId, textOf } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Resolves when the garbage is collected: what a task refers to is kept until the task ends. */
async function collected(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collectGarbage();
  }
}

test("a reply that is over holds no stream in memory, also while a viewer has not read it yet", async () => {
  const client = scriptedClient([{ text: "Hello" }]);
  let stream: WeakRef<object> | undefined;
  const observed: ClientWrapper = {
    provider: client.provider,
    model: client.model,
    sendMessage: (...call) => client.sendMessage(...call),
    async sendMessageStream(...call) {
      const opened = await client.sendMessageStream(...call);
      stream = new WeakRef(opened);
      return opened as never;
    },
  };
  const over = new Gate();
  const relay = createRelay({ client: observed, authorize: "public", onRunEnd: () => over.open() });
  const slow = await relay.handle(post({ run: runId(), messages }));
  await over.pass();
  await collected();
  expect(stream?.deref()).toBeUndefined();
  expect(textOf(await read(slow))).toBe("Hello");
});
