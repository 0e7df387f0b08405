/** Calls that run at the provider though they look like the caller's, and items that wait for the caller though they do not. */

import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const TEXT = { type: "message", role: "assistant", content: [{ type: "output_text", text: "ok", annotations: [] }] };
const response = (output: readonly object[]) => ({ id: "r", status: "completed", output });
const streamed = (...items: readonly object[]) =>
  events(
    ...items.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item: { ...item, status: "in_progress" } },
      { type: "response.output_item.done", output_index, item },
    ]),
    { type: "response.completed", response: response(items) },
  );
const BODIES: readonly (readonly [string, (...items: readonly object[]) => string])[] = [
  ["streamed", streamed],
  ["whole", (...items) => JSON.stringify(response(items))],
];

const SERVER_CALLS: readonly (readonly [string, string, string | undefined])[] = [
  ["function_call", "x_keyword_search", ""],
  ["function_call", "x_semantic_search", "call_1"],
  ["function_call", "view_x_video", "xs_1"],
  ["function_call", "browse_page", undefined],
  ["function_call", "web_search", "xs_2"],
  ["function_call", "some_new_tool", "xs_3"],
  ["custom_tool_call", "x_user_search", "xs_4"],
  ["custom_tool_call", "browse_page", "call_2"],
];

describe.each(BODIES)("%s", (_how, body) => {
  test.each(SERVER_CALLS)("a %s of xAI's own %s (id %s) is not the caller's", async (type, name, call_id) => {
    const given = type === "function_call" ? { arguments: '{"query":"q"}' } : { input: '{"query":"q"}' };
    const call = { type, id: "i", name, ...(call_id !== undefined && { call_id }), ...given, status: "completed" };
    const reply = await recorder.replied("grok", "m", body(call, TEXT));
    expect(reply).toMatchObject({ content: "ok", toolCalls: [], finishReason: "stop" });
    expect(reply.providerToolCalls).toMatchObject([{ name, arguments: { query: "q" } }]);
    const { text } = await recorder.sent("grok", "m", [
      { role: "user", content: "?" },
      reply,
      { role: "user", content: "!" },
    ]);
    expect(text).not.toContain('"function_call"');
  });

  test("a caller's own tool of a common name stays the caller's", async () => {
    const call = { type: "function_call", call_id: "call_1", name: "web_search", arguments: "{}", status: "completed" };
    for (const client of ["grok", "openai"] as const)
      expect(await recorder.replied(client, "m", body(call))).toMatchObject({
        toolCalls: [{ id: "call_1", name: "web_search" }],
        finishReason: "toolCalls",
      });
  });

  const WAITING: readonly (readonly [string, ClientName, readonly object[], string])[] = [
    [
      "a hosted shell that answered",
      "openai",
      [{ type: "shell_call", call_id: "c" }, { type: "shell_call_output", call_id: "c", output: [] }, TEXT],
      "stop",
    ],
    ["a shell of the caller's", "openai", [{ type: "shell_call", call_id: "c" }], "toolCalls"],
    [
      "one of two shells that answered",
      "openai",
      [
        { type: "shell_call", call_id: "c" },
        { type: "shell_call_output", call_id: "c", output: [] },
        { type: "shell_call", call_id: "d" },
      ],
      "toolCalls",
    ],
    [
      "a search for tools by the caller",
      "openai",
      [{ type: "tool_search_call", call_id: "c", execution: "client", arguments: {} }],
      "toolCalls",
    ],
    [
      "a search for tools by the server",
      "openai",
      [
        { type: "tool_search_call", call_id: null, execution: "server", arguments: {} },
        { type: "tool_search_output", call_id: null, execution: "server", tools: [] },
        TEXT,
      ],
      "stop",
    ],
    ["a patch", "openai", [{ type: "apply_patch_call", call_id: "c", operation: {} }], "toolCalls"],
    ["an approval", "openai", [{ type: "mcp_approval_request", id: "a", name: "t", arguments: "{}" }], "toolCalls"],
  ];
  test.each(WAITING)("%s", async (_what, client, items, finishReason) => {
    expect((await recorder.replied(client, "m", body(...items))).finishReason).toBe(finishReason);
  });
});
