/**
 * Claude 5.1 and later refuse thinking of another conversation, for ever: what a session, a program or a store does to a
 * conversation must not end it. The strict server refuses as Anthropic does.
 */

import { type AssistantMessage, ClaudeClient, LLMSession, type Message, type SendOptions, type Tool } from "cloudllm";
import { type ProviderServer, type ServerReply, startProviderServer } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const MODEL = "claude-opus-5-5";
const HI: Message = { role: "user", content: "Hi." };
const GO_ON: Message = { role: "user", content: "Go on." };
const SYSTEM: Message = { role: "system", content: "Be brief." };
const LOOK: Tool = { name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } };

const thought = (text: string): ServerReply => ({ steps: [{ reasoning: `About ${text}.` }, { text }] });
const called = (id: string): ServerReply => ({
  steps: [{ reasoning: `Before ${id}.` }, { toolCall: { id, name: "look", arguments: {} } }],
});

let server: ProviderServer;
let replies: ServerReply[];
beforeEach(async () => {
  replies = [];
  server = await startProviderServer((request) => replies.shift() ?? thought(`Reply ${request.index}`), {
    strict: true,
  });
});
afterEach(() => server.close());

const client = (options: object = {}) =>
  new ClaudeClient({ model: MODEL, apiKey: "k", baseUrl: server.origin, retries: 0, ...options });

/** The turns of a request. */
function messagesOf(index: number): readonly { readonly content: readonly { readonly thinking?: string }[] }[] {
  const { messages = [] } = (server.requests.at(index)?.body ?? {}) as { messages?: ReturnType<typeof messagesOf> };
  return messages;
}

/** The thinking in a request, in order. */
function thinkingIn(index: number): readonly string[] {
  return messagesOf(index).flatMap(({ content }) =>
    content.flatMap(({ thinking }) => (thinking === undefined ? [] : [thinking])),
  );
}

async function ask(messages: readonly Message[], options: SendOptions = {}): Promise<AssistantMessage> {
  const reply = await client().sendMessage(messages, options);
  expect(reply.metrics.attempts).toHaveLength(1); // nothing was refused
  return JSON.parse(JSON.stringify(reply)) as AssistantMessage;
}

describe("thinking goes back as long as the conversation is the same", () => {
  test("over many turns, after JSON, at a fork, for any cache and options", async () => {
    const one = await ask([SYSTEM, HI], { tools: [LOOK] });
    const two = await ask([SYSTEM, HI, one, GO_ON], { tools: [{ ...LOOK }], promptCache: true });
    expect(thinkingIn(-1)).toHaveLength(1);
    await ask([SYSTEM, HI, one, GO_ON, two, GO_ON], { tools: [LOOK], reasoning: "low", maxOutputTokens: 99 });
    expect(thinkingIn(-1)).toHaveLength(2);
    await ask([SYSTEM, HI, one, { role: "user", content: "A fork." }], { tools: [LOOK], toolChoice: "none" });
    expect(thinkingIn(-1)).toHaveLength(1);
  });

  test("in any order of tools and of their keys", async () => {
    const other: Tool = { name: "other" };
    const one = await ask([HI], { tools: [LOOK, other] });
    const { name, parameters } = LOOK;
    await ask([HI, one, GO_ON], { tools: [other, { parameters: { ...parameters }, name }] });
    expect(thinkingIn(-1)).toHaveLength(1);
  });
});

const CHANGES: readonly [string, (said: Message[], options: SendOptions) => [Message[], SendOptions], number][] = [
  [
    "another system prompt",
    (said, options) => [[{ role: "system", content: "Be kind." }, ...said.slice(1)], options],
    0,
  ],
  ["no system prompt", (said, options) => [said.slice(1), options], 0],
  ["other tools", (said) => [said, { tools: [LOOK, { name: "more" }] }], 0],
  ["a tool described again", (said) => [said, { tools: [{ ...LOOK, description: "Looks." }] }], 0],
  ["no tools", (said) => [said, {}], 0],
  ["the first exchange trimmed away", (said, options) => [[...said.slice(0, 1), ...said.slice(3)], options], 0],
  ["the last question edited", (said, options) => [said.with(-3, { role: "user", content: "Else." }), options], 1],
  ["the first reply edited", (said, options) => [said.with(2, { role: "assistant", content: "Mine." }), options], 0],
];

