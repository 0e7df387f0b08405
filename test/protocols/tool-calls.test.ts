/** Tool calls in the forms servers send them, and cut where servers cut them. */

import type { MessageChunk } from "cloudllm";
import { describe, expect, test } from "vitest";
import { chatCompletions } from "../../src/protocols/chat-completions/protocol.ts";

interface WireCall {
  readonly index?: number;
  readonly id?: string;
  readonly function: { readonly name?: string; readonly arguments?: unknown };
}

/** What a decoder makes of these deltas, or the error it throws. */
function decode(
  deltas: readonly (readonly WireCall[])[],
  finish: string | null = "tool_calls",
): { calls: unknown; error: unknown } {
  const chunks: MessageChunk[] = [];
  const decoder = chatCompletions({ maxTokensField: "max_tokens" }).createDecoder({
    provider: "p",
    model: "m",
    attempts: [],
  });
  try {
    for (const tool_calls of deltas)
      decoder.push({ id: "r", choices: [{ index: 0, delta: { tool_calls } }] }, "", chunks);
    decoder.push({ choices: [{ index: 0, delta: {}, finish_reason: finish }] }, "", chunks);
    decoder.end(true, chunks);
  } catch (error) {
    return { calls: callsIn(chunks), error };
  }
  return { calls: callsIn(chunks), error: undefined };
}

const callsIn = (chunks: readonly MessageChunk[]) =>
  chunks.flatMap((chunk) => (chunk.type === "toolCall" ? [[chunk.toolCall.name, chunk.toolCall.arguments]] : []));

const call = (
  index: number | undefined,
  id: string | undefined,
  name: string | undefined,
  args: unknown,
): WireCall => ({
  ...(index !== undefined && { index }),
  ...(id !== undefined && { id }),
  function: { ...(name !== undefined && { name }), arguments: args },
});

describe("complete calls", () => {
  test.each<[string, WireCall[][], unknown]>([
    [
      "in fragments",
      [[call(0, "a", "f", "")], [call(0, undefined, undefined, '{"x"')], [call(0, undefined, undefined, ":1}")]],
      [["f", { x: 1 }]],
    ],
    [
      "interleaved",
      [
        [call(0, "a", "f", '{"x"'), call(1, "b", "g", '{"y"')],
        [call(0, undefined, undefined, ":1}"), call(1, undefined, undefined, ":2}")],
      ],
      [
        ["f", { x: 1 }],
        ["g", { y: 2 }],
      ],
    ],
    ["without an index", [[call(undefined, "a", "f", '{"x":1}')]], [["f", { x: 1 }]]],
    ["with id and name repeated", [[call(0, "a", "f", '{"x"')], [call(0, "a", "f", ":1}")]], [["f", { x: 1 }]]],
    ["with empty ids and names later", [[call(0, "a", "f", '{"x"')], [call(0, "", "", ":1}")]], [["f", { x: 1 }]]],
    [
      "all at index 0 with ids of their own",
      [[call(0, "a", "f", "{}")], [call(0, "b", "g", "{}")]],
      [
        ["f", {}],
        ["g", {}],
      ],
    ],
    [
      "non-streamed, with neither ids nor different indices",
      [[call(0, "", "f", '{"x":1}')], [call(0, "", "g", '{"y":2}')]],
      [
        ["f", { x: 1 }],
        ["g", { y: 2 }],
      ],
    ],
    [
      "begun again by another name, with neither ids nor different indices",
      [[call(0, "", "f", '{"x":1}')], [call(0, "", "g", "")], [call(0, "", "", '{"y":2}')]],
      [
        ["f", { x: 1 }],
        ["g", { y: 2 }],
      ],
    ],
    ["from index 1", [[call(1, "a", "f", "{}")]], [["f", {}]]],
    ["with the arguments as an object", [[call(0, "a", "f", { x: 1 })]], [["f", { x: 1 }]]],
    ["without arguments", [[call(0, "a", "f", "")]], [["f", {}]]],
    ["whose id comes late", [[call(0, undefined, "f", '{"x"')], [call(0, "a", undefined, ":1}")]], [["f", { x: 1 }]]],
    ["whose name comes late", [[call(0, "a", undefined, '{"x"')], [call(0, undefined, "f", ":1}")]], [["f", { x: 1 }]]],
  ])("%s", (_name, deltas, expected) => {
    expect(decode(deltas)).toEqual({ calls: expected, error: undefined });
  });
});

describe("a call that was cut is never complete", () => {
  test.each<[string, string | null, string, string]>([
    ["at the token limit, before its arguments", "length", "", "truncated"],
    ["at the token limit, within them", "length", '{"x"', "truncated"],
    ["by a filter", "content_filter", "", "truncated"],
    ["for a reason that is unknown", "a_word_of_next_year", "", "truncated"],
    ["although the provider calls it finished", "tool_calls", '{"x"', "protocol"],
    ["without any reason", null, "{}", "truncated"],
  ])("%s", (_name, finish, args, kind) => {
    expect(decode([[call(0, "a", "delete_all", args)]], finish)).toMatchObject({ calls: [], error: { kind } });
  });

  test("the calls before it are complete", () => {
    const { calls } = decode([[call(0, "a", "now", ""), call(1, "b", "f", '{"x"')]], "length");
    expect(calls).toEqual([["now", {}]]);
  });
});
