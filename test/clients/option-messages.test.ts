/** The messages for options that are wrong: the name, what is expected, what was received, and nothing secret. */

import {
  ClaudeClient,
  CompatibleClient,
  GeminiClient,
  GrokClient,
  LLMSession,
  OpenAIClient,
  OpenRouterClient,
} from "cloudllm";
import { expect, test } from "vitest";
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

test.each([[new URL("http://localhost:1")], [5]])("a `baseUrl` that is not a string is named: %s", (baseUrl) => {
  const options = { model: "m", baseUrl } as unknown as { model: string; baseUrl: string };
  expect(() => new CompatibleClient(options)).toThrow("`baseUrl` must be an absolute http or https URL");
});

test("a misspelt `baseUrl` is named instead of missed", () => {
  const options = { model: "m", baseURL: "http://localhost:1" } as unknown as { model: string; baseUrl: string };
  expect(() => new CompatibleClient(options)).toThrow("Unknown option `baseURL`. Did you mean `baseUrl`?");
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
