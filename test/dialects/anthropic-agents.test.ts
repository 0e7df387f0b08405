/** Requests as Claude Code sends them: deferred tools, system messages among the others, settings of one turn. */

import { describe, expect, test } from "vitest";
import { anthropicRequest } from "../../src/dialects/anthropic/request.ts";
import { Refusal } from "../../src/dialects/refusal.ts";

const HELLO = { role: "user", content: [{ type: "text", text: "Hello" }] };
const input_schema = { type: "object" };
const [READ, FETCH, PLACEHOLDER] = [
  { name: "Read", input_schema },
  { name: "Fetch", input_schema, defer_loading: true },
  { name: "Placeholder", input_schema, defer_loading: true },
];
const CALL = { type: "tool_use", id: "a", name: "ToolSearch", input: { query: "select:Fetch" } };

function decoded(body: object): ReturnType<typeof anthropicRequest> {
  return anthropicRequest({ model: "any", max_tokens: 100, messages: [HELLO], ...body });
}

function offered(messages: readonly object[], tools: readonly object[]): readonly string[] {
  return (decoded({ messages: [HELLO, ...messages], tools }).options.tools ?? []).map(({ name }) => name);
}

describe("deferred tools", () => {
  const found = {
    role: "user",
    content: [
      { type: "tool_result", tool_use_id: "a", content: [{ type: "tool_reference", tool_name: "Fetch" }] },
      { type: "text", text: "Go on.", cache_control: { type: "ephemeral" } },
    ],
  };

  test("the model does not call a placeholder, nor a tool that the agent has not found yet", () => {
    expect(offered([], [READ, FETCH, PLACEHOLDER])).toEqual(["Read"]);
  });

  test("a tool that the agent has found can be called, and its search has a result in words", () => {
    const messages = [{ role: "assistant", content: [CALL] }, found];
    expect(offered(messages, [READ, FETCH, PLACEHOLDER])).toEqual(["Read", "Fetch"]);
    expect(decoded({ messages: [HELLO, ...messages] }).messages.slice(2)).toEqual([
      { role: "tool", toolCallId: "a", content: "These tools can be called now: Fetch" },
      { role: "user", content: "Go on." },
    ]);
  });

  test("all are given at once to a program that leaves the search to Anthropic's server", () => {
    const search = { type: "tool_search_tool_regex_20251119", name: "tool_search_tool_regex" };
    expect(offered([], [search, READ, FETCH])).toEqual(["Read", "Fetch"]);
  });
});

describe("tools that change in the middle of a conversation", () => {
  const system = (...content: object[]): object => ({ role: "system", content });
  const reference = { type: "tool_reference", name: "Fetch" };

  test("one that is added can be called, and one that is withdrawn cannot", () => {
    const definition = { name: "Mail", description: "Sends.", input_schema };
    const added = system(
      { type: "tool_addition", tool: reference },
      { type: "tool_addition", tool: { type: "tool_definition", definition } },
    );
    expect(offered([added], [READ, FETCH])).toEqual(["Read", "Fetch", "Mail"]);
    const removed = system({ type: "tool_removal", tool: reference });
    expect(offered([added, removed], [READ, FETCH])).toEqual(["Read", "Mail"]);
    expect(decoded({ messages: [HELLO, added, removed] }).messages).toHaveLength(1);
  });

  test("a tool of a server that is not here is refused by its place", () => {
    const added = system({ type: "tool_addition", tool: { type: "mcp_toolset_reference", server_name: "s" } });
    expect(() => offered([added], [READ])).toThrow(Refusal);
    expect(() => offered([added], [READ])).toThrow("messages.1.content.0.tool.type");
  });
});

describe("system messages", () => {
  const reminder = { role: "system", content: "Be quick.", clear_at: "next_user_message" };

  test("a reminder of one turn is gone when the user has spoken again", () => {
    expect(decoded({ messages: [HELLO, reminder] }).messages.at(-1)).toEqual({ role: "system", content: "Be quick." });
    const later = [HELLO, reminder, { role: "assistant", content: "Yes" }, HELLO];
    expect(decoded({ messages: later }).messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });

  test("the block for Anthropic's server does not reach the model: it would spoil the provider's cache", () => {
    const header = { type: "text", text: "x-anthropic-billing-header: version=1.2.3; entry=cli;" };
    expect(decoded({ system: [header, { type: "text", text: "Be kind." }] }).messages[0]).toEqual({
      role: "system",
      content: "Be kind.",
    });
  });

  test("the effort that one of them sets holds from there on", () => {
    const effort = (level: string): object => ({ role: "system", content: [], output_config: { effort: level } });
    const output_config = { effort: "low" };
    expect(decoded({ output_config, messages: [HELLO] }).options.reasoning).toBe("low");
    const messages = [HELLO, effort("medium"), { role: "assistant", content: "Yes" }, HELLO, effort("high")];
    expect(decoded({ output_config, messages }).options.reasoning).toBe("high");
    expect(decoded({ thinking: { type: "adaptive", display: "omitted" }, messages }).options.reasoning).toBe("high");
  });
});
