/** Log probabilities that were asked for have a place; several answers, which have none, are refused. */

import { CompatibleClient, GeminiClient, OpenAIClient, type ProviderClient } from "cloudllm";
import { describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, rawServer, STREAM_HEAD } from "../support/raw-server.ts";

const ASK = [{ role: "user", content: "hi" }] as const;
const openai = (token: string, top: readonly string[] = []) => ({
  token,
  logprob: -0.5,
  bytes: [...Buffer.from(token)],
  top_logprobs: top.map((other) => ({ token: other, logprob: -1, bytes: null })),
});
const neutral = (token: string, top: readonly string[] = []) => ({
  token,
  logprob: -0.5,
  bytes: [...Buffer.from(token)],
  ...(top.length > 0 && { alternatives: top.map((other) => ({ token: other, logprob: -1 })) }),
});
const EXPECTED = [neutral("He", ["He", "Ho"]), neutral("llo")];

const chunk = (delta: object, logprobs: object | null, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, logprobs, finish_reason }],
});
const item = {
  type: "message",
  role: "assistant",
  content: [
    { type: "output_text", text: "Hello", annotations: [], logprobs: [openai("He", ["He", "Ho"]), openai("llo")] },
  ],
};
const gemini = (token: string, top: readonly string[]) => ({
  content: { role: "model", parts: [{ text: token }] },
  logprobsResult: {
    chosenCandidates: [{ token, tokenId: 1, logProbability: -0.5 }],
    topCandidates: [{ candidates: top.map((other) => ({ token: other, tokenId: 2, logProbability: -1 })) }],
  },
});
const ofGemini = (token: string, top: readonly string[] = []) => {
  const { bytes: _bytes, ...rest } = neutral(token, top);
  return rest;
};

const CASES = {
  "Chat Completions": {
    make: (baseUrl: string) => new CompatibleClient({ model: "m", baseUrl: `${baseUrl}/v1`, retries: 0 }),
    events: [
      chunk({ content: "He" }, { content: [openai("He", ["He", "Ho"])], refusal: null }),
      chunk({ content: "llo" }, { content: [openai("llo")] }),
      chunk({}, null, "stop"),
    ],
    whole: {
      choices: [
        {
          message: { content: "Hello" },
          logprobs: { content: [openai("He", ["He", "Ho"]), openai("llo")] },
          finish_reason: "stop",
        },
      ],
    },
    expected: EXPECTED,
  },
  "lists side by side": {
    make: (baseUrl: string) => new CompatibleClient({ model: "m", baseUrl: `${baseUrl}/v1`, retries: 0 }),
    events: [
      chunk({ content: "Hello" }, { tokens: ["He", "llo"], token_logprobs: [-0.5, -0.5] }),
      chunk({}, null, "stop"),
    ],
    whole: {
      choices: [
        {
          message: { content: "Hello" },
          logprobs: { tokens: ["He", "llo"], token_logprobs: [-0.5, -0.5] },
          finish_reason: "stop",
        },
      ],
    },
    expected: [ofGemini("He"), ofGemini("llo")],
  },
  Responses: {
    make: (baseUrl: string) =>
      new OpenAIClient({ model: "m", apiKey: "key-123456", baseUrl: `${baseUrl}/v1`, retries: 0 }),
    events: [
      {
        type: "response.output_text.delta",
        output_index: 0,
        content_index: 0,
        delta: "Hello",
        logprobs: [openai("He"), openai("llo")],
      },
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response: { id: "r", status: "completed", output: [item] } },
    ],
    whole: { id: "r", status: "completed", output: [item] },
    expected: EXPECTED,
  },
  Gemini: {
    make: (baseUrl: string) => new GeminiClient({ model: "m", apiKey: "key-123456", baseUrl, retries: 0 }),
    events: [
      { candidates: [gemini("He", ["He", "Ho"])] },
      { candidates: [{ ...gemini("llo", []), finishReason: "STOP" }] },
    ],
    whole: {
      candidates: [
        {
          content: { role: "model", parts: [{ text: "Hello" }] },
          finishReason: "STOP",
          logprobsResult: {
            chosenCandidates: ["He", "llo"].map((token) => ({ token, logProbability: -0.5 })),
            topCandidates: [["He", "Ho"], []].map((top) => ({
              candidates: top.map((token) => ({ token, logProbability: -1 })),
            })),
          },
        },
      ],
    },
    expected: [ofGemini("He", ["He", "Ho"]), ofGemini("llo")],
  },
};

