/** Imports point down, the core has no dependency, and only some folders may know Node. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

/** What each layer may import beside itself. Types may be looked up (`import type`): they leave no trace in the code. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  contract: ["platform", "schema", "stream"], // the interface names the stream it resolves to
  tokens: ["contract"],
  schema: ["contract", "platform"],
  stream: ["contract", "platform", "schema", "tokens"],
  protocols: ["contract", "platform", "schema"],
  transport: ["contract", "platform"],
  call: ["contract", "platform", "protocols", "stream", "transport"],
  clients: ["call", "contract", "platform", "protocols", "schema", "stream", "tokens", "transport"],
  reliability: ["contract", "platform", "stream", "tokens"],
  session: ["contract", "platform", "schema", "stream", "tokens"],
  embedded: ["call", "contract", "platform", "protocols", "stream", "tokens"],
  store: ["contract"],
  testing: ["call", "contract", "platform", "protocols", "stream", "tokens", "transport", "schema"],
  models: [], // data beside the core, which knows nothing of it
  cli: ["index", "embedded", "models", "store"],
  index: [
    "call",
    "clients",
    "contract",
    "platform",
    "reliability",
    "schema",
    "session",
    "store",
    "stream",
    "tokens",
    "transport",
  ],
};

/** Where `node:` modules may be imported. The Node transport takes them from `process` at its first request. */
const MAY_KNOW_NODE = ["cli", "store", "testing"];

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

describe.each(files)("src/%s", (file) => {
  const layer = layerOf(file);
  const imports = importsOf(readFileSync(join(SRC, file), "utf8"));

  test("imports only from below", () => {
    const allowed = [layer, ...(MAY_IMPORT[layer] ?? [])];
    for (const { specifier, typeOnly } of imports) {
      if (!specifier.startsWith(".") || typeOnly) continue;
      const target = layerOf(relative(SRC, join(SRC, dirname(file), specifier)));
      expect(allowed, `${file} → ${specifier}`).toContain(target);
    }
  });

  test("depends on nothing but the platform", () => {
    for (const { specifier, typeOnly } of imports) {
      if (specifier.startsWith(".") || specifier === "#default-transport") continue;
      expect(specifier, "a dependency").toMatch(/^node:/);
      if (!typeOnly)
        expect(MAY_KNOW_NODE, `${file} → ${specifier}`).toContain(file === "store/memory.ts" ? file : layer);
    }
  });
});

test("one provider knows nothing of another", () => {
  const shared = ["models.ts", "provider-options.ts", "provider-client.ts", "account.ts"];
  for (const file of files.filter((name) => layerOf(name) === "clients")) {
    for (const { specifier } of importsOf(readFileSync(join(SRC, file), "utf8"))) {
      if (specifier.startsWith("./")) expect(shared, file).toContain(specifier.slice(2));
    }
  }
});

test("the core knows nothing of prices, not even later", () => {
  for (const file of files.filter((name) => !["cli", "models"].includes(layerOf(name)))) {
    expect(readFileSync(join(SRC, file), "utf8"), file).not.toMatch(
      /(from|import\() ?"(\.\.?\/)+models\/|from "cloudllm\/models"/,
    );
  }
});

function layerOf(file: string): string {
  const [first = ""] = file.split(/[\\/]/);
  if (first === "index.ts") return "index";
  return first;
}

function importsOf(source: string): { specifier: string; typeOnly: boolean }[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/^(?:import|export)\s([^;]*?)from "([^"]+)"/gm)].map(([, names = "", specifier = ""]) => ({
    specifier,
    typeOnly: /^type\s*\{/.test(names) || /^\{(\s*type\s[^,}]+,?)+\s*\}/.test(names),
  }));
}
