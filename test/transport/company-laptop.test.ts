/**
 * A company's laptop: there is no route but a proxy that wants a password, the company has a certificate authority of
 * its own, and `NO_PROXY=localhost`. With squid and tinyproxy, as companies run them.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CompatibleClient } from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../cli/command.ts";
import { type Provider, startProvider } from "../support/company.ts";
import type { Engine } from "../support/engine.ts";
import { ownCa, PROVIDER_HOST } from "../support/own-ca.ts";
import { squidMissing, startSquid, startTinyproxy, tinyproxyMissing } from "../support/real-proxies.ts";

const KEY = "sk-company-0123456789";
const LAPTOP = fileURLToPath(new URL("../support/laptop.mjs", import.meta.url));
const AGENT_LIBRARY = fileURLToPath(
  new URL("../interop/node_modules/https-proxy-agent/dist/index.js", import.meta.url),
);
const QUESTION = [{ role: "user", content: "Hello?" }] as const;

describe.skipIf(squidMissing)(`behind squid${squidMissing ? ` (${squidMissing})` : ""}`, () => {
  let squid: Engine;
  let provider: Provider;
  let baseUrl: string;
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    squid = await startSquid("laptop", "s3cret-pw");
    provider = await startProvider();
    baseUrl = `https://${PROVIDER_HOST}:${provider.port}/v1`;
    const proxy = `http://laptop:s3cret-pw@127.0.0.1:${squid.port}`;
    env = { HTTPS_PROXY: proxy, NO_PROXY: "localhost", NODE_EXTRA_CA_CERTS: ownCa().file };
  }, 30_000);
  afterAll(async () => {
    await provider?.[Symbol.asyncDispose]();
    await squid?.[Symbol.asyncDispose]();
  });

  async function program(way: "proxy" | "agent", more: Readonly<Record<string, string>>): Promise<string> {
    const { PATH = "" } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [LAPTOP, way, baseUrl], {
      env: { PATH, KEY, ...more },
      timeout: 30_000,
    });
    return stdout;
  }

  test("a client with `proxy: true` streams, and keeps its tunnel", async () => {
    const before = provider.connections();
    expect(await program("proxy", env)).toBe("Hello from outside\nHello from outside\n");
    expect(provider.connections() - before).toBe(1);
    expect(provider.requests.at(-1)?.headers.authorization).toBe(`Bearer ${KEY}`);
  }, 30_000);

  test.skipIf(!existsSync(AGENT_LIBRARY))(
    "a client with the agent of a library streams",
    async () => {
      const agentEnv = { AGENT_LIBRARY, AGENT_PROXY: env.HTTPS_PROXY ?? "", NODE_EXTRA_CA_CERTS: ownCa().file };
      expect(await program("agent", agentEnv)).toBe("Hello from outside\nHello from outside\n");
    },
    30_000,
  );

  test("the command line streams, and asks for the list of models by the same way", async () => {
    const before = provider.requests.length;
    const { stdout, stderr, code } = await command(["--base-url", baseUrl, "Hello?"], {
      env: { ...env, CLOUDLLM_API_KEY: KEY },
    });
    expect({ stdout, code }, stderr).toEqual({ stdout: "Hello from outside\n", code: 0 });
    expect(provider.requests.slice(before).map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /v1/models",
      "POST /v1/chat/completions",
    ]);
  }, 30_000);

  test("without its password nothing reaches the provider, and the error says what to do", async () => {
    const before = provider.requests.length;
    const wrong = { ...env, HTTPS_PROXY: `http://laptop:wr0ng-pw@127.0.0.1:${squid.port}` };
    expect(await program("proxy", wrong)).toMatch(
      /^permission: .*\(HTTPS_PROXY\).*does not accept the name and password/,
    );
    const none = { ...env, HTTPS_PROXY: `http://127.0.0.1:${squid.port}`, CLOUDLLM_API_KEY: KEY };
    for (const model of [[], ["--model", "m"]]) {
      const { stdout, stderr, code } = await command(["--base-url", baseUrl, ...model, "Hello?"], { env: none });
      expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
      expect(stderr).toMatch(/asks for a name and a password\. Write them into HTTPS_PROXY/);
    }
    expect(provider.requests).toHaveLength(before);
  }, 30_000);

  test("without the proxy there is no way, and no certificate is trusted but by the company's authority", async () => {
    const before = provider.requests.length;
    const { HTTPS_PROXY = "" } = env;
    expect(await program("proxy", { NODE_EXTRA_CA_CERTS: ownCa().file })).toMatch(/^network: .*ENOTFOUND/);
    expect(await program("proxy", { HTTPS_PROXY })).toMatch(/^network: .*not trusted.*NODE_EXTRA_CA_CERTS/);
    expect(provider.requests).toHaveLength(before);
  }, 30_000);

  test("a server on the laptop itself is asked directly", async () => {
    await using local = await startProvider(undefined, { plain: true });
    const { stdout, code } = await command(["--base-url", `http://localhost:${local.port}/v1`, "Hello?"], {
      env: { ...env, HTTP_PROXY: "http://127.0.0.1:9" },
    });
    expect({ stdout, code }).toEqual({ stdout: "Hello from outside\n", code: 0 });
  }, 30_000);
});

describe.each([
  ["squid", squidMissing, startSquid],
  ["tinyproxy", tinyproxyMissing, startTinyproxy],
] as const)("through %s", (_name, missing, start) => {
  test.skipIf(missing)(
    "plain HTTP is forwarded, its connection is kept, and `warm` opens it",
    async () => {
      await using proxy = await start("laptop", "s3cret-pw");
      await using provider = await startProvider(undefined, { plain: true });
      const baseUrl = `http://127.0.0.1:${provider.port}/v1`;
      const at = `127.0.0.1:${proxy.port}`;
      const client = new CompatibleClient({ model: "m", baseUrl, proxy: `http://laptop:s3cret-pw@${at}` });
      expect(await client.warm()).toBe(true);
      expect((await (await client.sendMessageStream(QUESTION)).finalMessage()).content).toBe("Hello from outside");
      const refused = new CompatibleClient({ model: "m", baseUrl, proxy: `http://${at}`, retries: { max: 0 } });
      await expect(refused.sendMessage(QUESTION)).rejects.toMatchObject({ kind: "permission", status: 407 });
      expect(provider.requests).toHaveLength(1);
    },
    30_000,
  );

  test.skipIf(missing)(
    "a proxy that dies in the middle of a reply: the error has what came",
    async () => {
      await using proxy = await start("laptop", "s3cret-pw");
      await using provider = await startProvider(
        (response) => {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.write('data: {"id":"1","choices":[{"index":0,"delta":{"content":"Half"}}]}\n\n');
        },
        { plain: true },
      );
      const client = new CompatibleClient({
        model: "m",
        baseUrl: `http://127.0.0.1:${provider.port}/v1`,
        proxy: `http://laptop:s3cret-pw@127.0.0.1:${proxy.port}`,
        retries: { max: 0 },
      });
      const stream = await client.sendMessageStream(QUESTION);
      const pieces = stream.text();
      expect((await pieces.next()).value).toBe("Half");
      await proxy.kill();
      await expect(pieces.next()).rejects.toMatchObject({ retryable: true, partial: { content: "Half" } });
    },
    30_000,
  );
});
