/** Responses on a log that several processes share: one is killed in the middle, and programs come back to another. */

import { fileURLToPath } from "node:url";
import { OpenAIClient } from "cloudllm";
import { describe, expect, test as vitestTest } from "vitest";
import { breakingProxy } from "../support/breaking-proxy.ts";
import { KEY } from "../support/gateway.ts";
import { deltasOf, type ResponseObject, readEvents, textOf, unitsOf } from "../support/responses.ts";
import { type ServerProcess, serverProcesses } from "./server-processes.ts";
import { SHARED_LOGS } from "./shared-logs.ts";

const PROCESS = fileURLToPath(new URL("gateway-process.mjs", import.meta.url));
const LEASE_MS = 600;
const TIMEOUT_MS = 60_000;
/** More than a summary stands for, so that the log is summarised on the way. */
const WORDS = Array.from({ length: 1_200 }, (_, index) => `word${index} `);
const WHOLE = WORDS.join("");
const HEADERS = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };

describe.each(SHARED_LOGS)("responses on $title", (log) => {
  const test = vitestTest.skipIf(log.missing !== undefined);
  const processes = serverProcesses(log);
  const start = (): Promise<ServerProcess> => processes.start(PROCESS, LEASE_MS, WORDS.length, KEY);

  const get = ({ port }: ServerProcess, path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/v1/responses/${path}`, { headers: HEADERS });

  const post = ({ port }: ServerProcess, path: string, body: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/v1/responses${path}`, {
      method: "POST",
      headers: HEADERS,
      body: JSON.stringify(body),
    });

  test(
    "our own client reads a reply to its end, although the process that writes it is killed",
    async () => {
      const [first, second] = await Promise.all([start(), start()]);
      let port = first.port;
      await using proxy = await breakingProxy(
        () => port,
        () => undefined,
      );
      const client = new OpenAIClient({ model: "script", apiKey: KEY, baseUrl: `http://127.0.0.1:${proxy.port}/v1` });
      const stream = await client.sendMessageStream([{ role: "user", content: "Count" }], { recover: "resume" });
      let said = "";
      for await (const { content } of stream) {
        said += content;
        if (port === second.port || said.length < 2_000) continue;
        port = second.port;
        first.child.kill("SIGKILL");
      }
      expect(said).toBe(WHOLE);
      expect((await stream.finalMessage()).metrics.attempts.length).toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );

  test(
    "another process shows the same numbers, continues a response, and cancels it",
    async () => {
      const [first, second] = await Promise.all([start(), start()]);
      const body = { model: "script", input: "Count", stream: true, background: true };
      const live = readEvents(await post(first, "", body));
      await live.until("response.output_text.delta");
      const id = live.events[0]?.response?.id ?? "";
      const other = readEvents(await get(second, `${id}?stream=true&starting_after=50`));
      await Promise.all([live.over, other.over]);
      expect(deltasOf(live.events)).toBe(WHOLE);
      expect([...unitsOf(other.events)]).toEqual([...unitsOf(live.events)].filter(([number]) => number > 50));
      // After its end and its summary.
      const late = readEvents(await get(first, `${id}?stream=true&starting_after=3000`));
      await late.over;
      expect([...unitsOf(late.events)]).toEqual([...unitsOf(live.events)].filter(([number]) => number > 3_000));
      const continued = await post(second, "", { model: "script", input: "More", previous_response_id: id });
      expect(textOf((await continued.json()) as ResponseObject)).toBe(""); // the model has counted to its end

      const running = readEvents(await post(first, "", body));
      await running.until("response.output_text.delta");
      const cancelled = await post(second, `/${running.events[0]?.response?.id}/cancel`, {});
      expect(await cancelled.json()).toMatchObject({ status: "cancelled" });
      await running.over;
      expect(running.events.at(-1)).toMatchObject({ type: "response.incomplete", response: { status: "cancelled" } });
    },
    TIMEOUT_MS,
  );
});
