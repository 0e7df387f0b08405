/** Servers that live for one test. */

import { afterEach } from "vitest";
import { type RawRequest, type RawServer, rawServer } from "./raw-server.ts";

/** Answers a request by hand; `index` is the number of requests before it. */
export type Answer = (request: RawRequest, index: number) => void;

/** Returns a function that starts servers. Each one is closed after the test that started it. Call it once per file. */
export function useServers(): (answer: Answer) => Promise<RawServer> {
  const servers: RawServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
  });
  return async (answer) => {
    const server = await rawServer(answer);
    servers.push(server);
    return server;
  };
}