async function replies(make: (baseUrl: string) => ProviderClient, events: readonly object[], whole: object) {
  const server = await rawServer(({ socket, head, body }) => {
    const isStreamed = /streamGenerateContent/.test(head) || /"stream":\s*true/.test(body);
    const text = isStreamed
      ? events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")
      : JSON.stringify(whole);
    if (isStreamed) socket.write(STREAM_HEAD + httpChunk(text) + LAST_CHUNK);
    else
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      );
  });
  return { client: make(server.origin), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](), server };
}

describe.each(Object.entries(CASES))("%s", (_name, { make, events, whole, expected }) => {
  test("log probabilities are on the message, streamed and not", async () => {
    await using served = await replies(make, events, whole);
    const streamed = await (await served.client.sendMessageStream(ASK)).finalMessage();
    expect(streamed.logprobs).toEqual(expected);
    expect((await served.client.sendMessage(ASK)).logprobs).toEqual(expected);
  });

  test("a reply without any has no such field, and odd ones fail nothing", async () => {
    const odd = JSON.parse(
      JSON.stringify(events).replaceAll('"token"', '"tokn"').replaceAll('"tokens"', '"tokns"'),
    ) as readonly object[];
    await using served = await replies(make, odd, whole);
    const streamed = await (await served.client.sendMessageStream(ASK)).finalMessage();
    expect(streamed).not.toHaveProperty("logprobs");
    expect(streamed.content).toBe("Hello");
  });
});

describe("several answers", () => {
  const chat = new CompatibleClient({ model: "m", baseUrl: "http://127.0.0.1:9/v1" });
  const google = new GeminiClient({ model: "m", apiKey: "key-123456", baseUrl: "http://127.0.0.1:9" });

  test.each([
    ["n", chat, { n: 2 }],
    ["n", chat, { n: "3" }],
    ["candidateCount", google, { generationConfig: { candidateCount: 4 } }],
    ["candidate_count", google, { generationConfig: { candidate_count: 2 } }],
    ["candidate_count", google, { generation_config: { candidate_count: 3 } }],
  ])("are refused by name before anything is sent: %s", async (name, client, providerOptions) => {
    const refused = { kind: "unsupported", message: expect.stringContaining(`several answers (\`${name}`) };
    await expect(client.sendMessage(ASK, { providerOptions })).rejects.toMatchObject(refused);
    await expect(client.sendMessageStream(ASK, { providerOptions })).rejects.toMatchObject(refused);
  });

  test.each([
    [chat, { n: 2, seed: 1 }],
    [google, { generationConfig: { candidateCount: 2, seed: 1 } }],
    [google, { generation_config: { candidate_count: 2, seed: 1 } }],
  ])("are left out where such options are ignored", async (client, providerOptions) => {
    const kind = (
      await client.sendMessage(ASK, { providerOptions, unsupported: "ignore", retries: 0 }).catch((error) => error)
    ).kind;
    expect(kind).toBe("network");
  });

  test.each([
    [chat, { n: 1 }],
    [google, { generationConfig: { candidateCount: 1 } }],
  ])("one is one", async (client, providerOptions) => {
    const kind = (await client.sendMessage(ASK, { providerOptions, retries: 0 }).catch((error) => error)).kind;
    expect(kind).toBe("network");
  });
});
