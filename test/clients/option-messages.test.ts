/** The messages for options that are wrong: the name, what is expected, what was received, and nothing secret. */

import {
  AzureClient,
  awsSigner,
  BedrockClient,
  ClaudeClient,
  CompatibleClient,
  fallback,
  GeminiClient,
  GrokClient,
  hedge,
  LLMSession,
  MemoryStore,
  MessageStream,
  OllamaClient,
  OpenAIClient,
  type OpenOptions,
  OpenRouterClient,
  rateLimit,
  type SendOptions,
  type TurnOptions,
  VertexClient,
} from "cloudllm";
import {
  awsCredentials,
  azureClientSecret,
  azureManagedIdentity,
  azureWorkloadIdentity,
  googleApplicationDefault,
} from "cloudllm/credentials";
import { EmbeddedClient } from "cloudllm/embedded";
import { createGateway, createRelay, memoryLog } from "cloudllm/server";
import { FileStore } from "cloudllm/store/file";
import { RedisStore, redisLog, redisWindow } from "cloudllm/store/redis";
import { sqliteLog } from "cloudllm/store/sqlite";
import { recorder, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { optionsFault } from "../../src/contract/validate.ts";

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  ["a number out of range", { temperature: 3 }, "The option `temperature` must be a number from 0 to 2, not 3."],
  ["a string for a number", { seed: "7" }, 'The option `seed` must be an integer, not "7".'],
  [
    "a wrong word",
    { recover: "again" },
    'The option `recover` must be "resume", "continue" or "restart", not "again".',
  ],
  ["a wrong field", { timeouts: { idle: -1 } }, "The option `timeouts.idle` must be milliseconds, 0 or more, not -1."],
  [
    "an unknown field",
    { timeouts: { connect: 1 } },
    "Unknown option `timeouts.connect`. Valid options: timeouts.headers, timeouts.firstChunk, timeouts.idle, timeouts.stall, timeouts.total.",
  ],
  [
    "a secret in the wrong place",
    { headers: "Bearer sk-1" },
    "The option `headers` must be an object of strings, not a string.",
  ],
  [
    "headers of `fetch`, which would be left out",
    { headers: new Headers({ authorization: "Bearer sk-1" }) },
    "The option `headers` must be an object of strings, not a Headers object.",
  ],
  [
    "settings that nobody awaited",
    { timeouts: Promise.resolve({ total: 5_000 }) },
    "The option `timeouts` must be an object of milliseconds, not a Promise object.",
  ],
  [
    "an object of a class with getters alone",
    {
      retries: new (class {
        get max() {
          return 5;
        }
      })(),
    },
    "The option `retries` must be an integer, 0 or more, or an object of settings, not an object without fields of its own.",
  ],
  [
    "a number that is no count",
    { maxOutputTokens: 1e308 },
    "The option `maxOutputTokens` must be an integer above 0, not 1e+308.",
  ],
  [
    "a map of fields",
    { providerOptions: new Map([["top_k", 5]]) },
    "The option `providerOptions` must be an object, not a Map object.",
  ],
  [
    "a schema that nobody awaited",
    { output: Promise.resolve({ type: "object" }) },
    "The option `output` must be a JSON Schema or a Standard Schema, not a Promise object.",
  ],
  [
    "a function",
    { maxOutputTokens: () => 1 },
    "The option `maxOutputTokens` must be an integer above 0, not a function.",
  ],
])("%s", (_name, options, message) => {
  expect(optionsFault(options)).toBe(message);
});

test("a constructor names its own options as well, but only where they are valid", () => {
  const created = (options: object) => () =>
    new CompatibleClient({ baseUrl: "http://localhost:1", model: "m", ...options });
  expect(created({ temprature: 1 })).toThrow(
    /^Unknown option `temprature`. Did you mean `temperature`\? Valid options: model, apiKey, sign, baseUrl, .*temperature/,
  );
  expect(created({ timeouts: { total_ms: 1 } })).toThrow(
    /^Unknown option `timeouts.total_ms`. Valid options: timeouts\.headers,/,
  );
});

test.each([
  ["max_tokens", "maxOutputTokens"],
  ["maxTokens", "maxOutputTokens"],
  ["max_output_tokens", "maxOutputTokens"],
  ["top_p", "topP"],
  ["tool", "tools"],
  ["timeout", "timeouts"],
  ["Temperature", "temperature"],
])("`%s` is answered with `%s`", (name, meant) => {
  expect(optionsFault({ [name]: 1 })).toContain(`\`${name}\`. Did you mean \`${meant}\`?`);
});

