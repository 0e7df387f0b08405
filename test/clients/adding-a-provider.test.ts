/** The guide in docs/adding-a-provider.md, followed once: a provider that does not exist, in a file of its own, keeps every law. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startProviderServer } from "cloudllm/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { GEMINI_CANNOT, testClient } from "../contract/clients.ts";
import { NimbusClient, type NimbusClientOptions } from "./made-up/nimbus.ts";
import { ZephyrClient } from "./made-up/zephyr.ts";

const MAX_LINES = 60;

/** One file for many providers, one that is data, one that is types, and the parts of all. */
const NO_SINGLE_PROVIDER = [
  "account.ts",
  "api-key.ts",
  "authority.ts",
  "call-request.ts",
  "client-headers.ts",
  "compatible.ts",
  "definition.ts",
  "http-get.ts",
  "models.ts",
  "network.ts",
  "protocol-loader.ts",
  "provider-client.ts",
  "provider-options.ts",
  "request-headers.ts",
  "token-count.ts",
];

/** Clouds: their addresses follow from regions, projects and resources, and their credentials from several places. */
const CLOUDS = ["azure.ts", "bedrock.ts", "vertex.ts"];

afterEach(() => vi.unstubAllEnvs());

function textOf(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
}

describe("a provider that speaks a known protocol is one short file", () => {
  const own = readdirSync(fileURLToPath(new URL("../../src/clients/", import.meta.url)))
    .filter((file) => !NO_SINGLE_PROVIDER.includes(file) && !CLOUDS.includes(file))
    .map((file) => `../../src/clients/${file}`);

  test.each([...own, "./made-up/nimbus.ts", "./made-up/zephyr.ts"])("%s", (path) => {
    expect(textOf(path).trimEnd().split("\n").length).toBeLessThanOrEqual(MAX_LINES);
  });

  test.each(CLOUDS)("%s, with its addresses and credentials", (file) => {
    expect(textOf(`../../src/clients/${file}`).trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });

  test.each(["Nimbus", "Zephyr"])("the file of %s that the guide shows is the one tested here", (name) => {
    const guide = textOf("../../docs/adding-a-provider.md");
    const [, shown = ""] = new RegExp(`\`\`\`typescript\\n(/\\*\\* ${name}.*?)\`\`\``, "s").exec(guide) ?? [];
    // It lives in another folder, which makes one of its imports too long for a line.
    const inPlace = textOf(`./made-up/${name.toLowerCase()}.ts`).replaceAll("../../../src/", "../");
    const oneLine = (text: string) => text.replace(/\s+/g, " ").replaceAll(", }", " }");
    expect(oneLine(shown)).toBe(oneLine(inPlace));
  });
});

const APIS: readonly (readonly [NonNullable<NimbusClientOptions["api"]>, { path: string; header: string }])[] = [
  ["chat", { path: "/v1", header: "authorization" }],
  ["responses", { path: "/v1", header: "authorization" }],
  ["messages", { path: "", header: "x-api-key" }],
  ["gemini", { path: "", header: "x-goog-api-key" }],
];

describe.each(APIS)("the made-up provider in %s", (api, { path, header }) => {
  test("goes by its name, and sends its key where the provider looks for it", async () => {
    await using server = await startProviderServer();
    vi.stubEnv("NIMBUS_API_KEY", "nimbus-key");
    const client = new NimbusClient({ model: "cumulus-1", api, baseUrl: server.origin + path });
    const { provider, content } = await client.sendMessage([{ role: "user", content: "hi" }]);
    expect(provider).toBe("nimbus");
    expect(content).not.toBe("");
    expect(server.requests[0]?.headers[header]).toContain("nimbus-key");
  });

  describe("keeps the contract", () => {
    const cannot = api === "gemini" ? GEMINI_CANNOT : {};
    testClient({ name: api, path, cannot, create: (options) => new NimbusClient({ ...options, api }) });
  });
});

describe("the made-up provider with one protocol keeps the contract", () => {
  testClient({ name: "zephyr", path: "", cannot: {}, create: (options) => new ZephyrClient(options) });
});
