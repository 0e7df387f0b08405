/** The options `agent`, `proxy` and `baseUrl: "unix:…"` as a constructor takes them, without a proxy. */

import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientOptions, CompatibleClient, httpGet, OpenAIClient } from "cloudllm";
import { describe, expect, test } from "vitest";
import { startProvider } from "../support/company.ts";
import { opensslMissing, ownCa } from "../support/own-ca.ts";

const QUESTION = [{ role: "user", content: "Hello?" }] as const;

async function contentOf(client: CompatibleClient): Promise<string> {
  return (await (await client.sendMessageStream(QUESTION)).finalMessage()).content;
}

describe("a wrong option is refused at once, by its name", () => {
  const made = (options: object) => () => new OpenAIClient({ model: "m", apiKey: "k", ...options });
  const agent = new HttpsAgent();

  test.each<[string, object, string]>([
    [
      "an agent that is none",
      { agent: {} },
      "`agent` must be an agent of node:http or node:https. Received an object.",
    ],
    [
      "an agent for http",
      { agent: new Agent() },
      "`agent` opens connections for http:, and `baseUrl` begins with https:",
    ],
    ["a proxy without a scheme", { proxy: "me:hunter2@proxy:1" }, "`proxy` must be true (the proxy variables), false,"],
    ["a SOCKS proxy", { proxy: "socks5://me:hunter2@proxy:1" }, "For SOCKS, pass an `agent`."],
    ["a proxy that is a number", { proxy: 1 }, "Received a number."],
    [
      "an agent and a proxy",
      { agent, proxy: true },
      "Pass either `agent` or `proxy`: each of them opens the connections.",
    ],
    ["a fetch and a proxy", { fetch, proxy: "http://p:1" }, "Pass either `proxy` or `fetch`"],
    ["a fetch and an agent", { fetch, agent }, "Pass either `agent` or `fetch`"],
    [
      "an agent on a socket",
      { agent, baseUrl: "unix:/x.sock" },
      "Pass either `agent` or a `baseUrl` that begins with unix:",
    ],
    ["a socket without a path", { baseUrl: "unix:x.sock" }, "`baseUrl` must be an absolute http or https URL"],
  ])("%s", (_what, options, message) => {
    expect(made(options)).toThrow(TypeError);
    expect(made(options)).toThrow(message);
    expect(made(options)).not.toThrow(/hunter2/);
  });

  test("`proxy: false` beside a fetch, and `undefined`, are not choices", () => {
    expect(made({ fetch, proxy: false })).not.toThrow();
    expect(made({ agent: undefined, proxy: undefined })).not.toThrow();
  });
});

describe("an agent of the caller's", () => {
  test("opens and keeps the connections", async () => {
    await using provider = await startProvider(undefined, { plain: true });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const baseUrl = `http://127.0.0.1:${provider.port}/v1`;
    const client = new CompatibleClient({ model: "m", baseUrl, agent });
    expect(await client.warm()).toBe(true);
    expect(await Promise.all([contentOf(client), contentOf(client)])).toEqual(Array(2).fill("Hello from outside"));
    expect(provider.connections()).toBe(1);
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    agent.destroy();
  });

  test.skipIf(opensslMissing)("knows the company's certificate authority, and no other client does", async () => {
    await using provider = await startProvider();
    const options: ClientOptions & { baseUrl: string } = {
      model: "m",
      baseUrl: `https://localhost:${provider.port}/v1`,
      retries: { max: 0 },
    };
    const agent = new HttpsAgent({ ca: ownCa().ca });
    expect(await contentOf(new CompatibleClient({ ...options, agent }))).toBe("Hello from outside");
    await expect(contentOf(new CompatibleClient(options))).rejects.toMatchObject({ kind: "network", retryable: false });
  });
});

test.skipIf(process.platform === "win32")("a server on a Unix socket is an address as any other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-socket-"));
  try {
    const socketPath = join(folder, "llama.sock");
    await using provider = await startProvider(undefined, { socketPath });
    const client = new CompatibleClient({ model: "m", baseUrl: `unix:${socketPath}:/v1`, apiKey: "k", proxy: true });
    expect(await contentOf(client)).toBe("Hello from outside");
    expect(await contentOf(client)).toBe("Hello from outside");
    expect(provider.connections()).toBe(1);
    expect(provider.requests[0]).toMatchObject({ url: "/v1/chat/completions", headers: { host: "localhost" } });
    expect(await httpGet(`unix:${socketPath}:/v1/models`)).toEqual({ status: 200, text: '{"data":[{"id":"m"}]}' });
    const gone = new CompatibleClient({ model: "m", baseUrl: `unix:${socketPath}x:/v1`, retries: { max: 0 } });
    await expect(gone.sendMessage(QUESTION)).rejects.toMatchObject({ kind: "network", code: "ENOENT" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("`httpGet`", () => {
  test("resolves with any status, and rejects where there is no answer", async () => {
    await using provider = await startProvider((response) => response.writeHead(404).end("grüß"), { plain: true });
    const url = `http://127.0.0.1:${provider.port}/x`;
    expect(await httpGet(url, { headers: { authorization: "Bearer k" } })).toEqual({ status: 404, text: "grüß" });
    expect(provider.requests[0]).toMatchObject({ method: "GET", headers: { authorization: "Bearer k" } });
    await expect(httpGet(url, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: "aborted" });
    await provider[Symbol.asyncDispose]();
    await expect(httpGet(url)).rejects.toMatchObject({ kind: "network", code: "ECONNREFUSED" });
    await expect(httpGet("ftp://x")).rejects.toThrow(TypeError);
  });
});
