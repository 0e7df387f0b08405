/** The processes of a run beside the provider: the sites, and Redis. */
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** Starts a site. `usage` resolves with its CPU in microseconds and its memory in bytes. */
export async function startSite({ name, log }, provider, { redis, folder }) {
  const script = fileURLToPath(new URL("server.mjs", import.meta.url));
  const child = fork(script, [name, log, provider, redis, folder], { execArgv: ["--expose-gc"] });
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`the site ended with code ${code}`);
  });
  failed.catch(() => undefined);
  const answer = async () => (await Promise.race([once(child, "message"), failed]))[0];
  const { port } = await answer();
  const usage = ({ isClean = false } = {}) => {
    child.send(isClean);
    return answer();
  };
  return { port, usage, stop: () => child.kill("SIGKILL") };
}

/** Starts a Redis server that keeps nothing on the disk; undefined when none is installed. */
export async function startRedis(folder) {
  if (spawnSync("redis-server", ["--version"]).status !== 0) return undefined;
  const port = await freePort();
  const options = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  const child = spawn("redis-server", options.map(String), { stdio: "ignore" });
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const [isUp] = await Promise.race([
      once(socket, "connect").then(() => [true]),
      once(socket, "error").then(() => []),
    ]).catch(() => []);
    socket.destroy();
    if (isUp) break;
    if (child.exitCode !== null) throw new Error(`redis-server ended with code ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url: `redis://127.0.0.1:${port}`, stop: () => child.kill() };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
