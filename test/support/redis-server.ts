/** Redis as the system ships it, for the tests that need the real one. */

import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { type Engine, startEngine } from "./engine.ts";

/** Why there is no Redis; `undefined` when there is one. */
export const redisMissing: string | undefined =
  spawnSync("redis-server", ["--version"]).status === 0 ? undefined : "redis-server is not installed";

/** A Redis server of one test file. */
export interface RedisServer extends Engine {
  /** For a client library: `redis://127.0.0.1:PORT`. */
  readonly url: string;
}

/**
 * Starts a Redis server. It keeps nothing on the disk.
 * @param options.appendOnly whether it keeps each write on the disk, so that `kill` and `start` lose nothing
 */
export async function startRedis({ appendOnly = false }: { readonly appendOnly?: boolean } = {}): Promise<RedisServer> {
  const engine = await startEngine({
    command: (folder, port) => [
      "redis-server",
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
      ...["--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always"],
    ],
    answers: ping,
    killedBy: "SIGKILL",
  });
  return Object.assign(engine, { url: `redis://127.0.0.1:${engine.port}` });
}

/** Starts a cluster of one server: it refuses keys of two slots in one command, as a larger one does. */
export async function startRedisCluster(): Promise<RedisServer> {
  const engine = await startEngine({
    command: (folder, port) => [
      "redis-server",
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
      ...["--cluster-enabled", "yes", "--cluster-port", String(port > 40_000 ? port - 10_000 : port + 10_000)],
      ...["--cluster-announce-ip", "127.0.0.1"],
    ],
    async answers(port) {
      await ping(port);
      const cli = (...args: string[]) =>
        String(spawnSync("redis-cli", ["-p", String(port), "CLUSTER", ...args]).stdout);
      cli("ADDSLOTSRANGE", "0", "16383");
      if (!cli("INFO").includes("cluster_state:ok")) throw new Error("The cluster is not ready.");
    },
    killedBy: "SIGKILL",
  });
  return Object.assign(engine, { url: `redis://127.0.0.1:${engine.port}` });
}

/** Resolves when the server answers a command: it accepts connections before it has read its data. */
function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(1_000, () => socket.destroy(new Error("The server does not answer.")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The server has closed the connection.")));
    socket.once("data", (answer) => {
      if (answer.toString() === "+PONG\r\n") resolve();
      socket.destroy();
    });
  });
}
