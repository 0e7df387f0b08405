/** A protocol that is loaded: the first calls wait for it, and nothing else about them differs. */

import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ClientOptions, type Message, type Protocol, ProviderClient, type SendOptions } from "cloudllm";
import { chatCompletions } from "cloudllm/protocols";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as onNode from "../../src/protocols/load-node.ts";
import * as elsewhere from "../../src/protocols/load-static.ts";
import { schemaEngine } from "../../src/schema/load-engine.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const isBuilt = existsSync(join(ROOT, "dist", "index.js"));

const CHAT = chatCompletions({ maxTokensField: "max_tokens" });
const QUESTION: readonly Message[] = [{ role: "user", content: "?" }];

afterEach(() => vi.useRealTimers());

/** A load that the test ends. */
interface Load {
  readonly resolve: (protocol: Protocol) => void;
  readonly reject: (error: Error) => void;
}

/** Clients with loads that the test ends, and the bodies that they sent. */
function loading(): {
  loads: Load[];
  sent: { messages: { content: string }[] }[];
  client: (options?: Partial<ClientOptions>) => ProviderClient;
} {
  const loads: Load[] = [];
  const sent: { messages: { content: string }[] }[] = [];
  const load = () => new Promise<Protocol>((resolve, reject) => loads.push({ resolve, reject }));
  const fetch: ClientOptions["fetch"] = async (_url, init) => {
    sent.push(JSON.parse(String(init?.body)));
    return new Response(
      'data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
      { headers: { "content-type": "text/event-stream" } },
    );
  };
  const definition = { provider: "late", protocol: load, baseUrl: "https://late.example/v1", keyNames: [] } as const;
  const client = (options: Partial<ClientOptions> = {}) =>
    new ProviderClient({ ...definition, keyOptional: true }, { model: "l-1", fetch, ...options });
  return { loads, sent, client };
}

test("two first calls at once load the protocol once, and both are answered", async () => {
  const { loads, client } = loading();
  const late = client();
  expect(loads).toHaveLength(1); // a client does not wait for its first call
  const calls = [late.sendMessage(QUESTION), late.sendMessage(QUESTION)];
  loads[0]?.resolve(CHAT);
  expect((await Promise.all(calls)).map(({ content }) => content)).toEqual(["Hello", "Hello"]);
  await late.sendMessage(QUESTION);
  expect(loads).toHaveLength(1);
});

test("a call after the load sends its request at once, without a promise in between", async () => {
  const { loads, sent, client } = loading();
  const late = client();
  loads[0]?.resolve(CHAT);
  await vi.waitFor(() => late.sendMessage(QUESTION));
  const before = sent.length;
  const call = late.sendMessage(QUESTION);
  expect(sent).toHaveLength(before + 1);
  await call;
});

test("a load that fails is an error of the calls that wait, which says so and leads to the caller", async () => {
  const { loads, sent, client } = loading();
  const late = client();
  async function theCaller(): Promise<void> {
    await late.sendMessage(QUESTION);
  }
  const call = theCaller();
  loads[0]?.reject(new Error("no such file"));
  const error = await call.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: "unsupported", provider: "late", model: "l-1", retryable: false, attempts: [] });
  expect(error).toHaveProperty("message", expect.stringContaining("cannot be loaded: no such file"));
  expect(error).toHaveProperty("stack", expect.stringContaining("theCaller"));
  expect(error).toHaveProperty("cause.message", "no such file");
  expect(sent).toEqual([]);
});

test("a load that failed before the first call ends no program, and does not spoil the calls after it", async () => {
  const { loads, client } = loading();
  const late = client();
  loads[0]?.reject(new Error("no such file"));
  await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection fails the run
  const call = late.sendMessage(QUESTION);
  expect(loads).toHaveLength(2);
  loads[1]?.resolve(CHAT);
  expect((await call).content).toBe("Hello");
});

