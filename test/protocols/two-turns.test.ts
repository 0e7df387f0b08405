/**
 * A reply goes into the next request as its provider demands it (law 8): with and without tools, after JSON, compared with
 * what is due on the wire.
 */

import type { AssistantMessage, Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const GO_ON: Message = { role: "user", content: "Go on." };
const answer = (toolCallId: string, content = "seen", isError = false): Message => ({
  role: "tool",
  toolCallId,
  content,
  ...(isError && { isError }),
});

/** What goes out in the place of the reply and after it, in a list of that name. */
async function second(
  client: ClientName,
  model: string,
  list: "messages" | "input" | "contents",
  turns: readonly Message[],
): Promise<readonly unknown[]> {
  const { body } = await recorder.sent(client, model, [HI, ...turns], { maxOutputTokens: 4_096 });
  return (body[list] as unknown[]).slice(1);
}

describe("Anthropic", () => {
  const SONNET = "claude-sonnet-4-5";
  const turn = (...blocks: readonly object[]) =>
    events(
      { type: "message_start", message: { id: "msg_1", content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
      ...blocks.flatMap((content_block, index) => [
        { type: "content_block_start", index, content_block },
        { type: "content_block_stop", index },
      ]),
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
      { type: "message_stop" },
    );
  const replied = (...blocks: readonly object[]) => recorder.replied("claude", SONNET, turn(...blocks));
  const secondOf = (turns: readonly Message[], model = SONNET) => second("claude", model, "messages", turns);
  const goOn = { role: "user", content: [{ type: "text", text: "Go on." }] };

  const thinking = { type: "thinking", thinking: "hm", signature: "EqQB+/=\n" };
  const omitted = { type: "thinking", thinking: "", signature: "sig2" };
  const redacted = { type: "redacted_thinking", data: "EmwK/+=" };
  const text = { type: "text", text: "So:" };
  const use = { type: "tool_use", id: "toolu_1", name: "look", input: { at: "x" }, caller: { type: "direct" } };
  const searched = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "q" } };
  const found = {
    type: "web_search_tool_result",
    tool_use_id: "srvtoolu_1",
    content: [{ type: "web_search_result", url: "https://a.com", title: "A", encrypted_content: "enc==" }],
  };
  const cited = {
    type: "text",
    text: "A says so.",
    citations: [
      {
        type: "web_search_result_location",
        url: "https://a.com",
        title: "A",
        cited_text: "so",
        encrypted_index: "Eo8=",
      },
    ],
  };

  test.each<[string, readonly object[]]>([
    ["thinking and words", [thinking, text]],
    ["words before thinking", [{ type: "text", text: "Hm." }, thinking, text]],
    ["thinking that is not shown", [omitted, text]],
    ["thinking that is hidden", [thinking, redacted, omitted, text]],
    ["a search, with what it found and cites", [thinking, searched, found, cited]],
  ])("%s go back as they came", async (_name, blocks) => {
    expect(await secondOf([await replied(...blocks), GO_ON])).toEqual([{ role: "assistant", content: blocks }, goOn]);
  });

  // "text content blocks must contain non-whitespace text": also of the model's own.
  test("blank words before thinking stay behind", async () => {
    const reply = await replied({ type: "text", text: "\n\n" }, thinking, text);
    expect(await secondOf([reply, GO_ON])).toEqual([{ role: "assistant", content: [thinking, text] }, goOn]);
  });

  test("a loop of calls goes back complete, its results in one turn before any words", async () => {
    const uses = [use, { ...use, id: "toolu_2" }];
    const reply = await replied(thinking, redacted, text, ...uses);
    expect(await secondOf([reply, answer("toolu_1"), answer("toolu_2", "no", true), GO_ON])).toEqual([
      { role: "assistant", content: [thinking, redacted, text, ...uses] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "toolu_1", content: "seen" },
          { type: "tool_result", tool_use_id: "toolu_2", content: "no", is_error: true },
          { type: "text", text: "Go on." },
        ],
      },
    ]);
  });

  test("arguments and signatures that came in pieces go back as one", async () => {
    const body = events(
      { type: "message_start", message: { id: "m", content: [] } },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "a" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "b" } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s1" } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s2" } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "tool_use", id: "t", name: "look", input: {} } },
      { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"a' } },
      { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '":1}' } },
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "tool_use" } },
      { type: "message_stop" },
    );
    const [own] = await secondOf([await recorder.replied("claude", SONNET, body), answer("t")]);
    expect(own).toEqual({
      role: "assistant",
      content: [
        { type: "thinking", thinking: "ab", signature: "s1s2" },
        { type: "tool_use", id: "t", name: "look", input: { a: 1 } },
      ],
    });
  });

  test("what would be refused stays behind: unsigned thinking, empty text", async () => {
    const reply = await replied({ type: "thinking", thinking: "hm", signature: "" }, { type: "text", text: "" }, text);
    expect(await secondOf([reply, GO_ON])).toEqual([{ role: "assistant", content: [text] }, goOn]);
  });

  test("another model gets the words, calls and searches, without what was signed for the first", async () => {
    const reply = await replied(thinking, redacted, searched, found, text, use);
    const [own] = await secondOf([reply, answer("toolu_1")], "claude-opus-4-5");
    expect(own).toEqual({ role: "assistant", content: [searched, found, text, use] });
  });

  test.each<[string, (reply: AssistantMessage) => Message]>([
    ["the caller has changed", (reply) => ({ ...reply, content: "So!" })],
    ["is without its replay", ({ content, toolCalls }) => ({ role: "assistant", content, toolCalls })],
  ])("of a reply that %s only words and calls go back", async (_name, change) => {
    const reply = await replied(thinking, text, use);
    const changed = change(reply);
    const { caller: _caller, ...plain } = use;
    const [own] = await secondOf([changed, answer("toolu_1")]);
    expect(own).toEqual({ role: "assistant", content: [{ ...text, text: changed.content }, plain] });
  });

  test("calls of another provider get ids that are legal here, alike in call and result; text arguments become an object", async () => {
    const calls = [
      { id: "call.of/another", name: "look", arguments: { a: 1 } },
      { id: "c2", name: "note", arguments: "plain" },
    ];
    const foreign: Message = { role: "assistant", content: "", toolCalls: calls };
    expect(await secondOf([foreign, answer("call.of/another"), answer("c2", "")])).toEqual([
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "call_of_another", name: "look", input: { a: 1 } },
          { type: "tool_use", id: "c2", name: "note", input: { input: "plain" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "call_of_another", content: "seen" },
          { type: "tool_result", tool_use_id: "c2" },
        ],
      },
    ]);
  });

  test("calls in a history come with their tools, though there are none any more", async () => {
    const { body } = await recorder.sent("claude", SONNET, [HI, await replied(use), answer("toolu_1"), GO_ON]);
    expect(body).toMatchObject({
      tools: [{ name: "look", input_schema: { type: "object" } }],
      tool_choice: { type: "none" },
    });
  });

  test("with a budget, a loop that another began continues without thinking; the next may think again", async () => {
    const foreign: Message = { role: "assistant", content: "", toolCalls: [{ id: "c", name: "look", arguments: {} }] };
    const bodyOf = async (...turns: readonly Message[]) =>
      (await recorder.sent("claude", SONNET, [HI, ...turns], { reasoning: "low" })).body;
    expect(await bodyOf(foreign, answer("c"))).not.toHaveProperty("thinking");
    expect(await bodyOf(foreign, answer("c"), { role: "assistant", content: "ok" }, GO_ON)).toHaveProperty("thinking");
    const begun = await replied(thinking, use);
    expect(await bodyOf(begun, answer("toolu_1"))).toHaveProperty("thinking");
    // Within a loop the model need not think again.
    const next = await replied({ ...use, id: "toolu_2" });
    expect(await bodyOf(begun, answer("toolu_1"), next, answer("toolu_2"))).toHaveProperty("thinking");
    expect(await bodyOf(foreign, answer("c"), next, answer("toolu_2"))).not.toHaveProperty("thinking");
    expect(await bodyOf(foreign, answer("c"), GO_ON)).not.toHaveProperty("thinking");
  });

  test("words put into the model's mouth lose their last blanks, or go", async () => {
    expect(await secondOf([{ role: "assistant", content: "{ \n" }])).toEqual([
      { role: "assistant", content: [{ type: "text", text: "{" }] },
    ]);
    expect(await secondOf([{ role: "assistant", content: " \n" }])).toEqual([]);
  });

  test("a paused turn goes back as it is, as the last", async () => {
    expect(await secondOf([await replied(text, searched)])).toEqual([{ role: "assistant", content: [text, searched] }]);
  });
});

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

