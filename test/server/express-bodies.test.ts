/** Odd bodies behind the parser of Express: it has read them, and leaves the relay what it made of them. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createRelay, toNode } from "../../src/server/index.ts";
import { scriptedClient } from "../../src/testing/index.ts";
import { expressOf, frameworksMissing } from "../support/web-frameworks.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const skip = frameworksMissing === undefined ? "" : ` [skipped: ${frameworksMissing}]`;

describe.skipIf(frameworksMissing).each([4, 5] as const)(`Express %i with express.json()${skip}`, (version) => {
  async function post(path: string, body?: string): Promise<Response> {
    const express = expressOf(version);
    const relay = createRelay({ client: scriptedClient([{ text: "Hi" }]), authorize: "public" });
    const server = createServer(express().use(express.json()).use("/chat", toNode(relay.handle)));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const headers = { "content-type": "application/json", connection: "close" };
    const { port } = server.address() as AddressInfo;
    return fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body: body ?? null });
  }

  test("a stop without a body that says to be JSON is not refused", async () => {
    expect((await post("/chat/c1/stop")).status).toBe(204);
  });

  test("a body that is nested too deep for JSON is refused with a sentence", async () => {
    const response = await post("/chat", `${"[".repeat(20_000)}${"]".repeat(20_000)}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { kind: "invalidRequest", message: expect.any(String) } });
  });
});
