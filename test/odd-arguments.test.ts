/**
 * Every export of every entry, called with `null`, a number, a string, a list and an empty object. Its error is one of ours:
 * a sentence that names the argument, and not the words of the engine.
 */

import { fallback, hedge, LLMSession, MessageStream, rateLimit, SendError } from "cloudllm";
import { costOf } from "cloudllm/models";
import { traced, tracedHandler, tracedTools } from "cloudllm/otel";
import { createRelay, native } from "cloudllm/server";
import { FileStore } from "cloudllm/store/file";
import { PostgresStore } from "cloudllm/store/postgres";
import { RedisStore, redisLog, redisWindow } from "cloudllm/store/redis";
import { SQLiteStore, sqliteLog } from "cloudllm/store/sqlite";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };

const ODD: readonly (readonly [name: string, args: readonly unknown[]])[] = [
  ["nothing", []],
  ["null", [null]],
  ["undefined", [undefined]],
  ["5", [5]],
  ['"x"', ["x"]],
  ["[]", [[]]],
  ["{}", [{}]],
];

/** The words of an engine about a value that it could not use. */
const ENGINE_WORDS =
  /Cannot (read|destructure|convert|set|use|create)|is not (a function|iterable|a constructor|an object)|undefined \(|of (undefined|null)\b|Invalid URL|argument must be of type|ERR_INVALID/;

type Callable = (...args: readonly unknown[]) => unknown;

function isClass(value: Callable): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** Resolves with the fault of the error that a call ends with; `undefined` when it takes the arguments. */
async function faultOf(call: () => unknown): Promise<string | undefined> {
  try {
    const made = call();
    if (made instanceof Promise) await made;
    await (made as Partial<AsyncDisposable> | undefined)?.[Symbol.asyncDispose]?.();
    return undefined;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SendError)) return `it threw ${String(error)}`;
    const { message } = error;
    if (ENGINE_WORDS.test(message)) return `it says ${message}`;
    return /^\S.*[.)]$/s.test(message) ? undefined : `it is no sentence: ${message}`;
  }
}

async function faultsOf(name: string, callee: Callable, before: readonly unknown[] = []): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const [what, args] of ODD) {
    if (before.length > 0 && what === "nothing") continue;
    const all = [...before, ...args];
    const fault = await faultOf(() => (isClass(callee) ? Reflect.construct(callee, all) : callee(...all)));
    if (fault !== undefined) faults.push(`${name}(${what}): ${fault}`);
  }
  return faults;
}

/** Hooks belong to a rendering, which their own tests have. */
const ENTRIES = Object.keys(packageJson.exports)
  .filter((entry) => !["./package.json", "./react"].includes(entry))
  .map((entry) => entry.replace(/^\./, "cloudllm"));

describe("an export that gets a wrong argument says so in its own words", () => {
  test.each(ENTRIES)("%s", async (entry) => {
    const exported: Readonly<Record<string, unknown>> = await import(/* @vite-ignore */ entry);
    const faults: string[] = [];
    for (const [name, value] of Object.entries(exported)) {
      if (typeof value === "function") faults.push(...(await faultsOf(name, value as Callable)));
    }
    expect(faults).toEqual([]);
  });

  const client = scriptedClient([]);
  const relay = createRelay({ client, authorize: "public" });
  const redis = { command: async () => null };
  const pool = { query: async () => ({ rows: [] }), connect: async () => pool };
  const database = { exec: () => undefined, prepare: () => ({ run: () => ({}), all: () => [], get: () => undefined }) };
  const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };

  test.each<readonly [name: string, callee: Callable, before: readonly unknown[]]>([
    ["fallback", fallback as Callable, [[client]]],
    ["hedge", hedge as Callable, [client, client]],
    ["rateLimit", rateLimit as Callable, [client]],
    ["LLMSession.open", LLMSession.open.bind(LLMSession) as Callable, []],
    ["LLMSession.peek", LLMSession.peek.bind(LLMSession) as Callable, []],
    ["LLMSession.fromJSON", LLMSession.fromJSON.bind(LLMSession) as Callable, []],
    [
      "LLMSession.fromJSON of a session",
      LLMSession.fromJSON.bind(LLMSession) as Callable,
      [new LLMSession({ client }).toJSON()],
    ],
    ["MessageStream.from", MessageStream.from.bind(MessageStream) as Callable, []],
    ["SendError.from", SendError.from.bind(SendError) as Callable, []],
    ["SendError of a kind", SendError as unknown as Callable, ["server", "It failed."]],
    ["costOf usage", costOf as Callable, [usage]],
    ["relay.handlerFor", relay.handlerFor as Callable, []],
    ["relay.handlerFor a dialect", relay.handlerFor as Callable, [native]],
    ["traced", traced as Callable, [client]],
    ["tracedTools", tracedTools as Callable, [[]]],
    ["tracedHandler", tracedHandler as Callable, [async () => new Response()]],
    ["FileStore", FileStore as unknown as Callable, ["/tmp/never-made"]],
    ["PostgresStore", PostgresStore as unknown as Callable, [pool]],
    ["RedisStore", RedisStore as unknown as Callable, [redis]],
    ["redisLog", redisLog as Callable, [redis]],
    ["redisWindow", redisWindow as Callable, [redis]],
    ["SQLiteStore", SQLiteStore as unknown as Callable, [database]],
    ["sqliteLog", sqliteLog as Callable, [database]],
    ["scriptedClient", scriptedClient as Callable, [[]]],
  ])("%s, behind right ones", async (name, callee, before) => {
    expect(await faultsOf(name, callee, before)).toEqual([]);
  });
});
