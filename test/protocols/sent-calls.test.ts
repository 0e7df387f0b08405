/** Calls go back under names and ids that the provider takes, unique, and alike for a call and its answer. */

import type { Message, ToolCall } from "cloudllm";
import { describe, expect, test, vi } from "vitest";
import { historyCalls } from "../../src/protocols/common/tool-call-history.ts";
import { CLIENT_NAMES, type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const turn = (...toolCalls: readonly ToolCall[]): Message => ({ role: "assistant", content: "", toolCalls });
const call = (id: string, name = "look", args: unknown = {}): ToolCall => ({ id, name, arguments: args });
const answer = (toolCallId: string, content = "seen"): Message => ({ role: "tool", toolCallId, content });

interface SentCall {
  readonly id?: string;
  readonly name?: string;
}

/** The calls and the answers in a request of any protocol, in their order. */
function callsIn(value: unknown): { readonly calls: SentCall[]; readonly answers: SentCall[] } {
  const calls: SentCall[] = [];
  const answers: SentCall[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const item = node as Record<string, unknown>;
    const named = (item.function ?? item.functionCall ?? item.functionResponse) as SentCall | undefined;
    if (item.type === "tool_use" || item.functionCall) calls.push((named ?? item) as SentCall);
    else if (item.type === "function_call") calls.push({ id: String(item.call_id), name: String(item.name) });
    else if ((item.type === "function" || (named && item.type === undefined)) && item.id)
      calls.push({ id: String(item.id), ...(named?.name && { name: named.name }) });
    else if (item.type === "tool_result") answers.push({ id: String(item.tool_use_id) });
    else if (item.type === "function_call_output") answers.push({ id: String(item.call_id) });
    else if (item.role === "tool") answers.push({ id: String(item.tool_call_id) });
    else if (item.functionResponse) answers.push(named ?? {});
    for (const inner of Object.values(item)) walk(inner);
  };
  const { messages, input, contents } = value as Record<string, unknown>;
  walk(messages ?? input ?? contents);
  return { calls, answers };
}

const isGemini = (client: ClientName) => client === "gemini";

describe.each(CLIENT_NAMES.map((name) => [name] as const))("%s", (client) => {
  const model = client === "gemini" ? "gemini-3.5-flash" : "asked-for";
  const sent = async (...turns: readonly Message[]) =>
    callsIn((await recorder.sent(client, model, [HI, ...turns], { maxOutputTokens: 99 })).body);

  test("a tool that the model made up goes back under a legal name, and different ones stay different", async () => {
    const names = [
      "functions.get weather",
      "functions_get_weather",
      "ünïcode",
      "",
      "x".repeat(200),
      "a b",
      "a_b",
      "a.b",
      "__proto__",
      "1st",
    ];
    const made = names.map((name, at) => call(`c${at}`, name));
    const { calls } = await sent(turn(...made), ...made.map(({ id }) => answer(id)));
    const legal = isGemini(client)
      ? /^[A-Za-z_][\w.:-]{0,63}$/
      : client === "claude"
        ? /^[\w-]{1,128}$/
        : /^[\w-]{1,64}$/;
    expect(calls).toHaveLength(names.length);
    for (const { name } of calls) expect(name).toMatch(legal);
    expect(new Set(calls.map(({ name }) => name)).size).toBe(names.length);
    expect(calls.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["functions_get_weather", "a_b", "__proto__"]),
    );
  });

  test("such a name is the same in every request and every turn", async () => {
    const one = await sent(turn(call("c1", "a b")), answer("c1"));
    const two = await sent(turn(call("c0", "ä")), answer("c0"), turn(call("c1", "a b")), answer("c1"));
    expect(two.calls[1]?.name).toBe(one.calls[0]?.name);
  });

  test("a server that gives every call the same id gets calls and answers that can be distinguished", async () => {
    const { calls, answers } = await sent(
      turn(call("call_0")),
      answer("call_0"),
      turn(call("call_0"), call("call_0_2")),
      answer("call_0_2"),
      answer("call_0"),
      turn(call("same", "one"), call("same", "two")),
      answer("same"),
      answer("same"),
    );
    expect(calls).toHaveLength(5);
    if (isGemini(client)) {
      expect(answers.map(({ name }) => name)).toEqual(calls.map(({ name }) => name));
      return;
    }
    const ids = calls.map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
    expect(answers.map(({ id }) => id)).toEqual([ids[0], ids[2], ids[1], ids[3], ids[4]]);
  });

  test.each(["__proto__", "constructor", "", "a/b", "ü", "x".repeat(300)])(
    "an id %j is one like any other",
    async (id) => {
      if (id === "") return; // no answer can name it
      const { calls, answers } = await sent(turn(call(id)), answer(id));
      expect(answers.map((one) => one.id)).toEqual(calls.map((one) => one.id));
      expect(answers).toHaveLength(1);
    },
  );
});

