/** A newcomer: the package as it is published, in an empty folder, without a key, a network or a configuration. */

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { relayClient } from "cloudllm/web";
import { afterEach, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-newcomer-"));
  folders.push(folder);
  return folder;
}

/** The npm of this Node, and nothing else of this environment: no key, no address of a provider. */
function environment(home: string): NodeJS.ProcessEnv {
  const { PATH = "" } = process.env;
  return { PATH: `${dirname(process.execPath)}:${PATH}`, HOME: home, npm_config_offline: "true" };
}

// The minute is the newcomer's; to pack comes before it.
test("`npx cloudllm serve` in an empty folder chats within a minute, without a key and without a network", {
  timeout: 180_000,
}, async () => {
  const [shelf, folder] = [emptyFolder(), emptyFolder()];
  const env = environment(shelf);
  const npm = (args: readonly string[], cwd: string): string =>
    execFileSync("npm", [...args], { cwd, env, encoding: "utf8" });
  npm(["pack", "--silent", "--ignore-scripts", "--pack-destination", shelf], ROOT);
  const [tarball = ""] = readdirSync(shelf).filter((name) => name.endsWith(".tgz"));

  const since = performance.now();
  npm(["install", "--no-audit", "--no-fund", join(shelf, tarball)], folder);
  const command = ["--no", "cloudllm", "serve", "--port", "0"];
  const server = spawn("npx", command, {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "ignore"],
    detached: true, // with what npx starts, it is ended as one group
  });
  const ended = new Promise((resolve) => server.once("close", resolve));
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      server.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (said.includes("\n")) resolve(said.trim());
      });
      server.once("exit", () => reject(new Error(`The server has ended: ${said}`)));
    });
    expect(await (await fetch(url)).text()).toContain("<title>");
    const client = relayClient({ url: `${url}/relay`, chat: "first" });
    const stream = await client.sendMessageStream([{ role: "user", content: "What is streaming?" }]);
    let text = "";
    for await (const chunk of stream) text += chunk.content;
    expect(text).not.toBe("");
    expect(performance.now() - since).toBeLessThan(60_000);
  } finally {
    if (server.pid !== undefined) process.kill(-server.pid, "SIGKILL");
    await ended;
  }
});
