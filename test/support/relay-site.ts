/** A relay behind `node:http` on loopback, with a scripted provider. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ClientWrapper } from "../../src/contract/client.ts";
import { aiSdk, createRelay, memoryLog, type Relay, type RelayOptions, toNode } from "../../src/server/index.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";

/** A relay with its address. */
export interface RelaySite extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly provider: ScriptedClient;
  readonly relay: Relay;
  readonly server: Server;
}

/** Everything that a browser may see, and may ask for. */
export const OPEN_RELAY: Omit<RelayOptions, "client"> = {
  authorize: "public",
  history: "client",
  trustHistory: true,
  clientTools: true,
  allow: ["maxOutputTokens", "temperature", "topP", "stop", "seed", "toolChoice", "reasoning", "output", "search"],
  expose: { reasoning: true, usage: true, toolResults: true, providerTools: true, logprobs: true },
  describe: ({ message }) => message,
};

/** Starts a relay whose provider plays these scripts, unless another client answers. */
export async function relaySite(
  scripts: readonly ReplyScript[] | (() => ReplyScript),
  options: Omit<RelayOptions, "client"> & { readonly client?: ClientWrapper } = { ...OPEN_RELAY, log: memoryLog() },
): Promise<RelaySite> {
  const provider = scriptedClient(scripts);
  const relay = createRelay({ client: provider, ...options });
  const server = createServer(toNode(relay.handle));
  const port = await listening(server);
  return {
    port,
    url: `http://127.0.0.1:${port}/chat`,
    provider,
    relay,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await relay.drain(0);
    },
  };
}

/** Starts a relay for `useChat` of the AI SDK that keeps conversations. */
export function aiSdkSite(scripts: readonly ReplyScript[], options: Partial<RelayOptions> = {}): Promise<RelaySite> {
  return relaySite(scripts, {
    authorize: "public",
    dialect: aiSdk,
    onError: () => undefined,
    log: memoryLog(),
    sessions: { store: new MemoryStore() },
    ...options,
  });
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