test("a function that throws instead of loading is an error of the call", async () => {
  const broken = new ProviderClient(
    {
      provider: "late",
      protocol: () => {
        throw new Error("not here");
      },
      baseUrl: "https://late.example/v1",
      keyNames: [],
      keyOptional: true,
    },
    { model: "l-1" },
  );
  await expect(broken.sendMessage(QUESTION)).rejects.toThrow("cannot be loaded: not here");
});

describe("a call that waits for its protocol", () => {
  test("ends at once when its signal fires", async () => {
    const { loads, sent, client } = loading();
    const controller = new AbortController();
    const reason = new Error("the user left");
    const call = client().sendMessage(QUESTION, { signal: controller.signal });
    controller.abort(reason);
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "aborted", provider: "late", model: "l-1", cause: reason });
    loads[0]?.resolve(CHAT);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
  });

  test("is not begun by a signal that has fired", async () => {
    const { client } = loading();
    const call = client().sendMessage(QUESTION, { signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ kind: "aborted" });
  });

  test("ends when its time is over", async () => {
    vi.useFakeTimers();
    const { client } = loading();
    const call = client().sendMessage(QUESTION, { timeouts: { total: 500 } });
    const outcome = expect(call).rejects.toMatchObject({ kind: "timeout", phase: "total", waitedMs: 500 });
    await vi.advanceTimersByTimeAsync(500);
    await outcome;
  });

  test("has waited out of its own time, and its metrics say so", async () => {
    vi.useFakeTimers();
    const { loads, client } = loading();
    const never: ClientOptions["fetch"] = () => new Promise(() => undefined);
    const late = client();
    const [answered, silent] = [late, client({ fetch: never })];
    const first = answered.sendMessage(QUESTION);
    const call = silent.sendMessage(QUESTION, { timeouts: { total: 500 } });
    const outcome = expect(call).rejects.toMatchObject({ kind: "timeout", phase: "total" });
    await vi.advanceTimersByTimeAsync(400);
    for (const each of loads) each.resolve(CHAT);
    const { metrics } = await first;
    expect(metrics.timeToFirstChunkMs).toBeGreaterThanOrEqual(400);
    const from = performance.now();
    await vi.advanceTimersToNextTimerAsync();
    await outcome;
    expect(performance.now() - from).toBeLessThanOrEqual(100);
  });

  test("sends what it was given, not what the caller makes of it meanwhile", async () => {
    const { loads, sent, client } = loading();
    const messages = [...QUESTION];
    const options: { -readonly [Name in keyof SendOptions]: SendOptions[Name] } = { maxOutputTokens: 7 };
    const call = client().sendMessage(messages, options);
    messages.push({ role: "assistant", content: "a placeholder" });
    options.maxOutputTokens = 8;
    loads[0]?.resolve(CHAT);
    await call;
    expect(sent).toMatchObject([{ messages: [{ content: "?" }], max_tokens: 7 }]);
    expect(sent[0]?.messages).toHaveLength(1);
  });

  test("does not wait when its input is bad", async () => {
    const { client } = loading();
    await expect(client().sendMessage([])).rejects.toMatchObject({ kind: "invalidRequest", provider: "late" });
    const unknown = { temprature: 1 } as SendOptions;
    await expect(client().sendMessage(QUESTION, unknown)).rejects.toThrow("temprature");
  });
});

describe("the protocols on Node are those of the other runtimes", () => {
  test("all of them", () => {
    expect(Object.keys(onNode).sort()).toEqual(Object.keys(elsewhere).sort());
  });

  const names = Object.keys(elsewhere) as (keyof typeof elsewhere)[];
  const [loaded, atHand] = [{ ...onNode }, { ...elsewhere }];

  test.each(names)("%s", async (name) => {
    const options: SendOptions = {
      unsupported: "ignore",
      maxOutputTokens: 9_000,
      seed: 1,
      reasoning: "high",
      search: {},
      tools: [{ name: "t", description: "d", parameters: { type: "object", additionalProperties: false } }],
      toolChoice: "required",
    };
    const endpoint = { provider: "p", model: "m-1", baseUrl: "https://p.example" };
    await schemaEngine.load();
    const request = (protocol: Protocol) =>
      JSON.stringify(
        protocol.buildRequest([...QUESTION, { role: "assistant", content: "a" }], options, endpoint, true),
      );
    expect(request(await loaded[name]())).toBe(request(await atHand[name]()));
  });
});

