/** The provider, the wrapper and the store that documents show keep every law, so that a reader who copies one begins well. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClientOptions, type ClientWrapper, MemoryStore, type SessionStore } from "cloudllm";
import { contractSuite, type LawCase, scriptedClient, startProviderServer, storeSuite } from "cloudllm/testing";
import { afterAll, beforeAll, describe, test } from "vitest";

interface OwnProvider {
  readonly AcmeClient: new (options: ClientOptions) => ClientWrapper;
}

interface OwnWrapper {
  logged(client: ClientWrapper, log: (line: string) => void): ClientWrapper;
}

interface OwnDatabase {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  keys(): Promise<readonly string[]>;
}

interface OwnStore {
  readonly DatabaseStore: new (database: OwnDatabase) => SessionStore;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".examples", "laws");

/** Loads the code block of a document that exports this name. */
async function shown<Exports>(document: string, name: keyof Exports & string): Promise<Exports> {
  const blocks = readFileSync(join(root, "docs", document), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm);
  const code = [...blocks].map(([, block = ""]) => block).find((block) => block.includes(` ${name}`));
  if (code === undefined) throw new Error(`docs/${document} shows no ${name}.`);
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, code);
  return (await import(file)) as Exports;
}

let provider: OwnProvider;
let wrapper: OwnWrapper;
let store: OwnStore;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  provider = await shown<OwnProvider>("adding-a-provider.md", "AcmeClient");
  wrapper = await shown<OwnWrapper>("extending.md", "logged");
  store = await shown<OwnStore>("extending.md", "DatabaseStore");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function register(cases: readonly LawCase[]): void {
  for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
}

describe("the provider in a package of its own", () => {
  register(
    contractSuite({
      async open(scripts) {
        const server = await startProviderServer(scripts);
        return {
          client: new provider.AcmeClient({ model: "any", apiKey: "any", baseUrl: server.baseUrl }),
          requests: () => server.requests.length,
          closed: async (call) => (await server.request(call)).closed,
          sent: (call) => server.requests[call]?.sent.packets ?? 0,
          dispose: () => server.close(),
        };
      },
    }),
  );
});

describe("the wrapper that logs", () => {
  register(
    contractSuite({
      open: (scripts) => ({ client: wrapper.logged(scriptedClient(scripts), () => {}) }),
      cannot: { closing: "no socket", requests: "no requests", sent: "no server" },
    }),
  );
});

describe("the store on a key-value database", () => {
  const single = "it serves one process";
  register(
    storeSuite({
      open() {
        const values = new Map<string, string>();
        return {
          store: new store.DatabaseStore({
            get: async (key) => values.get(key),
            set: async (key, value) => void values.set(key, value),
            delete: async (key) => void values.delete(key),
            keys: async () => [...values.keys()],
          }),
        };
      },
      cannot: { other: single, cut: single, lostAnswers: single, expiry: single },
    }),
  );
});

describe("a store with the required methods only", () => {
  const absent = "the method is optional";
  register(
    storeSuite({
      open() {
        const full = new MemoryStore();
        return {
          store: {
            append: (id, records) => full.append(id, records),
            load: (id) => full.load(id),
            list: (options) => full.list(options),
          },
        };
      },
      cannot: { claim: absent, replace: absent, delete: absent, other: absent, cut: absent, lostAnswers: absent },
    }),
  );
});
