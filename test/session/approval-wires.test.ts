/** Every provider takes the history of a turn that a person has allowed or denied: loopback servers refuse what their provider would. */

import {
  ClaudeClient,
  type ClientWrapper,
  CompatibleClient,
  fallback,
  GeminiClient,
  LLMSession,
  MemoryStore,
  OpenAIClient,
  type Tool,
} from "cloudllm";
import { type ProviderServer, type ReplyScript, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { historyFault } from "./legality.ts";

type Make = (server: ProviderServer) => ClientWrapper;

const CLIENTS: readonly (readonly [name: string, make: Make])[] = [
  ["Chat Completions", ({ baseUrl }) => new CompatibleClient({ model: "m", baseUrl })],
  ["Responses", ({ baseUrl }) => new OpenAIClient({ model: "gpt-5", apiKey: "k", baseUrl })],
  [
    "Anthropic Messages",
    ({ origin }) => new ClaudeClient({ model: "claude-sonnet-4-5", apiKey: "k", baseUrl: origin }),
  ],
  ["Gemini", ({ origin }) => new GeminiClient({ model: "gemini-3-flash-preview", apiKey: "k", baseUrl: origin })],
  ["fallback", ({ baseUrl }) => fallback([new CompatibleClient({ model: "m", baseUrl })])],
];

/** Calls of one function, of which the middle one runs at once: the results come in another order than the calls. */
const ASKS: ReplyScript = {
  steps: [
    { reasoning: "Hm." },
    { text: "May I? " },
    ...["first", "now", "last"].map((of) => ({ toolCall: { name: "pay", id: of, arguments: { of } } })),
  ],
  ending: { usage: { inputTokens: 10, outputTokens: 5 } },
};
const DONE: ReplyScript = { text: "Done.", ending: { usage: { inputTokens: 10, outputTokens: 5 } } };

describe.each(CLIENTS)("%s", (_client, make) => {
  test.each([
    ["allowed", [true, true]],
    ["denied", [false, { deny: "Too expensive." }]],
    ["allowed and denied", [false, true]],
    ["answered by the caller", [{ result: { paid: 3 } }, { result: "No money.", isError: true }]],
  ] as const)("takes a turn whose calls were %s, streamed or not, now and in later turns", async (_how, answers) => {
    for (const isStreamed of [true, false]) {
      await using server = await startProviderServer([ASKS, DONE, DONE, ASKS, DONE], { strict: true });
      const pay: Tool = {
        name: "pay",
        parameters: { type: "object", properties: { of: { type: "string" } } },
        approve: (args) => ((args as { readonly of: string }).of === "now" ? true : "ask"),
        run: () => "paid",
      };
      const store = new MemoryStore();
      const open = () => LLMSession.open({ client: make(server), store, id: "s", tools: [pay] });
      let session = await open();
      const send = async (input: string | []) =>
        isStreamed ? (await session.sendMessageStream(input)).finalMessage() : session.sendMessage(input);
      for (const question of ["Buy it", "Buy more"]) {
        await send(question);
        const { waiting } = session;
        expect(waiting.length).toBe(2);
        for (const [index, { id }] of waiting.entries()) await session.answer(id, answers[index] ?? false);
        await session.close();
        session = await open();
        expect((await send([])).content).toBe("Done.");
        if (question === "Buy it") expect((await send("Thanks")).content).toBe("Done.");
        expect(historyFault(session.history)).toBeUndefined();
      }
      await session.close();
      expect(server.requests.length).toBe(5);
      for (const { body } of server.requests) expect(JSON.stringify(body)).not.toMatch(/needsApproval|denied"/);
    }
  });

  test("takes a new message in the place of an answer", async () => {
    await using server = await startProviderServer([ASKS, DONE], { strict: true });
    const pay: Tool = { name: "pay", approve: "ask", run: () => "paid" };
    const session = new LLMSession({ client: make(server), tools: [pay] });
    await session.sendMessage("Buy it");
    expect((await session.sendMessage("Never mind")).content).toBe("Done.");
  });
});
