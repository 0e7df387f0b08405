/** The caller's own fields in a request's body. */

import { ClaudeClient, GeminiClient, type GeminiProviderOptions, OpenAIClient, OpenRouterClient } from "cloudllm";
import { describe, expect, test } from "vitest";
import { withProviderOptions } from "../../src/protocols/common/provider-options.ts";

describe("a field of providerOptions", () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>, unknown]>([
    ["is added", { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
    ["wins", { a: 1 }, { a: 2 }, { a: 2 }],
    [
      "keeps its neighbours, at every depth",
      { a: { b: { c: 1, d: 2 } } },
      { a: { b: { c: 3 } } },
      { a: { b: { c: 3, d: 2 } } },
    ],
    ["takes the place of a list", { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ["takes the place of what is no object", { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
    ["goes as null", { a: { b: 1 } }, { a: null }, { a: null }],
    [
      "is taken out where it is undefined",
      { a: 1, b: { c: 1, d: 2 } },
      { a: undefined, b: { c: undefined } },
      { b: { d: 2 } },
    ],
  ])("%s", (_name, body, options, due) => {
    const before = JSON.stringify(body);
    expect(JSON.parse(JSON.stringify(withProviderOptions(body, options)))).toEqual(due);
    expect(JSON.stringify(body)).toBe(before);
  });

  test("may be called __proto__ and changes no prototype", () => {
    const options = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":{"polluted":true}}}');
    const body = withProviderOptions({ a: { b: 1 } }, options);
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
    expect(JSON.stringify(body)).toContain("polluted");
  });
});

/** Checked by the compiler: a wrong value of a known field does not compile, a field that is not known does. */
test("known fields have their types, others may be anything", () => {
  const apiKey = "k";
  new ClaudeClient({
    model: "m",
    apiKey,
    providerOptions: { top_k: 5, thinking: { display: "omitted", next: 1 }, novel: [1] },
  });
  // @ts-expect-error a number
  new ClaudeClient({ model: "m", apiKey, providerOptions: { top_k: "5" } });
  // @ts-expect-error not one of the words
  new OpenAIClient({ model: "m", apiKey, providerOptions: { text: { verbosity: "loud" } } });
  // @ts-expect-error not one of the words
  const level: GeminiProviderOptions = { generationConfig: { thinkingConfig: { thinkingLevel: "low" } } };
  new GeminiClient({ model: "m", apiKey, providerOptions: level });
  const router = new OpenRouterClient({ model: "m", apiKey });
  const calls = [
    // @ts-expect-error a list
    () => router.sendMessage([], { providerOptions: { provider: { order: "x" } } }),
    () => router.sendMessage([], { providerOptions: { provider: { order: ["x"], novel: 1 }, novel: true } }),
  ];
  expect(calls).toHaveLength(2);
});
