/** Tools as Codex sends them: in namespaces, among the items of the input, and behind a search that the agent runs. */

import { expect, test } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";
import { streamed } from "../support/responses.ts";

const object = (properties: object): object => ({ type: "object", properties, additionalProperties: false });
const SLEEP = { type: "function", name: "sleep", description: "Waits.", strict: false, parameters: object({}) };
const CLOCK = { type: "namespace", name: "clock", description: "Time.", tools: [SLEEP] };
const GRAMMAR = { type: "grammar", syntax: "lark", definition: "start: /.+/" };
const EXEC = { type: "custom", name: "exec", description: "Runs a script.", format: GRAMMAR };
const SEARCH = {
  type: "tool_search",
  execution: "client",
  description: "Finds tools.",
  parameters: object({ query: { type: "string" } }),
};
const WEATHER = { type: "function", name: "weather", defer_loading: true, parameters: object({}) };
const FOUND = { type: "namespace", name: "mcp__maps", description: "Maps.", tools: [WEATHER] };

/** The form of an agent's first request to a newer model. */
const ADDED = {
  model: "any",
  input: [
    {
      type: "additional_tools",
      id: "at_1",
      role: "developer",
      tools: [{ type: "namespace", name: "functions", description: "", tools: [EXEC] }, CLOCK],
    },
    { type: "message", role: "user", content: [{ type: "input_text", text: "Wait." }] },
  ],
  reasoning: { effort: "medium", context: "all_turns" },
  store: false,
  text: { verbosity: "low" },
  client_metadata: { session_id: "s" },
};

test("an agent's tools among the items of its input reach the model, each by one name", async () => {
  const gateway = testGateway([{ text: "Hi" }]);
  await streamed(gateway, ADDED);
  const { messages, options } = gateway.model.calls[0] ?? {};
  expect(messages).toEqual([{ role: "user", content: [{ type: "text", text: "Wait." }] }]);
  expect(options?.tools).toMatchObject([
    { name: "exec", parameters: { properties: { input: { type: "string" } } } },
    { name: "clock__sleep", description: "clock: Time.\n\nWaits." },
  ]);
});

test("a call comes back with the namespace that the agent looks it up by, and returns to the model as its own", async () => {
  const steps = [
    { toolCall: { id: "call_1", name: "exec", arguments: { input: "text(1)" } } },
    { toolCall: { id: "call_2", name: "clock__sleep", fragments: ['{"ms":', "5}"] } },
  ];
  const gateway = testGateway([{ steps }, { text: "Done." }]);
  const events = await streamed(gateway, ADDED);
  const items = events.at(-1)?.response?.output ?? [];
  expect(items).toMatchObject([
    { type: "custom_tool_call", call_id: "call_1", name: "exec", input: "text(1)" },
    { type: "function_call", call_id: "call_2", namespace: "clock", name: "sleep", arguments: '{"ms":5}' },
  ]);
  expect(items[0]).not.toHaveProperty("namespace");
  const done = events.find(({ type }) => type === "response.function_call_arguments.done");
  expect(done).toMatchObject({ namespace: "clock", name: "sleep" });
  const results = [
    { type: "custom_tool_call_output", call_id: "call_1", output: "1" },
    { type: "function_call_output", call_id: "call_2", output: "Waited." },
  ];
  await streamed(gateway, { ...ADDED, input: [...ADDED.input, ...items, ...results] });
  expect(gateway.model.calls[1]?.messages).toMatchObject([
    { role: "user" },
    { role: "assistant", toolCalls: [{ name: "exec" }, { name: "clock__sleep", arguments: { ms: 5 } }] },
    { role: "tool", toolCallId: "call_1", content: "1" },
    { role: "tool", toolCallId: "call_2", content: "Waited." },
  ]);
});

test("the agent's search for tools is a call of the model, and what it finds can be called", async () => {
  const tools = [EXEC, { ...WEATHER, name: "hidden" }, SEARCH];
  const body = { model: "any", input: [{ role: "user", content: "Weather?" }] as object[], tools, store: false };
  const gateway = testGateway([
    { steps: [{ toolCall: { id: "call_1", name: "tool_search", arguments: { query: "weather" } } }] },
    { steps: [{ toolCall: { id: "call_2", name: "mcp__maps__weather", arguments: {} } }] },
    { text: "No." },
  ]);
  const first = await streamed(gateway, body);
  const search = { type: "tool_search_call", execution: "client", call_id: "call_1", arguments: { query: "weather" } };
  expect(first.at(-1)?.response?.output).toMatchObject([{ ...search, status: "completed" }]);
  expect(first.find(({ type }) => type === "response.output_item.added")?.item).toMatchObject({ arguments: {} });
  expect(gateway.model.calls[0]?.options.tools?.map(({ name }) => name)).toEqual(["exec", "tool_search"]);

  const output = { type: "tool_search_output", call_id: "call_1", execution: "client", status: "completed" };
  const input = [...body.input, search, { ...output, tools: [FOUND] }];
  const second = await streamed(gateway, { ...body, input });
  expect(second.at(-1)?.response?.output).toMatchObject([
    { type: "function_call", namespace: "mcp__maps", name: "weather" },
  ]);
  const call = gateway.model.calls[1];
  expect(call?.options.tools?.map(({ name }) => name)).toEqual(["exec", "tool_search", "mcp__maps__weather"]);
  expect(call?.messages.at(-1)).toEqual({
    role: "tool",
    toolCallId: "call_1",
    content: "These tools can be called now: mcp__maps__weather",
  });

  await streamed(gateway, { ...body, input: [...body.input, search, { ...output, tools: [] }] });
  expect(gateway.model.calls[2]?.messages.at(-1)?.content).toBe("No tools were found.");
});

