/** A reply goes into the next request as its provider demands it (law 8): Anthropic Messages. */

import type { AssistantMessage, Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { events } from "../support/sent-requests.ts";
import { answer, GO_ON, HI, useTwoTurns } from "./two-turns.ts";

const { recorder, second } = useTwoTurns();

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

  // The provider forgets what came before the summary, and reads only its own sealed form of it.
  test("a summary of earlier turns goes back as it came, with what is sealed in it", async () => {
    const sealed = { content: "They greeted.", encrypted_content: "EpMB==", tool_changes: [] };
    const body = events(
      { type: "message_start", message: { id: "msg_1", content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "compaction", content: null } },
      { type: "content_block_delta", index: 0, delta: { type: "compaction_delta", ...sealed } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "sig==" } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "So:" } },
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
      { type: "message_stop" },
    );
    const reply = await recorder.replied("claude", SONNET, body);
    const compaction = { type: "compaction", ...sealed, signature: "sig==" };
    expect(await secondOf([reply, GO_ON])).toEqual([{ role: "assistant", content: [compaction, text] }, goOn]);
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
