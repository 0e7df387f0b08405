/** Imports point down, the core has no dependency, and only some folders may know Node. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

/** The layers that each layer may import from, in addition to itself: values and types alike. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  contract: ["platform"],
  tokens: ["contract", "platform", "schema"], // the tokens of a request include its schemas
  schema: ["contract", "platform"],
  stream: ["contract", "platform", "schema", "tokens"],
  transport: ["contract", "platform"],
  protocols: ["contract", "platform", "schema", "stream", "transport"], // a protocol names the framing of its events
  call: ["contract", "platform", "protocols", "stream", "transport"],
  runtime: ["protocols", "reliability", "session", "transport"],
  clients: ["call", "contract", "platform", "protocols", "schema", "stream", "tokens", "transport"],
  reliability: ["contract", "platform", "stream", "tokens"],
  session: ["contract", "platform", "schema", "stream", "tokens"],
  embedded: ["call", "contract", "platform", "protocols", "stream", "tokens"],
  credentials: ["call", "contract", "platform", "transport"], // of the two, types
  dialects: ["contract", "platform", "stream"],
  server: ["contract", "dialects", "platform", "session", "stream", "tokens"],
  store: ["contract", "platform", "reliability", "server", "session"],
  web: ["contract", "dialects", "platform", "stream", "transport"],
  otel: ["contract", "platform", "stream"], // wrappers, which know clients by the contract only
  react: ["web"],
  testing: [
    "call",
    "contract",
    "platform",
    "protocols",
    "server",
    "session",
    "stream",
    "tokens",
    "transport",
    "schema",
  ],
  models: ["contract"], // data beside the core, which does not import it
  cli: ["index", "credentials", "embedded", "models", "page", "server", "store"], // of the page: types, and JSON to read
  page: ["web"], // a program of its own, for browsers: `cloudllm serve` sends its built files
  index: [
    "call",
    "clients",
    "contract",
    "platform",
    "protocols",
    "reliability",
    "schema",
    "session",
    "store",
    "stream",
    "tokens",
    "transport",
  ],
};

/** The rooms of the relay, from below: each imports from those before it only. */
const RELAY_ROOMS = ["log", "feed", "http", "policy", "request", "run", "gateway"];

/** The one import that points up: the interface names the stream that it resolves to. */
const POINTS_UP = { from: "contract/client.ts", to: "stream/message-stream.ts" };

/** Where `node:` modules may be imported. The Node transport takes them from `process` at its first request. */
const MAY_KNOW_NODE = ["cli", "store", "testing"];

/** Packages that become a part of the built files: development dependencies, in no program that imports the library. */
const BUNDLED: Readonly<Record<string, readonly string[]>> = { cli: ["hono", "hono/cookie"], page: ["marked"] };

/** The packages that a layer is made for: optional peers, which the program that imports the layer has. */
const PEERS: Readonly<Record<string, string>> = { react: "react" };

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

describe.each(files)("src/%s", (file) => {
  const layer = layerOf(file);
  const imports = importsOf(readFileSync(join(SRC, file), "utf8"));

  test("imports only from below", () => {
    const allowed = [layer, ...(MAY_IMPORT[layer] ?? [])];
    for (const target of importedFiles(file)) expect(allowed, `${file} → ${target}`).toContain(layerOf(target));
  });

  test("depends on nothing but the platform", () => {
    for (const { specifier, typeOnly } of imports) {
      if (specifier.startsWith(".") || specifier === "#runtime") continue;
      if (BUNDLED[layer]?.includes(specifier) || PEERS[layer] === specifier) continue;
      expect(specifier, "a dependency").toMatch(/^node:/);
      if (!typeOnly)
        expect(MAY_KNOW_NODE, `${file} → ${specifier}`).toContain(file === "store/memory.ts" ? file : layer);
    }
  });
});

test("there is no circle of layers", () => {
  expect(circleIn(Object.keys(MAY_IMPORT), (layer) => MAY_IMPORT[layer] ?? [])).toEqual([]);
});

test("the rooms of the relay import from those below them", () => {
  const roomOf = (file: string) => RELAY_ROOMS.findIndex((room) => file.startsWith(`server/${room}/`));
  const upward = files
    .filter((file) => roomOf(file) >= 0)
    .flatMap((file) => importedFiles(file).flatMap((to) => (roomOf(to) > roomOf(file) ? [`${file} → ${to}`] : [])));
  expect(upward).toEqual([]);
});

test("there is no circle of files", () => {
  expect(circleIn(files, (file) => [...importedFiles(file), ...runtimesOf(file)])).toEqual([]);
});

test("the one exception still exists", () => {
  const source = readFileSync(join(SRC, POINTS_UP.from), "utf8");
  expect(importsOf(source)).toContainEqual({ specifier: `../${POINTS_UP.to}`, typeOnly: true });
});

test("one provider knows nothing of another", () => {
  const shared = [
    "account.ts",
    "api-key.ts",
    "authority.ts",
    "call-request.ts",
    "client-headers.ts",
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

test("no file of tests has more than 500 lines", () => {
  const tests = fileURLToPath(new URL("./", import.meta.url));
  const long = readdirSync(tests, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
    .filter((file) => readFileSync(join(tests, file), "utf8").split("\n").length > 501);
  expect(long).toEqual([]);
});

function layerOf(file: string): string {
  const [first = ""] = file.split(/[\\/]/);
  if (first === "index.ts") return "index";
  return first;
}

/** The files of `src` that a file imports from, values and types alike, but for the exception. */
function importedFiles(file: string): string[] {
  return importsOf(readFileSync(join(SRC, file), "utf8"))
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => relative(SRC, join(SRC, dirname(file), specifier)))
    .filter((target) => file !== POINTS_UP.from || target !== POINTS_UP.to);
}

/** The files that `#runtime` stands for, where a file imports it. */
function runtimesOf(file: string): string[] {
  const isImported = importsOf(readFileSync(join(SRC, file), "utf8")).some(({ specifier }) => specifier === "#runtime");
  return isImported ? files.filter((each) => layerOf(each) === "runtime") : [];
}

/** The first circle that a walk along the arrows finds, from its first node back to it; empty where there is none. */
function circleIn(nodes: readonly string[], arrowsOf: (node: string) => readonly string[]): string[] {
  const done = new Set<string>();
  const walk = (node: string, path: readonly string[]): string[] => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return [];
    for (const next of arrowsOf(node)) {
      const circle = walk(next, [...path, node]);
      if (circle.length > 0) return circle;
    }
    done.add(node);
    return [];
  };
  return nodes.map((node) => walk(node, [])).find((circle) => circle.length > 0) ?? [];
}

function importsOf(source: string): { specifier: string; typeOnly: boolean }[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/^(?:import|export)\s([^;]*?)from "([^"]+)"/gm)].map(([, names = "", specifier = ""]) => ({
    specifier,
    typeOnly: /^type\s*\{/.test(names) || /^\{(\s*type\s[^,}]+,?)+\s*\}/.test(names),
  }));
}

test("what tests share begins nothing when it is loaded: files of one process load it once", () => {
  const support = fileURLToPath(new URL("./support/", import.meta.url));
  const acting = readdirSync(support)
    .filter((file) => file.endsWith(".ts"))
    .filter((file) =>
      /^(before|after)(All|Each)\(|^vi\.(mock|stub|spyOn|use)/m.test(readFileSync(join(support, file), "utf8")),
    );
  expect(acting).toEqual([]);
});