test.each(["top_k", "user", "n", "logprobs", "constructor", ""])("`%s` is like no option", (name) => {
  expect(optionsFault({ [name]: 1 })).toContain(`\`${name}\`. Valid options`);
});

test("a misspelt field is answered with its complete name", () => {
  expect(optionsFault({ timeouts: { firstchunk: 1 } })).toContain("Did you mean `timeouts.firstChunk`?");
});

test("a misspelt option of a session is answered with the right one", () => {
  const options = { client: new CompatibleClient({ baseUrl: "http://localhost:1", model: "m" }), max_tokens: 5 };
  expect(() => new LLMSession(options)).toThrow("Did you mean `maxTokens`?");
});

const scripted = () => scriptedClient([{ text: "Hi." }]);
const made = (make: (options: never) => unknown, options: unknown) => () => make(options as never);

/** Options of functions around clients, which once did nothing where they were misspelt or of another type. */
describe.each<[string, (options: never) => unknown, readonly (readonly [unknown, string])[]]>([
  [
    "fallback",
    (options) => fallback([scripted(), scripted()], options),
    [
      [{ firstChunkWithin: 5 }, "Unknown option `firstChunkWithin`. Did you mean `firstChunkWithinMs`?"],
      [{ firstChunkWithinMs: "5" }, 'The option `firstChunkWithinMs` must be milliseconds above 0, not "5".'],
      [{ circuit: { threshold: 2 } }, "Unknown option `circuit.threshold`. Valid options: circuit.failureThreshold"],
      [{ circuit: { failureThreshold: "2" } }, "The option `circuit.failureThreshold` must be a number, 1 or more"],
      [{ circuit: true }, "The option `circuit` must be an object of settings or false, not true."],
      [{ recover: "again" }, "The option `recover` must be"],
      [{ shouldFallBack: true }, "The option `shouldFallBack` must be a function, not true."],
      [null, "The options must be an object, not null."],
      [Promise.resolve({}), "The options must be an object, not a Promise object."],
    ],
  ],
  [
    "hedge",
    (options) => hedge(scripted(), scripted(), options),
    [
      [{ afterMs: 5, quantil: 0.9 }, "Unknown option `quantil`. Did you mean `quantile`?"],
      [{ afterMs: "5" }, 'The option `afterMs` must be milliseconds, 0 or more, not "5".'],
      [{ quantile: 95 }, "The option `quantile` must be a number between 0 and 1, not 95."],
      [{}, "Give `afterMs`, or a `quantile` between 0 and 1."],
      [null, "The options must be an object, not null."],
    ],
  ],
  [
    "rateLimit",
    (options) => rateLimit(scripted(), options),
    [
      [{ maxConcurrency: 2 }, "Unknown option `maxConcurrency`. Did you mean `concurrency`?"],
      [{ requestsPerMinute: "60" }, 'The option `requestsPerMinute` must be a number above 0, not "60".'],
      [{ onUnshared: true }, "The option `onUnshared` must be a function, not true."],
      [undefined, "The options must be an object, not undefined."],
    ],
  ],
  [
    "a session",
    (options) => new LLMSession(options),
    [
      [null, "The options must be an object, not null."],
      [{ client: scripted(), budget: Promise.resolve({ tokens: 5 }) }, "`budget` must be an object such as"],
      [{ client: scripted(), defaults: new Map() }, "The option `defaults` must be an object, not a Map object."],
    ],
  ],
  [
    "a client",
    (options) => new OpenAIClient(options),
    [
      [
        { model: "m", allowInsecureHttp: "false" },
        'The option `allowInsecureHttp` must be true or false, not "false".',
      ],
    ],
  ],
])("%s", (_name, make, faults) => {
  test.each(faults)("%o is refused with what is right", (options, message) => {
    expect(made(make, options)).toThrow(TypeError);
    expect(made(make, options)).toThrow(message);
  });
});

test("the options of a call that nobody awaited are refused before anything is sent", async () => {
  const options = Promise.resolve({ maxOutputTokens: 5 }) as unknown as SendOptions;
  const client = new CompatibleClient({ baseUrl: "http://localhost:1", model: "m" });
  const session = new LLMSession({ client: scripted() });
  const question = [{ role: "user", content: "Hi." }] as const;
  const refusal = { kind: "invalidRequest", message: expect.stringContaining("not a Promise object") };
  await expect(client.sendMessage(question, options)).rejects.toMatchObject(refusal);
  await expect(client.sendMessageStream(question, options)).rejects.toMatchObject(refusal);
  await expect(client.countTokens(question, options)).rejects.toMatchObject(refusal);
  await expect(fallback([scripted()]).sendMessage(question, options)).rejects.toMatchObject(refusal);
  await expect(session.sendMessage("Hi.", options)).rejects.toMatchObject(refusal);
  expect(session.history).toEqual([]);
});