test("a session whose model makes up a tool continues at OpenAI", async () => {
  const item = { type: "function_call", call_id: "c1", name: "functions.get weather", arguments: '{"a":"\\ud83d"}' };
  const body = events({ type: "response.completed", response: { id: "r", status: "completed", output: [item] } });
  const reply = await recorder.replied("openai", "gpt-5", body);
  expect(reply.toolCalls[0]?.name).toBe("functions.get weather");
  const { body: out } = await recorder.sent("openai", "gpt-5", [HI, reply, answer("c1")]);
  const [sent] = callsIn(out).calls;
  expect(sent?.name).toMatch(/^functions_get_weather_\w+$/);
  expect((out.input as { arguments?: string }[])[1]?.arguments).toBe('{"a":"\\ufffd"}');
});

test("a signature that rides on a call called `__proto__` goes back with it", async () => {
  const extra_content = { google: { thought_signature: "s==" } };
  const made = {
    index: 0,
    id: "__proto__",
    type: "function",
    function: { name: "look", arguments: "{}" },
    extra_content,
  };
  const body = `${events({ id: "c", choices: [{ index: 0, delta: { tool_calls: [made] }, finish_reason: "tool_calls" }] })}data: [DONE]\n\n`;
  const reply = await recorder.replied("gemini chat", "gemini-3.5-flash", body);
  const { body: out } = await recorder.sent("gemini chat", "gemini-3.5-flash", [HI, reply, answer("__proto__")]);
  expect(out.messages).toMatchObject([
    {},
    { tool_calls: [{ id: "__proto__", extra_content }] },
    { tool_call_id: "__proto__" },
  ]);
});

test("Claude's own calls are distinguished, and their tools named, where there are none any more", async () => {
  const made = [call("toolu_1", "a b"), call("toolu_1", "c d")];
  const { body } = await recorder.sent("claude", "claude-sonnet-4-5", [
    HI,
    turn(...made),
    answer("toolu_1"),
    answer("toolu_1"),
  ]);
  const names = callsIn(body).calls.map(({ name }) => name);
  expect((body.tools as SentCall[]).map(({ name }) => name)).toEqual(names);
});

test("a session's loop with a server that gives no ids goes over to Claude", async () => {
  const piece = (delta: object, finish_reason: string | null = null) => ({
    model: "m",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const looks = `${events(piece({ tool_calls: [{ index: 0, function: { name: "w", arguments: "{}" } }] }), piece({}, "tool_calls"))}data: [DONE]\n\n`;
  const first = await recorder.replied("compatible", "m", looks);
  const second = await recorder.replied("compatible", "m", looks);
  const idOf = ({ toolCalls }: typeof first) => toolCalls[0]?.id ?? "";
  const history = [HI, first, answer(idOf(first)), second, answer(idOf(second))];
  const { calls } = callsIn((await recorder.sent("claude", "claude-haiku-4-5", history)).body);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
});

test("a caller's tool whose name Gemini refuses is an invalid request there, and nowhere else", async () => {
  const options = { tools: [{ name: "1st" }], maxOutputTokens: 99 };
  await expect(recorder.client("gemini", "gemini-3.5-flash").sendMessage([HI], options)).rejects.toMatchObject({
    kind: "invalidRequest",
  });
  for (const client of ["claude", "openai", "mistral"] as const)
    await recorder.sent(client, "asked-for", [HI], options);
});

test("many calls of one id, answered in any order, cost in proportion to them, and each answer is to a call", () => {
  const count = 2_000;
  let asked = 0;
  const legalId = (id: string): string => {
    asked++;
    return id;
  };
  const toolCalls = Array.from({ length: count }, () => ({ id: "same", name: "look", arguments: {} }));
  const answers = toolCalls.map(() => ({ role: "tool", toolCallId: "same", content: "seen" }) as const);
  const turn: readonly Message[] = [{ role: "assistant", content: "", toolCalls }, ...answers];
  const filter = vi.spyOn(Array.prototype, "filter");
  const rules = { names: { pattern: /^\w+$/, max: 64 }, legalId } as unknown as Parameters<typeof historyCalls>[2];
  const calls = historyCalls([...turn, ...turn], undefined, rules);
  const long = filter.mock.contexts.filter((list) => (list as unknown[]).length > 100);
  filter.mockRestore();
  expect(long.length).toBeLessThan(3);
  expect(asked).toBeLessThan(5 * count);
  const sent = [0, count + 1].flatMap((at) => calls.callsAt(at).map(({ id }) => id));
  const answered = [...turn, ...turn].flatMap(({ role }, at) => (role === "tool" ? [calls.answeredAt(at).id] : []));
  expect(new Set(sent).size).toBe(2 * count);
  expect(answered).toEqual(sent);
});
