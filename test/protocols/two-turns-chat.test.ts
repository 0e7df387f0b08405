/** A reply goes into the next request as its provider demands it (law 8): Chat Completions, at each vendor. */

import type { Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events } from "../support/sent-requests.ts";
import { answer, GO_ON, useTwoTurns } from "./two-turns.ts";

const { recorder, second } = useTwoTurns();

describe("over Chat Completions", () => {
  const replied = (client: ClientName, model: string, ...deltas: readonly object[]) =>
    recorder.replied(
      client,
      model,
      `${events(...deltas.map((delta) => ({ id: "c", choices: [{ index: 0, delta, finish_reason: null }] })), {
        id: "c",
        choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
      })}data: [DONE]\n\n`,
    );
  const goOn = { role: "user", content: "Go on." };
  const CALL = { index: 0, id: "call_0001", type: "function", function: { name: "look", arguments: "{}" } };
  const { index: _index, ...calledBack } = CALL;
  const result = { role: "tool", tool_call_id: "call_0001", content: "seen" };

  test("a call of a tool that takes plain text goes back as one, with its text", async () => {
    const piece = (custom: object) => ({
      id: "c",
      choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: "call_1", type: "custom", custom }] } }],
    });
    const body = `${events(piece({ name: "python", input: "print(" }), piece({ input: "1)" }), {
      id: "c",
      choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }],
    })}data: [DONE]\n\n`;
    const reply = await recorder.replied("openai chat", "gpt-5", body);
    expect(reply.toolCalls).toEqual([{ id: "call_1", name: "python", arguments: "print(1)" }]);
    const [turn, result] = await second("openai chat", "gpt-5", "messages", [reply, answer("call_1")]);
    expect(turn).toMatchObject({
      tool_calls: [{ id: "call_1", type: "custom", custom: { name: "python", input: "print(1)" } }],
    });
    expect(result).toEqual({ role: "tool", tool_call_id: "call_1", content: "seen" });
  });

  describe("OpenRouter", () => {
    const model = "anthropic/claude-opus-5";
    const text = { type: "reasoning.text", index: 0, format: "anthropic-claude-v1" };
    const deltas = [
      { reasoning: "a", reasoning_details: [{ ...text, text: "a" }] },
      { reasoning: "b", reasoning_details: [{ ...text, text: "b" }] },
      { reasoning_details: [{ ...text, text: "", signature: "sig==" }] },
      { reasoning_details: [{ type: "reasoning.encrypted", index: 0, data: "enc", id: "call_0001" }] },
    ];
    const details = [
      { ...text, text: "ab", signature: "sig==" },
      { type: "reasoning.encrypted", index: 0, data: "enc", id: "call_0001" },
    ];

    test("reasoning_details go back joined, to the model that wrote them", async () => {
      const reply = await replied("openrouter", model, ...deltas, { content: "So." });
      expect(await second("openrouter", model, "messages", [reply, GO_ON])).toEqual([
        { role: "assistant", content: "So.", reasoning_details: details },
        goOn,
      ]);
      expect(await second("openrouter", "openai/gpt-5", "messages", [reply, GO_ON])).toEqual([
        { role: "assistant", content: "So." },
        goOn,
      ]);
    });

    test("thoughts that share an index do not spoil each other", async () => {
      const sealed = { type: "reasoning.encrypted", index: 0, format: "openai-responses-v1" };
      const thoughts = [
        { ...sealed, id: "rs_1", data: "one" },
        { ...sealed, id: "rs_2", data: "two" },
        { ...text, text: "a", signature: "1" },
        { ...text, text: "b", signature: "2" },
      ];
      const [, , first, then] = thoughts;
      const pieces = [
        thoughts[0],
        thoughts[1],
        { ...first, signature: null },
        { ...text, signature: "1" },
        { ...then, signature: null },
        { ...text, text: "", signature: "2" },
      ];
      const deltas = pieces.map((piece) => ({ reasoning_details: [piece] }));
      const reply = await replied("openrouter", "openai/gpt-5.6", ...deltas, { content: "So." });
      const [own] = await second("openrouter", "openai/gpt-5.6", "messages", [reply, GO_ON]);
      expect(own).toEqual({ role: "assistant", content: "So.", reasoning_details: thoughts });
    });

    test("in a loop of calls as well", async () => {
      const reply = await replied("openrouter", model, ...deltas, { tool_calls: [CALL] });
      expect(await second("openrouter", model, "messages", [reply, answer("call_0001")])).toEqual([
        { role: "assistant", content: null, reasoning_details: details, tool_calls: [calledBack] },
        result,
      ]);
    });
  });

  describe("DeepSeek", () => {
    const thought = { reasoning_content: "hm" };
    const [words, loop] = [{ content: "So." }, { tool_calls: [CALL] }];

    test.each<[string, string, object, readonly Message[], object]>([
      ["V4 wants all thinking", "deepseek-v4", words, [GO_ON], { content: "So.", reasoning_content: "hm" }],
      ["V4, in a loop", "deepseek-v4", loop, [answer("call_0001")], { content: null, reasoning_content: "hm" }],
      ["older models want none of earlier turns", "deepseek-reasoner", words, [GO_ON], { content: "So." }],
      [
        "older models want that of the loop they are in",
        "deepseek-reasoner",
        loop,
        [answer("call_0001")],
        { content: null, reasoning_content: "hm" },
      ],
    ])("%s", async (_name, model, delta, after, due) => {
      const reply = await replied("deepseek", model, thought, delta);
      const [own] = await second("deepseek", model, "messages", [reply, ...after]);
      const { tool_calls: _calls, ...rest } = own as Record<string, unknown>;
      expect(rest).toEqual({ role: "assistant", ...due });
    });

    test("V4 learns where there was none", async () => {
      const [own] = await second("deepseek", "deepseek-v4", "messages", [
        await replied("deepseek", "deepseek-v4", words),
        GO_ON,
      ]);
      expect(own).toEqual({ role: "assistant", content: "So.", reasoning_content: "" });
    });
  });

  describe("Mistral", () => {
    const model = "magistral-medium-latest";
    const piece = (text: string) => ({ content: [{ type: "thinking", thinking: [{ type: "text", text }] }] });
    const parts = [
      { type: "thinking", thinking: [{ type: "text", text: "hm, so" }] },
      { type: "text", text: "So. " },
      { type: "reference", reference_ids: [1] },
      { type: "text", text: "And so." },
    ];
    const deltas = [
      { content: "" },
      piece("hm, "),
      piece("so"),
      { content: "So" },
      {
        content: [
          { type: "text", text: ". " },
          { type: "reference", reference_ids: [1] },
        ],
      },
      { content: "And so." },
    ];

    test("parts of content go back as they came", async () => {
      const reply = await replied("mistral", model, ...deltas);
      expect(reply).toMatchObject({ content: "So. And so.", reasoning: "hm, so" });
      expect(await second("mistral", model, "messages", [reply, GO_ON])).toEqual([
        { role: "assistant", content: parts },
        goOn,
      ]);
      expect(await second("mistral", "mistral-large-latest", "messages", [reply, GO_ON])).toEqual([
        { role: "assistant", content: "So. And so." },
        goOn,
      ]);
      expect(await second("mistral", model, "messages", [{ ...reply, content: "No." }, GO_ON])).toEqual([
        { role: "assistant", content: "No." },
        goOn,
      ]);
    });

    test("in a loop of calls as well", async () => {
      const call = { ...CALL, id: "abcdef123" };
      const reply = await replied("mistral", model, piece("hm"), { tool_calls: [call] });
      const { index: _at, ...back } = call;
      expect(await second("mistral", model, "messages", [reply, answer("abcdef123")])).toEqual([
        {
          role: "assistant",
          content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }],
          tool_calls: [back],
        },
        { ...result, tool_call_id: "abcdef123" },
      ]);
    });

    test("text alone is no list", async () => {
      const reply = await replied("mistral", "mistral-large-latest", { content: "So." });
      expect(await second("mistral", "mistral-large-latest", "messages", [reply, GO_ON])).toEqual([
        { role: "assistant", content: "So." },
        goOn,
      ]);
    });
  });

  test("llama.cpp gets the thinking of the loop it is in, in the field it came in", async () => {
    const reply = await replied("llamacpp", "m", { reasoning: "hm" }, { tool_calls: [CALL] });
    expect(await second("llamacpp", "m", "messages", [reply, answer("call_0001")])).toEqual([
      { role: "assistant", content: null, reasoning: "hm", tool_calls: [calledBack] },
      result,
    ]);
  });

  test("a server of which nothing is known gets words and calls", async () => {
    const reply = await replied(
      "compatible",
      "m",
      { reasoning_content: "hm" },
      { content: "So." },
      { tool_calls: [CALL] },
    );
    expect(await second("compatible", "m", "messages", [reply, answer("call_0001")])).toEqual([
      { role: "assistant", content: "So.", tool_calls: [calledBack] },
      result,
    ]);
  });

  test("Gemini's signature goes back on the call it came with", async () => {
    const extra_content = { google: { thought_signature: "s==" } };
    const reply = await replied("gemini chat", "gemini-3.5-flash", { tool_calls: [{ ...CALL, extra_content }] });
    expect(await second("gemini chat", "gemini-3.5-flash", "messages", [reply, answer("call_0001")])).toEqual([
      { role: "assistant", content: null, tool_calls: [{ ...calledBack, extra_content }] },
      result,
    ]);
  });

  test("calls that Gemini never signed say so to models that want signatures", async () => {
    const calls = ["a", "b"].map((id) => ({ id, name: "look", arguments: {} }));
    const foreign: Message = { role: "assistant", content: "", toolCalls: calls };
    const unsigned = { extra_content: { google: { thought_signature: "skip_thought_signature_validator" } } };
    for (const [model, due] of [
      ["gemini-3.5-flash", [unsigned, {}]],
      ["gemini-2.5-flash", [{}, {}]],
    ] as const) {
      const [own] = await second("gemini chat", model, "messages", [foreign, answer("a"), answer("b")]);
      const { tool_calls } = own as { tool_calls: Record<string, unknown>[] };
      expect(tool_calls.map(({ extra_content }) => (extra_content ? { extra_content } : {}))).toEqual(due);
    }
  });

  test("ids are made legal, alike in call and result: nine signs for Mistral, forty for OpenAI", async () => {
    const id = `toolu_${"x".repeat(60)}`;
    const foreign: Message = { role: "assistant", content: "", toolCalls: [{ id, name: "look", arguments: {} }] };
    for (const [client, legal] of [
      ["mistral", /^[A-Za-z0-9]{9}$/],
      ["openai chat", /^\w{1,40}$/],
    ] as const) {
      const [own, back] = await second(client, "m", "messages", [foreign, answer(id)]);
      const { tool_calls } = own as { tool_calls: { id: string }[] };
      expect(tool_calls[0]?.id).toMatch(legal);
      expect(back).toMatchObject({ tool_call_id: tool_calls[0]?.id });
    }
  });
});
