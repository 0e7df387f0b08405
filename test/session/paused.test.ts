/** A reply that Anthropic pauses after many steps of its own tools (`pause_turn`) is gone on with, or left as it is. */

import { type AssistantMessage, ClaudeClient, LLMSession, MemoryStore, type Message } from "cloudllm";
import { type ServerReply, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { CLIENT_NAMES, clientAt } from "../support/sent-requests.ts";

const search = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } };
const found = { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] };
const text = (words: string) => ({ type: "text", text: words });

const whole = (stop_reason: string, ...content: object[]): ServerReply => ({
  body: JSON.stringify({
    type: "message",
    id: "msg_1",
    model: "m",
    role: "assistant",
    content,
    stop_reason,
    usage: {},
  }),
});

async function served(...replies: ServerReply[]) {
  const server = await startProviderServer((request) => replies.shift() ?? { text: `Reply ${request.index}` }, {
    strict: true,
  });
  const client = new ClaudeClient({ model: "claude-opus-4-8", apiKey: "k", baseUrl: server.origin, retries: 0 });
  const typesIn = (index: number, turn: number) => {
    const { messages = [] } = (server.requests[index]?.body ?? {}) as { messages?: { content: { type: string }[] }[] };
    return messages.at(turn)?.content.map(({ type }) => type);
  };
  return { server, client, typesIn };
}

describe.each([
  ["after some words", [text("Let me look."), search]],
  ["before any word", [search]],
])("a search that is paused %s", (_name, blocks) => {
  test("continues with an empty list, and is complete in what follows", async () => {
    const { server, client, typesIn } = await served(
      whole("pause_turn", ...blocks),
      whole("end_turn", found, text("It is B.")),
    );
    await using _server = server;
    const store = new MemoryStore();
    const session = await LLMSession.open({ client, store, id: "s" });
    const paused = await session.sendMessage("Which one?", { search: {} });
    expect(paused).toMatchObject({ finishReason: "unknown", rawFinishReason: "pause_turn" });
    expect((await session.sendMessage([], { search: {} })).content).toBe("It is B.");
    expect(typesIn(1, -1)).toEqual(blocks.map(({ type }) => type));
    await session.sendMessage("Thanks.", { search: {} });
    expect(typesIn(2, 1)).toEqual([...blocks, found, text("")].map(({ type }) => type));
    await session.close();

    const again = await LLMSession.open({ client, store, id: "s" });
    await again.sendMessage("And now?", { search: {} });
    const copy = LLMSession.fromJSON(JSON.parse(JSON.stringify(again)), { client });
    await copy.sendMessage("And then?", { search: {} });
    expect(typesIn(4, 1)).toEqual(typesIn(2, 1));
    await again.close();
  });

  test("does not end the session that says something else instead", async () => {
    const { server, client, typesIn } = await served(whole("pause_turn", ...blocks));
    await using _server = server;
    const session = new LLMSession({ client });
    await session.sendMessage("Which one?", { search: {} });
    await session.sendMessage("And the other?", { search: {} });
    expect(typesIn(1, -1)).toContain("text");
    expect(JSON.stringify(server.requests[1]?.body)).not.toContain("srvtoolu_1");
  });

  test.each(CLIENT_NAMES)("goes to %s as what it says", async (name) => {
    const { server, client } = await served(whole("pause_turn", ...blocks));
    await using _server = server;
    const asked: Message = { role: "user", content: "Which one?" };
    const paused: AssistantMessage = await client.sendMessage([asked], { search: {} });
    const other = clientAt(server.origin, name, "any-model");
    expect((await other.sendMessage([asked, paused, { role: "user", content: "Go on." }])).content).toBe("Reply 1");
  });
});

test("a reply that is paused in its text continues where a begun answer would be refused", async () => {
  const { server, client } = await served({ text: "So far", ending: { rawFinishReason: "pause_turn" } });
  await using _server = server;
  const session = new LLMSession({ client });
  await session.sendMessage("Write.");
  expect((await session.sendMessage([])).content).toBe("Reply 1");
  await expect(session.sendMessage([])).rejects.toMatchObject({ kind: "invalidRequest" });
});