describe("Gemini", () => {
  const NEW = "gemini-3.5-flash";
  const replied = (...parts: readonly object[]) =>
    recorder.replied(
      "gemini",
      NEW,
      events(...parts.map((part) => ({ candidates: [{ content: { role: "model", parts: [part] } }] })), {
        candidates: [{ finishReason: "STOP" }],
        responseId: "r1",
      }),
    );
  const secondOf = (turns: readonly Message[], model = NEW) => second("gemini", model, "contents", turns);
  const goOn = { role: "user", parts: [{ text: "Go on." }] };
  const thought = { text: "hm", thought: true };
  const call = (name: string, more: object = {}, id?: string) => ({
    functionCall: { ...(id && { id }), name, args: { a: 1 } },
    ...more,
  });
  const response = (name: string, output: string, id?: string) => ({
    functionResponse: { ...(id && { id }), name, response: { output } },
  });

  test.each<[string, readonly object[], readonly object[]]>([
    [
      "a signature on the text",
      [thought, { text: "So.", thoughtSignature: "s==" }],
      [{ text: "So.", thoughtSignature: "s==" }],
    ],
    [
      "a signature on an empty text at the end",
      [{ text: "S" }, { text: "o." }, { text: "", thoughtSignature: "s==" }],
      [{ text: "So." }, { text: "", thoughtSignature: "s==" }],
    ],
    [
      "two signed texts",
      [{ text: "S", thoughtSignature: "1" }, { text: "o", thoughtSignature: "2" }, { text: "." }],
      [{ text: "S", thoughtSignature: "1" }, { text: "o", thoughtSignature: "2" }, { text: "." }],
    ],
    [
      "a signed thought",
      [{ ...thought, thoughtSignature: "t" }, { text: "So." }],
      [{ ...thought, thoughtSignature: "t" }, { text: "So." }],
    ],
    [
      "code that ran",
      [
        { executableCode: { code: "1" }, thoughtSignature: "s" },
        { codeExecutionResult: { output: "1" } },
        { text: "So." },
      ],
      [
        { executableCode: { code: "1" }, thoughtSignature: "s" },
        { codeExecutionResult: { output: "1" } },
        { text: "So." },
      ],
    ],
  ])("%s goes back in its part", async (_name, parts, due) => {
    expect(await secondOf([await replied(...parts), GO_ON])).toEqual([{ role: "model", parts: due }, goOn]);
  });

  test("of parallel calls the first has the signature; answers stand together, in the order of the calls", async () => {
    const reply = await replied(thought, call("look", { thoughtSignature: "s==" }), call("look"), call("hear"));
    const [first, next, last] = reply.toolCalls.map(({ id }) => id);
    expect(new Set([first, next, last]).size).toBe(3);
    const answers = [answer(last ?? "", "c"), answer(first ?? "", "a"), answer(next ?? "", "b")];
    expect(await secondOf([reply, ...answers])).toEqual([
      { role: "model", parts: [call("look", { thoughtSignature: "s==" }), call("look"), call("hear")] },
      { role: "user", parts: [response("look", "a"), response("look", "b"), response("hear", "c")] },
    ]);
  });

  test("ids that Gemini gave go back with call and answer, others never", async () => {
    const reply = await replied(call("look", { thoughtSignature: "s" }, "g1"));
    expect(await secondOf([reply, answer("g1", "no", true)])).toEqual([
      { role: "model", parts: [call("look", { thoughtSignature: "s" }, "g1")] },
      { role: "user", parts: [{ functionResponse: { id: "g1", name: "look", response: { error: "no" } } }] },
    ]);
    const foreign: Message = {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "toolu_1", name: "look", arguments: "x" }],
    };
    const signed = {
      functionCall: { name: "look", args: { input: "x" } },
      thoughtSignature: "skip_thought_signature_validator",
    };
    expect(await secondOf([foreign, answer("toolu_1", "a")])).toEqual([
      { role: "model", parts: [signed] },
      { role: "user", parts: [response("look", "a")] },
    ]);
  });

  test("a call that never had a signature says so to newer models, and only to them", async () => {
    const calls = ["a", "b"].map((id) => ({ id, name: "look", arguments: { a: 1 } }));
    const foreign: Message = { role: "assistant", content: "So.", toolCalls: calls };
    const [own] = (await secondOf([foreign, answer("a"), answer("b")])) as { parts: object[] }[];
    expect(own?.parts).toEqual([
      { text: "So." },
      call("look", { thoughtSignature: "skip_thought_signature_validator" }),
      call("look"),
    ]);
    const [older] = (await secondOf([foreign, answer("a"), answer("b")], "gemini-2.5-flash")) as { parts: object[] }[];
    expect(older?.parts).toEqual([{ text: "So." }, call("look"), call("look")]);
  });

  test("a step after a step keeps the signature of each", async () => {
    const one = await replied(call("look", { thoughtSignature: "1" }));
    const two = await replied(call("hear", { thoughtSignature: "2" }));
    const idOf = ({ toolCalls }: AssistantMessage) => toolCalls[0]?.id ?? "";
    expect(await secondOf([one, answer(idOf(one), "a"), two, answer(idOf(two), "b")])).toEqual([
      { role: "model", parts: [call("look", { thoughtSignature: "1" })] },
      { role: "user", parts: [response("look", "a")] },
      { role: "model", parts: [call("hear", { thoughtSignature: "2" })] },
      { role: "user", parts: [response("hear", "b")] },
    ]);
  });

  test("a reply that was cut or changed goes as its words", async () => {
    const reply = await replied({ text: "So.", thoughtSignature: "s" });
    const plain = [{ role: "model", parts: [{ text: "So." }] }, goOn];
    expect(await secondOf([{ ...reply, interrupted: true }, GO_ON])).toEqual(plain);
    expect(await secondOf([{ ...reply, content: "So!" }, GO_ON])).toEqual([
      { role: "model", parts: [{ text: "So!" }] },
      goOn,
    ]);
  });
});

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
