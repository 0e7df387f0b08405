/** A gateway with a scripted model: as a function, and behind `node:http` on loopback. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { bearerKey, createGateway, type Gateway, type GatewayOptions, toNode } from "../../src/server/index.ts";
import { type ReplyScript, type ScriptedCall, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";

/** The key of every gateway of the tests. */
export const KEY = "sk-ours-0123456789";

type Scripts = readonly ReplyScript[] | ((call: ScriptedCall) => ReplyScript);

/** A gateway whose model plays scripts. */
export interface TestGateway extends Gateway {
  readonly model: ScriptedClient;
}

export function testGateway(scripts: Scripts, options: Partial<GatewayOptions> = {}): TestGateway {
  const model = scriptedClient(scripts);
  return { model, ...createGateway({ client: model, authorize: bearerKey(KEY), ...options }) };
}

/** Returns a request of a program to a route, such as `chat/completions`. */
export function ask(route: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`http://gateway.test/v1/${route}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}`, ...headers },
    body: JSON.stringify(body),
  });
}

/** One server-sent event: its name, and its data parsed (`[DONE]` stays text). */
export interface WireEvent {
  readonly event: string | undefined;
  readonly data: unknown;
}

/** Resolves with the events of a response. Comments are left out. */
export async function eventsOf(response: Response): Promise<readonly WireEvent[]> {
  return eventsIn(await response.text());
}

export function eventsIn(text: string): readonly WireEvent[] {
  const events: WireEvent[] = [];
  for (const block of text.split("\n\n")) {
    const lines = block.split("\n").filter((line) => line !== "" && !line.startsWith(":"));
    if (lines.length === 0) continue;
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const data = field("data") ?? "";
    events.push({ event: field("event"), data: data === "[DONE]" ? data : JSON.parse(data) });
  }
  return events;
}

/** A gateway with its address. */
export interface GatewaySite extends AsyncDisposable {
  /** Without `/v1`. */
  readonly origin: string;
  readonly gateway: Gateway;
}

/** Starts a gateway behind `node:http`. */
export async function gatewaySite(gateway: Gateway): Promise<GatewaySite> {
  const server = createServer(toNode(gateway.handle));
  return {
    origin: `http://127.0.0.1:${await listening(server)}`,
    gateway,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await gateway.drain(0);
    },
  };
}

/** Starts one whose streams have this between their events, and before the first one. */
export function pausingSite(gateway: Gateway, keepAlive = ": keep-alive\n\n"): Promise<GatewaySite> {
  const handle = async (request: Request): Promise<Response> => {
    const response = await gateway.handle(request);
    return new Response(keepAlive + (await response.text()).replaceAll("\n\n", `\n\n${keepAlive}`), response);
  };
  return gatewaySite({ ...gateway, handle });
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
