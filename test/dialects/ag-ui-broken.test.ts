/** A chat of TanStack AI behind a network that breaks, and a server that ends. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { MemoryStore, type Tool } from "../../src/index.ts";
import { agUi, createRelay, memoryLog, toNode } from "../../src/server/index.ts";
import { Gate, type ReplyScript, type ScriptStep, scriptedClient } from "../../src/testing/index.ts";
import { agUiMissing, type Chat, type Loose, tanStackChat } from "../interop/ag-ui-clients.mjs";
import { agUiSite } from "../support/ag-ui.ts";
import { type Break, breakingProxy } from "../support/breaking-proxy.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";

const FAST = { reconnect: { delayMs: 1 } };

/** Texts that the page shows only grow: no word is doubled, missing or taken back. */
function flickersOf({ seen }: Chat): readonly string[] {
  return seen.shown.filter((text, index) => !text.startsWith(seen.shown[index - 1] ?? ""));
}

function slow(...words: readonly string[]): readonly ScriptStep[] {
  return words.flatMap((text) => [{ text }, { pause: 2 }]);
}

describe.skipIf(agUiMissing !== undefined)("a chat of TanStack AI", () => {
  test.each(["reset", "end"] as const satisfies readonly Break[])(
    "shows each word once although its connections break at every place (%s), and its tools run once",
    async (how) => {
      const inputs: unknown[] = [];
      const page = {
        name: "ask",
        description: "Asks the user",
        __toolSide: "client",
        execute: (input: unknown) => {
          inputs.push(input);
          return "blue";
        },
      };
      let looked = 0;
      const look: Tool = { name: "look", run: () => `a sea, ${++looked}` };
      const scripts = (): readonly ReplyScript[] => [
        { steps: [{ reasoning: "Hm. " }, ...slow("I ", "look. "), { toolCall: { id: "l", name: "look" } }] },
        { steps: [...slow("I ", "ask. "), { toolCall: { id: "a", name: "ask", arguments: { what: "color" } } }] },
        { steps: slow("It ", "is ", "bl", "ue.") },
      ];
      let connections = 0;
      for (let afterBytes = 650; afterBytes < 1_500; afterBytes += 47) {
        [looked, inputs.length] = [0, 0];
        await using site = await agUiSite(scripts(), { tools: [look] });
        site.server.maxRequestsPerSocket = 1; // a request that brings no event at all is not repeated by TanStack AI
        await using proxy = await breakingProxy(site.port, (connection) =>
          connection < 20 ? { afterBytes: afterBytes + ((61 * connection) % 300), how } : undefined,
        );
        const url = `http://127.0.0.1:${proxy.port}/chat`;
        const chat = await tanStackChat({ url, connection: FAST, chat: { tools: [page] } });
        await chat.client.sendMessage("What color is the sea?");
        await expect.poll(() => chat.textOf()).toBe("I look. I ask. It is blue.");
        expect([chat.seen.errors, flickersOf(chat)], `after ${afterBytes} bytes`).toEqual([[], []]);
        expect([looked, inputs, site.provider.calls.length]).toEqual([1, [{ what: "color" }], 3]);
        connections += proxy.connections();
      }
      expect(connections).toBeGreaterThan(100);
    },
  );

  test("does not give up although its connections break again and again while the model is silent", async () => {
    const gate = new Gate();
    await using site = await agUiSite([{ steps: [{ text: "Half, " }, { pause: gate }, { text: "whole." }] }]);
    await using proxy = await breakingProxy(site.port, () => undefined);
    const url = `http://127.0.0.1:${proxy.port}/chat`;
    const chat = await tanStackChat({ url, connection: FAST });
    const sending = chat.client.sendMessage("Hello");
    await expect.poll(() => chat.textOf()).toBe("Half, ");
    for (let breaks = 1; breaks <= 8; breaks++) {
      proxy.breakAll();
      await expect.poll(() => chat.seen.types.filter((type) => type === "RUN_STARTED").length).toBe(breaks + 1);
    }
    gate.open();
    await sending;
    expect([chat.textOf(), chat.seen.errors, flickersOf(chat)]).toEqual(["Half, whole.", [], []]);
    expect(site.provider.calls.length).toBe(1);
  });

  test("half a reply is not a whole one, where the relay stops replies that nothing watches", async () => {
    const scripts: readonly ReplyScript[] = [{ steps: [{ text: "Half" }, { pause: new Gate() }] }];
    await using site = await agUiSite(scripts, { log: undefined });
    await using proxy = await breakingProxy(site.port, () => undefined);
    const chat = await tanStackChat({ url: `http://127.0.0.1:${proxy.port}/chat`, connection: FAST });
    const sending = chat.client.sendMessage("Hello");
    await expect.poll(() => chat.textOf()).toBe("Half");
    proxy.breakAll();
    await sending;
    expect([chat.client.getStatus(), chat.textOf()]).toEqual(["error", "Half"]);
  });

  test("a server that dies is an error, and half a reply is not a whole one", async () => {
    const site = await agUiSite([{ steps: [{ text: "Half" }, { pause: new Gate() }] }]);
    const chat = await tanStackChat({ url: site.url, connection: FAST });
    const sending = chat.client.sendMessage("Hello");
    await expect.poll(() => chat.textOf()).toBe("Half");
    await site[Symbol.asyncDispose]();
    await sending;
    expect([chat.client.getStatus(), chat.textOf()]).toEqual(["error", "Half"]);
  });

  test("comes back by itself when another process continues the reply of a server that ends", async () => {
    const log = memoryLog();
    const gate = new Gate();
    const clients = [
      scriptedClient([{ steps: [{ text: "Half of " }, { pause: new Gate() }] }]),
      scriptedClient([{ steps: [{ pause: gate }, { text: "a word." }] }]),
    ];
    const relays = clients.map((client) =>
      createRelay({ client, ...OPEN_RELAY, log, recover: "continue", dialect: agUi, onError: () => undefined }),
    );
    let current = 0;
    const server = createServer((request, response) => {
      const relay = relays[current];
      if (relay) toNode(relay.handle)(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/chat`;
    const chat = await tanStackChat({ url, connection: FAST });
    const sending = chat.client.sendMessage("Hello");
    await expect.poll(() => chat.textOf()).toBe("Half of ");
    current = 1;
    await relays[0]?.drain(0);
    gate.open();
    await sending;
    expect([chat.textOf(), chat.seen.errors, flickersOf(chat)]).toEqual(["Half of a word.", [], []]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test("loaded again, it continues behind a network that breaks", async () => {
    const gate = new Gate();
    const scripts: readonly ReplyScript[] = [
      { steps: [...slow("It ", "is "), { pause: gate }, ...slow("cle", "ar.")] },
    ];
    const kept = { history: undefined, trustHistory: undefined, sessions: { store: new MemoryStore() } };
    await using site = await agUiSite(scripts, kept);
    await using proxy = await breakingProxy(site.port, (connection) =>
      connection % 2 === 1 ? { afterBytes: 900 + 20 * connection, how: "reset" } : undefined,
    );
    const url = `http://127.0.0.1:${proxy.port}/chat`;
    const options: Loose = { threadId: "th", persistence: true };
    const first = await tanStackChat({ url: site.url, chat: options });
    const sending = first.client.sendMessage("How is it?");
    await expect.poll(() => first.textOf()).toBe("It is ");
    const second = await tanStackChat({ url, connection: FAST, chat: options });
    second.client.attach();
    await expect.poll(() => second.textOf()).toBe("It is ");
    gate.open();
    await sending;
    await expect.poll(() => second.textOf()).toBe("It is clear.");
    expect([second.seen.errors, flickersOf(second)]).toEqual([[], []]);
  });
});