describe("thinking that would be refused is left out, and what is written since is kept", () => {
  test.each(CHANGES)("%s", async (_name, change, kept) => {
    const tools = { tools: [LOOK] };
    const one = await ask([SYSTEM, HI], tools);
    const two = await ask([SYSTEM, HI, one, GO_ON], tools);
    let [said, options] = change([SYSTEM, HI, one, GO_ON, two, GO_ON], tools);
    for (let turn = 0; turn < 3; turn++) {
      const reply = await ask(said, options);
      expect(thinkingIn(-1)).toHaveLength(kept + turn);
      said = [...said, reply, GO_ON];
    }
    // And back: none of it may be in the way.
    await ask([SYSTEM, HI, one, GO_ON, two, GO_ON], tools);
    expect(thinkingIn(-1)).toHaveLength(2);
  });

  test("a reply of which only its thinking was there leaves no empty turn", async () => {
    replies = [{ steps: [{ reasoning: "Only this." }] }];
    const one = await ask([SYSTEM, HI]);
    await ask([HI, one, GO_ON]);
    expect(thinkingIn(-1)).toHaveLength(0);
    expect(messagesOf(-1)).toHaveLength(1);
  });

  test("in an open round of tools as well, once its conversation is another", async () => {
    replies = [called("c1")];
    const one = await ask([SYSTEM, HI], { tools: [LOOK] });
    const answer: Message = { role: "tool", toolCallId: "c1", content: "sun" };
    await ask([SYSTEM, HI, one, answer], { tools: [LOOK] });
    expect(thinkingIn(-1)).toEqual(["Before c1."]);
    await ask([HI, one, answer], { tools: [LOOK] });
    expect(thinkingIn(-1)).toEqual([]);
  });

  test("a reply that does not say what it was written for goes back without", async () => {
    const one = await ask([HI]);
    const data = { ...(one.replay?.data as object), place: undefined };
    const older = { ...one, replay: { ...one.replay, data } } as AssistantMessage;
    await ask([HI, older, GO_ON]);
    expect(thinkingIn(-1)).toEqual([]);
  });
});

describe("a session lives on", () => {
  test("through trimming", async () => {
    const session = new LLMSession({ client: client({ maxOutputTokens: 10 }), maxTokens: 130 });
    for (let turn = 0; turn < 8; turn++) {
      const { metrics } = await session.sendMessage(`Question ${turn}, with so many words that not all fit.`);
      expect(metrics.attempts).toHaveLength(1);
    }
    expect(messagesOf(-1).length).toBeLessThan(15);
  });

  test("through another prompt, other tools, a copy and a fork", async () => {
    const run = () => "sun";
    const session = new LLMSession({ client: client(), systemPrompt: "Be brief." });
    replies = [called("c1"), thought("Sunny."), thought("Still."), called("c2")];
    await session.sendMessage("Weather?", { tools: [{ ...LOOK, run }] });
    expect(thinkingIn(-1)).toEqual(["Before c1."]);
    session.setSystemPrompt("Be kind.");
    await session.sendMessage("And now?", { tools: [{ ...LOOK, run }] });
    expect(thinkingIn(-1)).toEqual([]);
    await session.sendMessage("And then?", {
      tools: [
        { ...LOOK, run },
        { name: "more", run },
      ],
    });
    // The round of tools keeps what it has thought since.
    expect(thinkingIn(-1)).toEqual(["Before c2."]);
    const copy = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client: client() });
    for (const each of [session, copy]) {
      const { metrics } = await each.sendMessage("Go on.", {
        tools: [
          { ...LOOK, run },
          { name: "more", run },
        ],
      });
      expect(metrics.attempts).toHaveLength(1);
      expect(thinkingIn(-1)).toHaveLength(2);
    }
  });
});

describe("an unforeseen refusal", () => {
  const refusal: ServerReply = {
    refusal: {
      status: 400,
      code: "invalid_request_error",
      message:
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Remove the block.",
    },
  };

  test("is answered with the same request without thinking, which is reported, and remembered", async () => {
    const one = await ask([HI]);
    replies = [refusal, { text: "Without." }];
    const two = await client().sendMessage([HI, one, GO_ON]);
    expect(two.content).toBe("Without.");
    expect(two.metrics.attempts).toMatchObject([
      { outcome: "invalidRequest", status: 400 },
      { outcome: "answered", amended: true },
    ]);
    expect(two.metrics.attempts[0]).not.toHaveProperty("amended");
    expect(thinkingIn(-2)).toHaveLength(1);
    expect(thinkingIn(-1)).toHaveLength(0);
    const said = [HI, one, GO_ON, JSON.parse(JSON.stringify(two)) as Message, GO_ON];
    const three = await ask(said);
    expect(thinkingIn(-1)).toHaveLength(0);
    await ask([...said, three, GO_ON]);
    expect(thinkingIn(-1)).toHaveLength(1);
  });

  test("is reported when it comes again, or comes without any thinking sent", async () => {
    const one = await ask([HI]);
    replies = [refusal, refusal];
    await expect(client().sendMessage([HI, one, GO_ON])).rejects.toMatchObject({ kind: "invalidRequest", status: 400 });
    expect(server.requests).toHaveLength(3);
    replies = [refusal];
    await expect(client().sendMessage([HI])).rejects.toMatchObject({ kind: "invalidRequest" });
    expect(server.requests).toHaveLength(4);
  });

  test("in a stream, as in one piece", async () => {
    const one = await ask([HI]);
    replies = [refusal];
    const stream = await client().sendMessageStream([HI, one, GO_ON]);
    expect((await stream.finalMessage()).metrics.attempts).toHaveLength(2);
  });
});
