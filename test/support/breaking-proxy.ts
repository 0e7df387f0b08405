/** A proxy on loopback that breaks connections, as networks do. */

import type { AddressInfo } from "node:net";
import { createServer, connect as open, type Socket } from "node:net";

/**
 * How a connection ends, seen from the client: `reset` breaks it, `end` closes it in an orderly way in the middle of a
 * response (as a proxy does whose upstream has died), and `freeze` passes on nothing more.
 */
export type Break = "reset" | "end" | "freeze";

/** After how many bytes of responses a connection ends, and how. */
export interface Plan {
  readonly afterBytes: number;
  readonly how: Break;
}

/** A proxy with its address. */
export interface BreakingProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  connections(): number;
  /** Breaks every connection that is open. */
  breakAll(): void;
}

/**
 * @param port of the server; a function chooses one for each connection, as a load balancer does
 * @param planOf the plan for each connection, counted from 0; `undefined` lets it live
 */
export async function breakingProxy(
  port: number | (() => number),
  planOf: (connection: number) => Plan | undefined,
): Promise<BreakingProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    const upstream = open(typeof port === "number" ? port : port(), "127.0.0.1");
    const plan = planOf(connections++);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined); // what is being tested
      socket.on("close", () => sockets.delete(socket));
    }
    let left = plan?.afterBytes ?? Number.POSITIVE_INFINITY;
    client.on("data", (bytes) => upstream.write(bytes));
    client.on("close", () => upstream.destroy());
    upstream.on("end", () => client.end());
    upstream.on("close", () => client.destroySoon());
    upstream.on("data", (bytes) => {
      if (left <= 0) return;
      const passed = bytes.subarray(0, left);
      left -= passed.length;
      if (left > 0) return void client.write(passed);
      const broken = (): void => {
        if (plan?.how === "freeze") return;
        upstream.destroy();
        if (plan?.how === "reset") client.resetAndDestroy();
        else client.end();
      };
      client.write(passed, broken);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    breakAll: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
