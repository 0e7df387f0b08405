/** The messages for options that are wrong: the name, what is expected, what was received, and nothing secret. */

import { CompatibleClient } from "cloudllm";
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

test("a constructor names its own options, too, but only where they are valid", () => {
  const created = (options: object) => () =>
    new CompatibleClient({ baseUrl: "http://localhost:1", model: "m", ...options });
  expect(created({ temprature: 1 })).toThrow(
    /^Unknown option `temprature`. Valid options: model, apiKey, baseUrl, .*temperature/,
  );
  expect(created({ timeouts: { total_ms: 1 } })).toThrow(
    /^Unknown option `timeouts.total_ms`. Valid options: timeouts\.headers,/,
  );
});
