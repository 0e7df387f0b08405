/** The provider's socket closes with the run: what nobody reads any more is not paid for. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { CompatibleClient } from "../../src/index.ts";
import { createRelay, type RelayOptions } from "../../src/server/index.ts";
import { Gate, type ProviderServer, startProviderServer } from "../../src/testing/index.ts";
import { post, runId, type Watching, watch } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];
const servers: ProviderServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

/** A run whose provider says one word and falls silent. */
async function silentRun(options: Partial<RelayOptions> = {}) {
  const silent = new Gate();
  const server = await startProviderServer(() => ({ steps: [{ text: "word" }, { pause: silent }, { text: "never" }] }));
  servers.push(server);
  const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m", apiKey: "k" });
  const relay = createRelay({ client, authorize: "public", ...options });
  const run = runId();
  const viewer = watch(await relay.handle(post({ run, messages })));
  await vi.waitFor(() => expect(viewer.text).toBe("word"));
  const [request] = server.requests;
  if (!request) throw new Error("The provider got no request.");
  return { relay, run, viewer, request };
}

async function stoppedMessage({ over, events }: Watching): Promise<unknown> {
  await over;
  const end = events.at(-1);
  return end?.type === "complete" ? end.message : end;
}

describe("the provider's socket closes", () => {
  test("when the run is stopped", async () => {
    const { relay, run, viewer, request } = await silentRun();
    await relay.handle(post({}, `${run}/stop`));
    await request.closed;
    expect(await stoppedMessage(viewer)).toMatchObject({ content: "word", finishReason: "stopped" });
  });

  test("when its last viewer has left, without a log", async () => {
    const { viewer, request } = await silentRun();
    await viewer.leave();
    await request.closed;
  });

  test("when nobody has come back in time", async () => {
    const { viewer, request } = await silentRun({ linger: 10 });
    await viewer.leave();
    await request.closed;
  });

  test("when the process ends", async () => {
    const { relay, viewer, request } = await silentRun({ onError: () => undefined });
    await relay.drain(10);
    await request.closed;
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { partial: { content: "word" } } });
  });
});
