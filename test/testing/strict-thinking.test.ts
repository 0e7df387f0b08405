/** A strict loopback server refuses thinking that does not belong to its conversation. */

import {
  ClaudeClient,
  type ClientWrapper,
  GeminiClient,
  LLMSession,
  type Message,
  OpenAIClient,
  type SendOptions,
} from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { HI, MESSAGES } from "./strict-requests.ts";

describe("thinking at a model that ties it to its conversation", () => {
  const system = "Be brief.";
  const tools = [{ name: "f", input_schema: { type: "object", properties: {} } }];

  async function conversation() {
    const thought = { steps: [{ reasoning: "Hm." }, { text: "a" }] };
    const server = await startProviderServer(() => thought, { strict: true });
    const post = async (body: object) => {
      const response = await fetch(server.origin + MESSAGES, {
        method: "POST",
        body: JSON.stringify({ model: "claude-opus-5-5", max_tokens: 9, system, tools, ...body }),
      });
      return (await response.json()) as { content: object[]; error?: { message: string } };
    };
    const reply = async (messages: readonly object[]) => ({
      role: "assistant",
      content: (await post({ messages })).content,
    });
    const one = await reply([HI]);
    const two = await reply([HI, one, HI]);
    const three = await reply([HI, one, HI, two, HI]);
    return { server, post, one, two, three };
  }
  const bare = ({ content, ...turn }: { role: string; content: object[] }) => ({ ...turn, content: content.slice(1) });

  type Turns = Omit<Awaited<ReturnType<typeof conversation>>, "server" | "post">;
  test.each<[string, (turns: Turns) => object, RegExp?]>([
    ["as it was", ({ one, two, three }) => ({ messages: [HI, one, HI, two, HI, three, HI] })],
    ["without the first", ({ one, two }) => ({ messages: [HI, bare(one), HI, two, HI] })],
    ["without the last", ({ one, two }) => ({ messages: [HI, one, HI, bare(two), HI] })],
    [
      "without one in the middle",
      ({ one, two, three }) => ({ messages: [HI, one, HI, bare(two), HI, three, HI] }),
      /bound/,
    ],
    [
      "with a mark for the cache",
      ({ one }) => ({
        messages: [HI, one, { role: "user", content: [{ type: "text", text: "x", cache_control: {} }] }],
      }),
    ],
    ["under another system", ({ one }) => ({ system: "Else.", messages: [HI, one, HI] }), /bound/],
    [
      "with another tool",
      ({ one }) => ({ tools: [...tools, { name: "g", input_schema: { type: "object" } }], messages: [HI, one, HI] }),
      /bound/,
    ],
    [
      "with a deferred tool",
      ({ one }) => ({
        tools: [...tools, { name: "g", input_schema: { type: "object" }, defer_loading: true }],
        messages: [HI, one, HI],
      }),
    ],
    ["with an earlier turn gone", ({ two }) => ({ messages: [HI, two, HI] }), /bound/],
    ["with an earlier turn edited", ({ one }) => ({ messages: [{ role: "user", content: "Else" }, one, HI] }), /bound/],
    ["at an older model", ({ one }) => ({ model: "claude-opus-4-8", system: "Else.", messages: [HI, one, HI] })],
    [
      "with its signature changed",
      ({ one }) => ({
        messages: [
          HI,
          {
            ...one,
            content: one.content.map((block) => ({ ...block, ...("signature" in block && { signature: "x" }) })),
          },
          HI,
        ],
      }),
      /Invalid `signature` in `thinking` block$/,
    ],
  ])("%s", async (_name, bodyOf, words) => {
    const { server, post, ...turns } = await conversation();
    await using _server = server;
    const { error } = await post(bodyOf(turns));
    if (words) expect(error?.message).toMatch(words);
    else expect(error).toBeUndefined();
  });
});

describe("what a server has written, and a later request leaves out", () => {
  const look = { name: "look", run: () => "a bird" };
  const thought = { steps: [{ reasoning: "Hm." }, { toolCall: { id: "c1", name: "look", arguments: {} } }] };
  const openRound = async (client: ClientWrapper, options: SendOptions): Promise<readonly Message[]> => {
    const question = { role: "user", content: "?" } as const;
    const reply = await client.sendMessage([question], { tools: [look], ...options });
    expect(reply.toolCalls).toHaveLength(1);
    return [question, reply, { role: "tool", toolCallId: "c1", content: "a bird" }];
  };

  test("a model that is changed within a round of tools cannot read the thinking of the other, and is answered", async () => {
    await using server = await startProviderServer([thought, { text: "ok" }, thought], { strict: true });
    const at = (model: string) => new OpenAIClient({ apiKey: "k", baseUrl: server.baseUrl, model, retries: 0 });
    const messages = await openRound(at("gpt-5.6-luna"), {});
    expect((await at("gpt-6-luna").sendMessage(messages, { tools: [look] })).content).toBe("ok");
    const again = await openRound(at("gpt-6-luna"), {});
    const bare = again.map(({ replay: _replay, ...message }: Message & { replay?: unknown }) => message as Message);
    await expect(at("gpt-6-luna").sendMessage(bare, { tools: [look] })).rejects.toThrow(/required 'reasoning' item/);
  });

  test("a model with a budget that does not think now may be answered without the thinking it had", async () => {
    await using server = await startProviderServer([thought, { text: "ok" }], { strict: true });
    const { origin: baseUrl } = server;
    const client = new ClaudeClient({ apiKey: "k", baseUrl, model: "claude-sonnet-4-5", retries: 0 });
    const messages = await openRound(client, { reasoning: { maxTokens: 2_000 } });
    const bare = messages.map(({ replay: _replay, ...message }: Message & { replay?: unknown }) => message as Message);
    expect((await client.sendMessage(bare, { tools: [look] })).content).toBe("ok");
  });
});

test("a tool that Gemini calls twice with the same arguments, at once and again, is answered", async () => {
  const look = { toolCall: { name: "look", arguments: { at: "the sky" } } };
  const scripts = ["Is it blue?", "Still?"].map((reasoning) => ({ steps: [{ reasoning }, look, look] }));
  await using server = await startProviderServer([...scripts, { text: ["Blue."] }], { strict: true });
  const client = new GeminiClient({ model: "gemini-3-pro-preview", apiKey: "k", baseUrl: server.origin, retries: 0 });
  const tools = [{ name: "look", parameters: { type: "object" }, run: () => "blue" }];
  expect((await new LLMSession({ client, tools }).sendMessage("?")).content).toBe("Blue.");

  const [, , third] = server.requests;
  const unsigned = JSON.parse(JSON.stringify(third?.body).replace(/,"thoughtSignature":"[^"]*"/, ""));
  const path = `${server.origin}/v1beta/models/gemini-3-pro-preview:generateContent`;
  const refusal = await fetch(path, { method: "POST", body: JSON.stringify(unsigned) });
  expect(await refusal.text()).toContain("missing a thought_signature");
});
