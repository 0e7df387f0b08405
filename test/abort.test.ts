/** One signal for many: whoever listens hears it once, whoever has left does not, and the runtime has nothing to warn of. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CompatibleClient, SendError } from "../src/index.ts";
import { offAbort, onAbort } from "../src/platform/abort.ts";
import { startProviderServer } from "../src/testing/index.ts";

const warnings: string[] = [];
const noted = (warning: Error) => warnings.push(warning.name);

beforeEach(() => {
  warnings.length = 0;
  process.on("warning", noted);
});
afterEach(() => void process.off("warning", noted));

describe("a shared signal", () => {
  test("is heard once by each who still listens, in turn", () => {
    const controller = new AbortController();
    const heard: string[] = [];
    const second = () => heard.push("second");
    const gone = () => heard.push("gone");
    const first = () => {
      heard.push("first");
      offAbort(controller.signal, second);
    };
    for (const listener of [first, gone, second]) onAbort(controller.signal, listener);
    onAbort(controller.signal, () => heard.push("third"));
    offAbort(controller.signal, gone);
    controller.abort();
    controller.abort();
    onAbort(controller.signal, () => heard.push("late"));
    expect(heard).toEqual(["first", "third"]);
  });

  test("may be left by all and listened to again", () => {
    const controller = new AbortController();
    let heard = 0;
    const listener = () => heard++;
    onAbort(controller.signal, listener);
    offAbort(controller.signal, listener);
    offAbort(controller.signal, listener);
    onAbort(controller.signal, listener);
    controller.abort();
    expect(heard).toBe(1);
    onAbort(undefined, listener);
    offAbort(undefined, listener);
  });

  test("ends fifty calls at once, without a warning of a leak", async () => {
    await using server = await startProviderServer(() => ({ text: ["a", "b"], ending: "hang" }));
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m", retries: 0 });
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const calls = Array.from({ length: 50 }, async () => {
      const stream = await client.sendMessageStream([{ role: "user", content: "hi" }], options);
      return stream.finalMessage();
    });
    await server.request(49);
    controller.abort();
    const ends = await Promise.allSettled(calls);
    for (const end of ends) {
      expect(end.status === "rejected" && end.reason).toBeInstanceOf(SendError);
      expect(end).toMatchObject({ reason: { kind: "aborted" } });
    }
    await new Promise((resolve) => setImmediate(resolve)); // warnings come a turn later
    expect(warnings).toEqual([]);
  });
});