describe.skipIf(!isBuilt)("the built package", () => {
  const run = promisify(execFile);
  const program = (file: string, options: SendOptions) => `
    const { OpenAIClient } = await import(${JSON.stringify(file)});
    const client = new OpenAIClient({ model: "m", apiKey: "k", baseUrl: "http://127.0.0.1:1/v1", retries: 0 });
    const options = ${JSON.stringify(options)};
    const error = await client.sendMessage([{ role: "user", content: "?" }], options).catch((thrown) => thrown);
    console.log(error.kind, error.message);
  `;
  const outputOf = async (folder: string, options: SendOptions = {}) => {
    const args = ["--input-type=module", "-e", program(join(folder, "dist", "index.js"), options)];
    return (await run(process.execPath, args)).stdout;
  };

  /** The files that Node reads for these, without those that they load later, and the names that it must look up. */
  const filesReadFor = (...files: readonly string[]): readonly string[] => {
    const read = new Set(files);
    for (const file of read) {
      if (file.startsWith("#")) continue;
      const code = readFileSync(join(ROOT, "dist", file), "utf8");
      for (const [, path = ""] of code.matchAll(/^(?:import|export)\b.*?"([.#].+?)";$/gm))
        read.add(path.startsWith("#") ? path : join(file, "..", path));
    }
    return [...read].sort();
  };
  const OF_THE_PACKAGE = ["node/core.js", "node/index.js"];

  test("has one file for each protocol, which importing the package does not read, and no name to look up", () => {
    expect(filesReadFor("node/index.js")).toEqual(OF_THE_PACKAGE);
  });

  test.each(["anthropic-messages", "chat-completions", "gemini", "ollama", "responses"])(
    "a client of %s waits for one file before its first request",
    (name) => {
      const file = `node/${name}.js`;
      expect(filesReadFor(...OF_THE_PACKAGE, file)).toEqual([...OF_THE_PACKAGE, file].sort());
    },
  );

  test("no program reads the tables of Unicode before it sends its first request", () => {
    const files = ["anthropic-messages", "chat-completions", "gemini", "ollama", "responses"];
    for (const file of [...OF_THE_PACKAGE, ...files.map((name) => `node/${name}.js`)])
      expect(readFileSync(join(ROOT, "dist", file), "utf8"), file).not.toMatch(/(?<!\\)\\p\{/);
  });

  /** Each of the two has files of its own under `#runtime`. The order in which files are run depends on the first one. */
  test.each(["bun", "browser"])(
    "every entry is loaded first on %s, where the wire formats come with it",
    async (condition) => {
      const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { exports: object };
      const entries = Object.keys(exports).filter((entry) => !/json$|react$/.test(entry));
      for (const entry of entries) {
        const program = `console.log(Object.keys(await import("${entry.replace(".", "cloudllm")}")).length > 0)`;
        const args = [`--conditions=${condition}`, "--input-type=module", "--eval", program];
        expect((await run(process.execPath, args, { cwd: ROOT })).stdout, entry).toBe("true\n");
      }
      expect(entries.length).toBeGreaterThan(10);
    },
  );

  test.each<[part: string, file: string, options: SendOptions]>([
    ["The validation of schemas", "engine", { output: { type: "object" } }],
    ["The recovery of replies", "recovering-source", { recover: "continue" }],
  ])("%s is read for calls that need it only, and reports that its file is missing", async (part, file, options) => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-parts-"));
    try {
      cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
      cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
      expect(await outputOf(folder, options)).toMatch(/^network /);
      renameSync(join(folder, "dist", "shared", `${file}.js`), join(folder, "dist", "shared", `${file}.old`));
      expect(await outputOf(folder)).toMatch(/^network /);
      expect(await outputOf(folder, options)).toMatch(new RegExp(`^unsupported ${part} cannot be loaded: `));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("a session reads the file of its turns with the first one, and a turn without that file leaves no trace", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-turns-"));
    try {
      cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
      cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
      const file = join(folder, "dist", "shared", "turn-source.js");
      const turns = `
        import { rmSync } from "node:fs";
        const { LLMSession } = await import(${JSON.stringify(join(folder, "dist", "index.js"))});
        let asked = 0;
        const ask = () => Promise.reject(new Error(String(asked++)));
        const client = { provider: "p", model: "m", sendMessage: ask, sendMessageStream: ask };
        const session = new LLMSession({ client });
        rmSync(${JSON.stringify(file)});
        const error = await session.sendMessage("?").catch((thrown) => thrown);
        console.log(error.kind, error.message, session.history.length, session.unanswered, asked);
      `;
      const { stdout } = await run(process.execPath, ["--input-type=module", "-e", turns]);
      expect(stdout).toMatch(/^unsupported The turns of sessions cannot be loaded: .* 0 \? 0\n$/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each([
    [
      "a session that a store keeps",
      "stored-session",
      `const store = new MemoryStore();
       console.log(await LLMSession.open({ client, store, id: "a" }).catch((error) => error.kind));
       renameSync(missing, file);
       console.log((await LLMSession.open({ client, store, id: "a" })).history.length);`,
      "unsupported\n0\n",
    ],
    [
      "a call of a fallback",
      "races",
      `const both = fallback([client, client]);
       const kind = () => both.sendMessage([{ role: "user", content: "?" }]).catch((error) => error.kind);
       console.log(await kind(), asked);
       renameSync(missing, file);
       console.log(await kind(), asked);`,
      "unsupported 0\nunsupported 2\n",
    ],
    [
      "a session that is closed while its first turn loads",
      "turn-source",
      `renameSync(missing, file);
       const session = new LLMSession({ client });
       const sent = session.sendMessage("?").catch((error) => error.kind);
       const busy = await session.sendMessage("!").catch((error) => error.kind);
       await session[Symbol.asyncDispose]();
       console.log(await sent, busy, session.history.length, session.unanswered, asked);`,
      "aborted busy 0 ? 0\n",
    ],
  ])("%s reads a file of its own, which may come late", async (_what, name, program, expected) => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-late-"));
    try {
      cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
      cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
      const file = join(folder, "dist", "shared", `${name}.js`);
      renameSync(file, `${file}.late`);
      const before = `
        import { renameSync } from "node:fs";
        const { fallback, LLMSession, MemoryStore, SendError } = await import(${JSON.stringify(join(folder, "dist", "index.js"))});
        const [file, missing] = ${JSON.stringify([file, `${file}.late`])};
        let asked = 0;
        const ask = (messages, { signal } = {}) => {
          signal?.throwIfAborted();
          asked++;
          return Promise.reject(new SendError("unsupported", "nothing here"));
        };
        const client = { provider: "p", model: "m", sendMessage: ask, sendMessageStream: ask };
      `;
      const { stdout } = await run(process.execPath, ["--input-type=module", "-e", `${before}${program}`]);
      expect(stdout).toBe(expected);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("reports a protocol's file that is missing, and clients of other protocols do not need it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-protocols-"));
    try {
      cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
      cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
      const file = (name: string) => join(folder, "dist", "node", name);
      renameSync(file("gemini.js"), file("gemini.old"));
      expect(await outputOf(folder)).toMatch(/^network /);
      renameSync(file("responses.js"), file("responses.old"));
      expect(await outputOf(folder)).toMatch(/^unsupported The protocol of openai cannot be loaded: .*responses\.js/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
