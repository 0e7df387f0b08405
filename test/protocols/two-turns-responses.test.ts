/** A reply goes into the next request as its provider demands it (law 8): Responses, at OpenAI and xAI. */

import type { Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { events } from "../support/sent-requests.ts";
import { answer, GO_ON, useTwoTurns } from "./two-turns.ts";

const { recorder, second } = useTwoTurns();

describe.each([
  ["OpenAI", "openai", "gpt-5", "gpt-5.4"],
  ["xAI", "grok", "grok-4.6", "grok-4.7"],
] as const)("%s", (_vendor, client, model, another) => {
  const replied = (...items: readonly object[]) =>
    recorder.replied(
      client,
      model,
      events(
        ...items.flatMap((item, output_index) => [
          // The encrypted text in the beginning is another, to be forgotten.
          {
            type: "response.output_item.added",
            output_index,
            item: { ...item, encrypted_content: "first", status: "in_progress" },
          },
          { type: "response.output_item.done", output_index, item },
        ]),
        { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
      ),
    );
  const secondOf = (turns: readonly Message[], asked: string = model) => second(client, asked, "input", turns);
  const goOn = { role: "user", content: "Go on." };

  const reasoning = {
    type: "reasoning",
    id: "rs_1",
    summary: [{ type: "summary_text", text: "hm" }],
    encrypted_content: "gAAA=/+",
  };
  const reasoningOut = { type: "reasoning", summary: reasoning.summary, encrypted_content: "gAAA=/+" };
  const call = {
    type: "function_call",
    id: "fc_1",
    status: "completed",
    call_id: "call_1",
    name: "look",
    arguments: '{ "at": "x" }',
  };
  const callOut = { type: "function_call", call_id: "call_1", name: "look", arguments: '{ "at": "x" }' };
  const words = {
    type: "message",
    id: "msg_1",
    role: "assistant",
    status: "completed",
    phase: "final_answer",
    content: [{ type: "output_text", text: "So.", annotations: [] }],
  };
  const wordsOut = { type: "message", role: "assistant", phase: "final_answer", content: words.content };
  const search = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "q" } };
  const output = { type: "function_call_output", call_id: "call_1", output: "seen" };

  test("thinking goes back encrypted, its last text counts, before what it led to", async () => {
    expect(await secondOf([await replied(reasoning, words), GO_ON])).toEqual([reasoningOut, wordsOut, goOn]);
    expect(await secondOf([await replied(reasoning, call), answer("call_1")])).toEqual([reasoningOut, callOut, output]);
  });

  test("a summary that is not there is an empty one", async () => {
    const { summary: _summary, ...bare } = reasoning;
    expect(await secondOf([await replied(bare, words), GO_ON])).toEqual([
      { ...reasoningOut, summary: [] },
      wordsOut,
      goOn,
    ]);
  });

  test("parallel calls and their outputs go back in order", async () => {
    const reply = await replied(reasoning, call, { ...call, id: "fc_2", call_id: "call_2" });
    expect(await secondOf([reply, answer("call_1"), answer("call_2")])).toEqual([
      reasoningOut,
      callOut,
      { ...callOut, call_id: "call_2" },
      output,
      { ...output, call_id: "call_2" },
    ]);
  });

  test("a search goes back with the thinking that led to it, or not at all", async () => {
    const reply = await replied(reasoning, search, { ...reasoning, encrypted_content: "two" }, words);
    expect(await secondOf([reply, GO_ON])).toEqual([
      reasoningOut,
      search,
      { ...reasoningOut, encrypted_content: "two" },
      wordsOut,
      goOn,
    ]);
    const { encrypted_content: _text, ...kept } = reasoning;
    expect(await secondOf([await replied({ ...kept, encrypted_content: "" }, search, words), GO_ON])).toEqual([
      wordsOut,
      goOn,
    ]);
    expect(await secondOf([await replied(search, words), GO_ON])).toEqual([search, wordsOut, goOn]);
  });

  test("thinking that led to nothing stays behind", async () => {
    expect(await secondOf([await replied(reasoning, words, reasoning), GO_ON])).toEqual([reasoningOut, wordsOut, goOn]);
  });

  test("another model gets words and calls", async () => {
    const reply = await replied(reasoning, search, reasoning, words, call);
    expect(await secondOf([reply, answer("call_1")], another)).toEqual([wordsOut, callOut, output]);
  });

  test("a reply of another provider and one that was changed go as words and calls", async () => {
    const plain = [
      { role: "assistant", content: [{ type: "output_text", text: "So." }] },
      { ...callOut, arguments: '{"at":"x"}' },
      output,
    ];
    const reply = await replied(reasoning, words, call);
    const replay = { provider: "another", protocol: "responses", data: { items: [reasoning] } };
    expect(await secondOf([{ ...reply, replay }, answer("call_1")])).toEqual(plain);
    expect(await secondOf([{ ...reply, content: "So!", toolCalls: [] }, GO_ON])).toEqual([
      { role: "assistant", content: [{ type: "output_text", text: "So!" }] },
      goOn,
    ]);
  });

  test("an id that is too long is shortened, alike in call and output", async () => {
    const id = "x".repeat(90);
    const foreign: Message = { role: "assistant", content: "", toolCalls: [{ id, name: "look", arguments: {} }] };
    const [sent, result] = (await secondOf([foreign, answer(id)])) as { call_id: string }[];
    expect(sent?.call_id).toMatch(/^call_\w{1,59}$/);
    expect(result?.call_id).toBe(sent?.call_id);
  });
});

test("OpenAI's custom calls wait for their own kind of output; xAI's have run already", async () => {
  const custom = {
    type: "custom_tool_call",
    id: "ctc_1",
    call_id: "call_1",
    name: "web_search",
    input: "text",
    status: "completed",
  };
  const words = { type: "message", role: "assistant", content: [{ type: "output_text", text: "So." }] };
  const body = events({
    type: "response.completed",
    response: { id: "r", status: "completed", output: [custom, words] },
  });
  const { id: _id, status: _status, ...out } = custom;
  const own = await recorder.replied("openai", "gpt-5", body);
  expect(own.toolCalls).toEqual([{ id: "call_1", name: "web_search", arguments: "text" }]);
  expect(await second("openai", "gpt-5", "input", [own, answer("call_1")])).toEqual([
    out,
    words,
    { type: "custom_tool_call_output", call_id: "call_1", output: "seen" },
  ]);
  const other = await recorder.replied("grok", "grok-4.6", body);
  expect(other.toolCalls).toEqual([]);
  expect(await second("grok", "grok-4.6", "input", [other, GO_ON])).toEqual([
    custom,
    words,
    { role: "user", content: "Go on." },
  ]);
});
