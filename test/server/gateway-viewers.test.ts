/** Many programs read one kept reply of a gateway at once. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { memoryLog } from "../../src/server/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { ask, KEY, testGateway } from "../support/gateway.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const asked = { model: "gpt-6", input: "Hi", stream: true, background: true };

function scene(limits: { readonly viewersPerRun?: number } = {}) {
  const gate = new Gate();
  const script: ReplyScript = { steps: [{ text: "one " }, { pause: gate }, { text: "two" }] };
  const gateway = testGateway([script], { log: memoryLog(), limits });
  const watch = (id: string | null) => {
    const headers = { authorization: `Bearer ${KEY}` };
    return gateway.handle(new Request(`http://gateway.test/v1/responses/resp_${id}?stream=true`, { headers }));
  };
  return { gate, gateway, watch };
}

test("more than may are refused as OpenAI refuses; one that takes nothing leaves, and one that reads stays", async () => {
  const { gate, gateway, watch } = scene({ viewersPerRun: 2 });
  const first = await gateway.handle(ask("responses", asked));
  const id = first.headers.get("x-request-id");
  const reading = first.text();
  await gate.reached;
  const frozen = await watch(id); // takes nothing
  const refused = await watch(id);
  expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("x-should-retry")]).toEqual([
    429,
    "1",
    null,
  ]);
  expect(await refused.json()).toMatchObject({ error: { type: "rate_limit_error", message: /at most 2/i } });
  await vi.advanceTimersByTimeAsync(30_000);
  const third = (await watch(id)).text();
  await expect(frozen.text()).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(20_000);
  expect((await watch(id)).status, "both read").toBe(429);
  gate.open();
  for (const text of [await reading, await third]) expect(text).toContain('"response.completed"');
});

test("sixteen may read a reply unless the option says otherwise", async () => {
  const { gate, gateway, watch } = scene();
  const id = (await gateway.handle(ask("responses", asked))).headers.get("x-request-id");
  await gate.reached;
  const statuses: number[] = [];
  for (let count = 0; count < 16; count++) statuses.push((await watch(id)).status);
  expect(statuses).toEqual([...Array.from({ length: 15 }, () => 200), 429]);
  gate.open();
});