test("a `toolChoice` that names no tool is refused before anything is sent, with the names", async () => {
  const client = new CompatibleClient({ baseUrl: "http://localhost:1", model: "m" });
  const options = { tools: [{ name: "look" }, { name: "listen" }], toolChoice: { name: "lok" } } as const;
  await expect(client.sendMessage([{ role: "user", content: "Hi." }], options)).rejects.toMatchObject({
    kind: "invalidRequest",
    message: '`toolChoice` names "lok", which is not among `tools`: look, listen.',
  });
});

test("`MessageStream.from` says what it reads", async () => {
  await expect((async () => MessageStream.from([] as never).finalMessage())()).rejects.toThrow(
    /must be a ReadableStream or an AsyncIterable, not an array/,
  );
});

test.each([[new URL("http://localhost:1")], [5]])("a `baseUrl` that is not a string is named: %s", (baseUrl) => {
  const options = { model: "m", baseUrl } as unknown as { model: string; baseUrl: string };
  expect(() => new CompatibleClient(options)).toThrow("`baseUrl` must be an absolute http or https URL");
});

const KEY = { apiKey: "k" };

test.each<[wrong: string, meant: string, make: (options: never) => unknown, options: object]>([
  ["modle", "model", (options) => new OpenAIClient(options), KEY],
  ["modle", "model", (options) => new ClaudeClient(options), KEY],
  ["modle", "model", (options) => new GeminiClient(options), KEY],
  ["modle", "model", (options) => new GrokClient(options), KEY],
  ["modle", "model", (options) => new OpenRouterClient(options), KEY],
  ["modle", "model", (options) => new OllamaClient(options), {}],
  ["modle", "model", (options) => new CompatibleClient(options), { preset: "ollama" }],
  ["modle", "model", (options) => new EmbeddedClient(options), {}],
  ["Api", "api", (options) => new OpenAIClient(options), { ...KEY, model: "m" }],
  ["baseURL", "baseUrl", (options) => new CompatibleClient(options), { model: "m" }],
  ["preste", "preset", (options) => new CompatibleClient(options), { model: "m" }],
  ["resorce", "resource", (options) => new AzureClient(options), { ...KEY, model: "m" }],
  ["regoin", "region", (options) => new BedrockClient(options), { ...KEY, model: "m" }],
  ["projct", "project", (options) => new VertexClient(options), { ...KEY, model: "m" }],
  ["sevice", "service", (options) => awsSigner(options), { region: "eu-west-1" }],
  ["clientID", "clientId", (options) => azureManagedIdentity(options), {}],
  ["tokenfile", "tokenFile", (options) => azureWorkloadIdentity(options), {}],
  ["tenantID", "tenantId", (options) => azureClientSecret(options), {}],
  ["profil", "profile", (options) => awsCredentials(options), {}],
  ["scoep", "scope", (options) => googleApplicationDefault(options), {}],
  ["cleint", "client", (options) => new LLMSession(options), {}],
  ["budget.token", "budget.tokens", (budget) => new LLMSession({ client: scripted(), budget }), {}],
  ["leaseMS", "leaseMs", (options) => new FileStore("sessions", options), {}],
  ["prefx", "prefix", (options) => new RedisStore({ command: async () => null }, options), {}],
  ["nmae", "name", (options) => redisWindow({ command: async () => null }, options), {}],
  ["cleint", "client", (options) => createRelay(options), { authorize: "public" }],
  ["cleint", "client", (options) => createGateway(options), { authorize: "public" }],
  [
    "sessions.stor",
    "sessions.store",
    (sessions) => createRelay({ client: scripted(), authorize: "public", sessions }),
    {},
  ],
  ["keepMS", "keepMs", (options) => memoryLog(options), { maxBytes: -1 }],
  ["modle", "model", (options) => scriptedClient([], options), {}],
  ["secret", "secrets", (options) => recorder(options), {}],
])("a misspelt `%s` is named, not only the missing `%s`", (wrong, meant, make, options) => {
  const name = wrong.replace(/.*\./, "");
  const message = `Unknown option \`${wrong}\`. Did you mean \`${meant}\`?`;
  expect(() => make({ ...options, [name]: "x" } as never)).toThrow(TypeError);
  expect(() => make({ ...options, [name]: "x" } as never)).toThrow(message);
});

