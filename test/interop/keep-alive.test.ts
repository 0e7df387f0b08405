/** A model that is silent for longer than proxies wait: every front end and library gets the rest of the reply. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { agUi, aiSdk, createRelay, type Dialect, memoryLog, toNode } from "cloudllm/server";
import { Gate, scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { aiSdkVersions, textOf, useAiSdk } from "../support/ai-sdk.ts";
import { KEY, testGateway } from "../support/gateway.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";
import { agentVersions, agUiMissing, httpAgent, tanStackChat } from "./ag-ui-clients.mjs";
import { gatewayApis, textIn } from "./apis.ts";

// The clock that tells how long a connection was silent, and no other.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

type Handle = (request: Request) => Promise<Response>;

/** A server, and the bytes that it has sent. */
async function listening(handle: Handle) {
  const sent = { text: "" };
  const decoder = new TextDecoder();
  const tapped = async (request: Request): Promise<Response> => {
    const response = await handle(request);
    const tap = new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        sent.text += decoder.decode(bytes, { stream: true });
        controller.enqueue(bytes);
      },
    });
    return new Response(response.body?.pipeThrough(tap) ?? null, response);
  };
  const server = createServer(toNode(tapped));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    sent,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Asks a model that falls silent in the middle, three times for longer than connections last. */
async function silence<Seen>(
  handleOf: (client: ReturnType<typeof scriptedClient>) => Handle,
  mark: string,
  ask: (origin: string) => Promise<Seen>,
): Promise<Seen> {
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "Hel" }, { pause: gate }, { text: "lo" }] }]);
  await using site = await listening(handleOf(client));
  const asked = ask(site.origin);
  const marks = (): number => site.sent.text.slice(site.sent.text.indexOf("Hel")).split(mark).length - 1;
  await gate.reached;
  await expect.poll(() => site.sent.text).toContain("Hel");
  for (let seen = 1; seen <= 3; seen++) {
    await vi.advanceTimersByTimeAsync(10_000);
    await expect.poll(marks).toBe(seen);
  }
  gate.open();
  return await asked;
}

const COMMENT = ": keep-alive\n\n";

const relayOf =
  (dialect: Dialect) =>
  (client: ReturnType<typeof scriptedClient>): Handle =>
    createRelay({ ...OPEN_RELAY, client, log: memoryLog(), dialect, path: "/chat" }).handle;

describe.each(aiSdkVersions)("useChat of ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  scene("shows the reply of a model that was silent", async () => {
    const view = await silence(relayOf(aiSdk), COMMENT, async (origin) => {
      const page = await open({ url: `${origin}/chat` });
      return page.call("sendMessage", { text: "Hi" });
    });
    expect([view.status, view.error, textOf(view.messages[1])]).toEqual(["ready", undefined, "Hello"]);
  });
});

describe.skipIf(agUiMissing !== undefined)("front ends of AG-UI", () => {
  const initialMessages = [{ id: "u1", role: "user", content: "Hi" }];

  test.each(agentVersions)("HttpAgent %s shows the reply of a model that was silent", async (version) => {
    const run = await silence(relayOf(agUi), COMMENT, async (origin) => {
      const agent = await httpAgent(version, { url: `${origin}/chat`, threadId: "th", initialMessages });
      return agent.run();
    });
    expect([run.rejected, run.error, run.shown.at(-1)]).toEqual([undefined, undefined, "Hello"]);
  });

  test("a chat of TanStack AI shows the reply of a model that was silent", async () => {
    const chat = await silence(relayOf(agUi), COMMENT, async (origin) => {
      const one = await tanStackChat({ url: `${origin}/chat` });
      await one.client.sendMessage("Hi");
      return one;
    });
    expect([chat.seen.errors, chat.textOf()]).toEqual([[], "Hello"]);
  });
});

describe.each(gatewayApis())("$name", ({ name, libraries, params }) => {
  const mark = name === "Anthropic Messages" ? "event: ping\n" : COMMENT;

  describe.each(libraries)("$id", ({ call, missing }) => {
    test.skipIf(missing).each(["raw", "helper"])(
      `reads the reply of a model that was silent (%s)${missing ? ` (${missing})` : ""}`,
      { timeout: 120_000 }, // a library for Python takes long to load on a busy machine
      async (method) => {
        const handleOf = (client: ReturnType<typeof scriptedClient>): Handle => testGateway([], { client }).handle;
        const seen = await silence(handleOf, mark, (origin) => call(method, { origin, key: KEY, params }));
        expect([seen.error, textIn(seen)]).toEqual([undefined, "Hello"]);
      },
    );
  });
});
