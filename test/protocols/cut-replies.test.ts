/**
 * A reply that was cut after a call was whole: the call can be answered, so what its provider signed before it goes back with it,
 * byte for byte (law 8). What was under way when it was cut does not.
 */

import { type AssistantMessage, type Message, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };

/** What had come when the reply broke, put through JSON as a store would. */
async function partialOf(client: ClientName, model: string, body: string): Promise<AssistantMessage> {
  const error: unknown = await recorder.replied(client, model, body).catch((reason: unknown) => reason);
  if (!(error instanceof SendError) || !error.partial) throw new Error("the reply did not break");
  expect(error.kind).toBe("truncated");
  return JSON.parse(JSON.stringify(error.partial)) as AssistantMessage;
}

async function sentBack(
  client: ClientName,
  model: string,
  partial: AssistantMessage,
): Promise<Record<string, unknown>> {
  const answers = partial.toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: "seen" }));
  const { body } = await recorder.sent(client, model, [HI, partial, ...answers, { role: "user", content: "Go on." }]);
  return body;
}

describe("Anthropic", () => {
  const thinking = { type: "thinking", thinking: "hm", signature: "EqQB+/=" };
  const redacted = { type: "redacted_thinking", data: "EmwK/+=" };
  const text = { type: "text", text: "So:" };
  const use = { type: "tool_use", id: "toolu_1", name: "look", input: { at: "x" } };
  const block = (content_block: object, index: number) => [
    { type: "content_block_start", index, content_block },
    { type: "content_block_stop", index },
  ];
  const cut = (blocks: readonly object[], ...more: readonly object[]) =>
    partialOf(
      "claude",
      "claude-opus-4-8",
      events({ type: "message_start", message: { id: "m", content: [] } }, ...blocks.flatMap(block), ...more),
    );
  const back = async (partial: AssistantMessage) =>
    (await sentBack("claude", "claude-opus-4-8", partial)).messages as readonly { readonly content: unknown }[];

  test.each<[string, readonly object[]]>([
    ["nothing", []],
    ["a second call, begun", [{ type: "content_block_start", index: 3, content_block: { ...use, id: "toolu_2" } }]],
    ["more thinking, unsigned", [{ type: "content_block_start", index: 3, content_block: { type: "thinking" } }]],
  ])("%s after the call", async (_name, more) => {
    const partial = await cut([thinking, redacted, text, use], ...more);
    expect(partial).toMatchObject({ interrupted: true, toolCalls: [{ id: "toolu_1", arguments: { at: "x" } }] });
    expect((await back(partial))[1]).toEqual({ role: "assistant", content: [thinking, redacted, text, use] });
  });

  test("text after the call: words and calls go back, as of a changed reply", async () => {
    const partial = await cut([thinking, use], {
      type: "content_block_start",
      index: 2,
      content_block: { type: "text", text: "An" },
    });
    expect((await back(partial))[1]).toEqual({ role: "assistant", content: [{ type: "text", text: "An" }, use] });
  });

  test("no call: the words alone go back", async () => {
    const partial = await cut([thinking, text]);
    expect(partial.replay).toBeUndefined();
    expect((await back(partial))[1]).toEqual({ role: "assistant", content: [text] });
  });
});

describe("Responses", () => {
  const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAA+/=" };
  const call = { type: "function_call", id: "fc_1", call_id: "call_1", name: "look", arguments: '{"at":"x"}' };
  const content = [{ type: "output_text", text: "So:", annotations: [] }];
  const message = { type: "message", id: "msg_1", role: "assistant", content };
  const done = (item: object, output_index: number) => ({
    type: "response.output_item.done",
    output_index,
    item: { status: "completed", ...item },
  });

  test("the call goes back behind the reasoning and the words that led to it", async () => {
    const body = events(done(reasoning, 0), done(message, 1), done(call, 2), {
      type: "response.output_item.added",
      output_index: 3,
      item: { ...call, id: "fc_2", call_id: "call_2", arguments: "" },
    });
    const partial = await partialOf("openai", "gpt-5", body);
    const { input } = await sentBack("openai", "gpt-5", partial);
    const { id: _rs, ...thought } = reasoning;
    const { id: _msg, ...words } = message;
    const { id: _fc, ...calls } = call;
    expect((input as readonly unknown[]).slice(1, 5)).toEqual([
      thought,
      words,
      calls,
      { type: "function_call_output", call_id: "call_1", output: "seen" },
    ]);
  });

  test("words that were cut behind the call go back behind it, and cost it no reasoning", async () => {
    const body = events(
      done(reasoning, 0),
      done(call, 1),
      { type: "response.output_item.added", output_index: 2, item: { ...message, content: [] } },
      { type: "response.output_text.delta", output_index: 2, content_index: 0, item_id: "msg_1", delta: "I loo" },
    );
    const partial = await partialOf("openai", "gpt-5", body);
    expect(partial).toMatchObject({ content: "I loo", interrupted: true });
    const { input } = await sentBack("openai", "gpt-5", partial);
    const { id: _rs, ...thought } = reasoning;
    const { id: _fc, ...calls } = call;
    expect((input as readonly unknown[]).slice(1, 5)).toEqual([
      thought,
      calls,
      { role: "assistant", content: [{ type: "output_text", text: "I loo" }] },
      { type: "function_call_output", call_id: "call_1", output: "seen" },
    ]);
  });

  test("reasoning does not go back alone where it led to a message without a text", async () => {
    const body = events(done(reasoning, 0), done({ ...message, content: [] }, 1), {
      type: "response.completed",
      response: { id: "r", status: "completed", output: [] },
    });
    const reply = await recorder.replied("openai", "gpt-5", body);
    const sent = await recorder.sent("openai", "gpt-5", [HI, reply, { role: "user", content: "Go on." }]);
    expect(JSON.stringify(sent.body.input)).not.toContain("encrypted_content");
  });
});

describe("Chat Completions", () => {
  test("OpenRouter's details go back with the call that was complete", async () => {
    const details = [{ type: "reasoning.encrypted", data: "enc+/=", index: 0, format: "openai-responses-v1" }];
    const call = (index: number, id: string, json: string) => ({
      index,
      id,
      function: { name: "look", arguments: json },
    });
    const body = `${events(
      { id: "c", choices: [{ index: 0, delta: { reasoning_details: details } }] },
      { id: "c", choices: [{ index: 0, delta: { tool_calls: [call(0, "a", "{}"), call(1, "b", '{"at"')] } }] },
      { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "length" }] },
    )}data: [DONE]\n\n`;
    const partial = await partialOf("openrouter", "openai/gpt-5", body);
    const { messages } = await sentBack("openrouter", "openai/gpt-5", partial);
    expect(messages).toMatchObject([{}, { reasoning_details: details, tool_calls: [{ id: "a" }] }, {}, {}]);
  });
});
