/** A stop that reaches another process than the one that produces the reply: the provider's connection closes in time. */

import { afterAll, beforeAll, describe, expect, test as vitestTest } from "vitest";
import { type RawServer, rawServer } from "../support/raw-server.ts";
import { runId, watch } from "../support/relay.ts";
import { serverProcesses } from "./server-processes.ts";
import { RELAY_PROCESS, SHARED_LOGS } from "./shared-logs.ts";

const ROUNDS = Number(process.env.STOP_ROUNDS ?? 4);
const LEASE_MS = 15_000;

/** The connection closes a second after the stop. The rest is for a machine that is busy. */
const LIMIT_MS = 1_200;

const BEGINNING =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" +
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { role: "assistant", content: "Well, " } }] })}\n\n`;

describe.each(SHARED_LOGS)("a silent model and a stop in another process, on $title", (log) => {
  const test = vitestTest.skipIf(log.missing !== undefined);
  let provider: RawServer;
  const processes = serverProcesses(log);

  async function start(): Promise<string> {
    const { port } = await processes.start(RELAY_PROCESS, LEASE_MS, provider.baseUrl);
    return `http://127.0.0.1:${port}/chat`;
  }

  beforeAll(async () => {
    provider = await rawServer(({ socket }) => socket.write(BEGINNING));
  });
  afterAll(async () => {
    await provider?.[Symbol.asyncDispose]();
  });

  async function post(url: string, body: object): Promise<Response> {
    const headers = { "content-type": "application/json" };
    return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  }

  test("bill nobody for more than a second", { timeout: 20_000 + ROUNDS * 5_000 }, async ({ annotate }) => {
    const [writer, other] = await Promise.all([start(), start()]);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const run = runId();
      const viewer = watch(await post(writer, { run, messages: [{ role: "user", content: "Wait" }] }));
      await expect.poll(() => viewer.text, { interval: 5 }).toBe("Well, ");
      await new Promise((resolve) => {
        setTimeout(resolve, Math.random() * 1_500);
      });
      const stoppedAt = performance.now();
      const stopped = post(`${other}/${run}/stop`, { run });
      await provider.requests.at(-1)?.closed;
      times.push(performance.now() - stoppedAt);
      expect(await (await stopped).json()).toEqual({ run, stopped: true });
      await viewer.over;
      expect(viewer.events.at(-1)).toMatchObject({
        type: "complete",
        message: { content: "Well, ", interrupted: true },
      });
    }
    times.sort((a, b) => a - b);
    const at = (share: number) => Math.round(times[Math.floor((times.length - 1) * share)] ?? 0);
    await annotate(
      `${ROUNDS} stops, until the provider's connection closes: median ${at(0.5)} ms, at most ${at(1)} ms`,
    );
    expect(at(1)).toBeLessThan(LIMIT_MS);
  });
});