describe.each<[string, (options: never) => unknown]>([
  ["awsSigner", (options) => awsSigner(options)],
  ["awsCredentials", (options) => awsCredentials(options)],
  ["azureManagedIdentity", (options) => azureManagedIdentity(options)],
  ["new LLMSession", (options) => new LLMSession(options)],
  ["new FileStore", (options) => new FileStore("sessions", options)],
  ["new RedisStore", (options) => new RedisStore({ command: async () => null }, options)],
  ["redisLog", (options) => redisLog({ command: async () => null }, options)],
  ["redisWindow", (options) => redisWindow({ command: async () => null }, options)],
  ["sqliteLog", (options) => sqliteLog({} as never, options)],
  ["memoryLog", (options) => memoryLog(options)],
  ["scriptedClient", (options) => scriptedClient([], options)],
  ["recorder", (options) => recorder(options)],
  ["new EmbeddedClient", (options) => new EmbeddedClient(options)],
])("%s, given what is no object of options, does not begin with none of them", (_name, make) => {
  test.each([
    [null, "null"],
    [60_000, "a number"],
    ["sk-secret", "a string"],
    [Promise.resolve({}), "a Promise object"],
  ])("%o", (options, received) => {
    expect(made(make, options)).toThrow(new TypeError(`The options must be an object, not ${received}.`));
  });
});

test("limits of a gateway that are not an object are named", () => {
  const gateway = made((limits) => createGateway({ client: scripted(), authorize: "public", limits }), null);
  expect(gateway).toThrow(new TypeError("The option `limits` must be an object, not null."));
});

test("a session that opens, and its turns, name a misspelt option of their own", async () => {
  const open = { client: scripted(), stroe: new MemoryStore(), id: "poems" } as unknown as OpenOptions;
  await expect(LLMSession.open(open)).rejects.toThrow("Unknown option `stroe`. Did you mean `store`?");
  const turn = new LLMSession({ client: scripted() }).sendMessage("Hi.", { maxStep: 2 } as TurnOptions);
  await expect(turn).rejects.toMatchObject({
    kind: "invalidRequest",
    message: expect.stringContaining("`maxStep`. Did you mean `maxSteps`?"),
  });
});

test.each([
  ["execute", "run", () => "sunny"],
  ["inputSchema", "parameters", { type: "object" }],
  ["needsApproval", "approve", true],
  ["aprove", "approve", "ask"],
  ["approval", "approve", "ask"],
  ["requires_approval", "approve", "ask"],
  ["Run", "run", () => "sunny"],
  ["paramaters", "parameters", { type: "object" }],
  ["descripton", "description", "Looks."],
  ["decsription", "description", "Looks."],
  ["timeout", "timeoutMs", 5],
  ["timeoutMS", "timeoutMs", 5],
])("a tool with `%s` is refused, since its `%s` would count as absent", (wrong, meant, value) => {
  const message = `The option \`tools\` contains the tool weather, whose \`${wrong}\` must be called \`${meant}\`.`;
  expect(optionsFault({ tools: [{ name: "weather", [wrong]: value }] })).toBe(message);
});

test.each(["descriptor", "describe", "parametric", "runner", "prescription", "timestamps", "nameOf"])(
  "a tool may have a field `%s` of its own: no field of a tool is misspelt so",
  (name) => expect(optionsFault({ tools: [{ name: "weather", [name]: "own" }] })).toBeUndefined(),
);

test("a tool may have fields of another library, beside its own", () => {
  const parameters = { type: "object" };
  const tool = { name: "weather", title: "Weather", annotations: {}, urn: "a:b", inputSchema: parameters, parameters };
  expect(optionsFault({ tools: [tool] })).toBeUndefined();
});

test.each(Object.entries({ OpenAIClient, GrokClient, ClaudeClient, GeminiClient, OpenRouterClient, CompatibleClient }))(
  "new %s() says what is missing, and shows no key",
  (_name, Client) => {
    const create = (...given: unknown[]) => Reflect.construct(Client, given) as unknown;
    for (const given of [[], [null], ["sk-secret"]]) {
      expect(() => create(...given)).toThrow(/^The options are missing: give an object with at least a `model`/);
      expect(() => create(...given)).not.toThrow(/secret/);
      expect(() => create(...given)).toThrow(TypeError);
    }
  },
);