test("tools that OpenAI's server would search are given at once, since there is no such server", async () => {
  const gateway = testGateway([{ text: "Hi" }]);
  const past = [
    { type: "tool_search_call", call_id: null, execution: "server", arguments: {} },
    { type: "tool_search_output", call_id: null, execution: "server", tools: [WEATHER] },
  ];
  await streamed(gateway, {
    input: [{ role: "user", content: "Hi" }, ...past],
    tools: [FOUND, { type: "tool_search" }],
  });
  const { messages, options } = gateway.model.calls[0] ?? {};
  expect(options?.tools?.map(({ name }) => name)).toEqual(["mcp__maps__weather", "weather"]);
  expect(messages).toHaveLength(1);
});

test("a long name of a namespace stays within what providers take, and the agent gets its own back", async () => {
  const namespace = `mcp__${"a".repeat(60)}`;
  const tools = [{ type: "namespace", name: namespace, description: "", tools: [SLEEP, { ...SLEEP, name: "stop" }] }];
  const gateway = testGateway(({ options }) => ({
    steps: (options.tools ?? []).map(({ name }) => ({ toolCall: { name, arguments: {} } })),
  }));
  const events = await streamed(gateway, { tools });
  const names = gateway.model.calls[0]?.options.tools?.map(({ name }) => name) ?? [];
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name).toMatch(/^[\w-]{1,64}$/);
  expect(events.at(-1)?.response?.output).toMatchObject([
    { namespace, name: "sleep" },
    { namespace, name: "stop" },
  ]);
});

test("a tool whose name at the model another one has is refused, and does not disappear", async () => {
  const gateway = testGateway([]);
  const space = (name: string, tool: string) => ({ type: "namespace", name, tools: [{ ...SLEEP, name: tool }] });
  for (const other of [space("clock__a", "b"), { ...SLEEP, name: "clock__a__b" }]) {
    const body = { model: "any", input: "Hi", tools: [space("clock", "a__b"), other] };
    const response = await gateway.handle(ask("responses", body));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("clock__a__b");
  }
});

test("a choice of a tool in a namespace is obeyed", async () => {
  const gateway = testGateway([{ text: "Hi" }, { text: "Hi" }]);
  const named = { type: "function", namespace: "clock", name: "sleep" };
  await streamed(gateway, { tools: [EXEC, CLOCK], tool_choice: named });
  expect(gateway.model.calls[0]?.options.toolChoice).toEqual({ name: "clock__sleep" });
  await streamed(gateway, {
    tools: [EXEC, CLOCK],
    tool_choice: { type: "allowed_tools", mode: "auto", tools: [named] },
  });
  expect(gateway.model.calls[1]?.options.tools?.map(({ name }) => name)).toEqual(["clock__sleep"]);
});

test("a message from another agent is a turn of the user, in the words that its model wrote", async () => {
  const content = [
    { type: "input_text", text: "Sender: /root" },
    { type: "encrypted_content", encrypted_content: "Look into it." },
  ];
  const gateway = testGateway([{ text: "Hi" }]);
  await streamed(gateway, { input: [{ type: "agent_message", author: "/root", recipient: "/root/a", content }] });
  expect(gateway.model.calls[0]?.messages).toEqual([
    {
      role: "user",
      content: [
        { type: "text", text: "Sender: /root" },
        { type: "text", text: "Look into it." },
      ],
    },
  ]);
});

test("a later setting of the conversation holds", async () => {
  const gateway = testGateway([{ text: '{"a":1}' }]);
  const schema = { type: "object" };
  const input = [
    { role: "user", content: "Hi" },
    { type: "configuration_update", reasoning: { effort: "high" } },
    { type: "configuration_update", text: { format: { type: "json_schema", name: "n", schema } } },
  ];
  await streamed(gateway, { input, reasoning: { effort: "low" } });
  expect(gateway.model.calls[0]?.options).toMatchObject({ reasoning: "high", output: schema });
});

test("a result that is a picture alone has words, since some models refuse an empty result", async () => {
  const gateway = testGateway([{ text: "Hi" }]);
  const picture = { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=" };
  const call = { type: "function_call", call_id: "a", name: "view", arguments: "{}" };
  await streamed(gateway, { input: [call, { type: "function_call_output", call_id: "a", output: [picture] }] });
  expect(gateway.model.calls[0]?.messages.slice(1)).toMatchObject([
    { role: "tool", content: "The result is attached below." },
    { role: "user", content: [{ type: "text", text: "[Attachments of the result of a:]" }, { type: "image" }] },
  ]);
});

test.each([
  [{ tools: [{ ...CLOCK, tools: [{ type: "mcp" }] }] }, '`tools[0].tools[0].type` "mcp" is not supported.'],
  [{ tools: [{ ...CLOCK, tools: {} }] }, "`tools[0].tools` must be an array."],
  [{ tools: [{ ...CLOCK, name: "" }] }, "`tools[0].name` must be a string."],
  [{ input: [{ type: "additional_tools", tools: {} }] }, "`input[0].tools` must be an array."],
  [
    { input: [{ type: "tool_search_output", call_id: "a", tools: [{ type: "computer" }] }] },
    "`input[0].tools[0].type`",
  ],
])("a tool that cannot be given to the model is refused by its place: %j", async (body, message) => {
  const response = await testGateway([]).handle(ask("responses", { input: "Hi", ...body }));
  expect(response.status).toBe(400);
  expect(await response.text()).toContain(JSON.stringify(message).slice(1, -1));
});
