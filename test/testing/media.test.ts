/** Scripts with media, in memory and over the loopback server's wires. */

import { ClaudeClient, CompatibleClient, GeminiClient, OpenAIClient, type ProviderClient } from "cloudllm";
import { type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const HI = [{ role: "user", content: "hi" }] as const;
const PICTURE = { mediaType: "image/png", data: "iVBORw0KGgo=" };
const SOUND = { mediaType: "audio/pcm;rate=24000", pieces: ["QQ==", "QkM="], transcript: "Hello" };
const SCRIPT: ReplyScript = {
  steps: [{ text: "Here: " }, { media: { ...PICTURE, previews: ["iVBORw0KGgoA"] } }, { media: SOUND }],
};
const JOINED = { mediaType: "audio/pcm;rate=24000", data: "QUJD" };

test("the scripted client shows previews, pieces and transcripts, and joins them as providers' replies are joined", async () => {
  const client = scriptedClient([SCRIPT, SCRIPT]);
  const stream = await client.sendMessageStream(HI);
  const told: unknown[] = [];
  for await (const chunk of stream) if (chunk.type === "media") told.push([chunk.index, chunk.partial, chunk.append]);
  expect(told).toEqual([
    [0, true, undefined],
    [0, undefined, undefined],
    [1, true, true],
    [1, true, true],
    [1, undefined, true],
  ]);
  const { content, media } = await stream.finalMessage();
  expect({ content, media }).toEqual({ content: "Here: Hello", media: [PICTURE, { ...JOINED, transcript: "Hello" }] });
  expect(await client.sendMessage(HI)).toMatchObject({ content, media });
});

describe.each([
  ["Chat Completions", { content: "Here: Hello", media: [PICTURE, { ...JOINED, transcript: "Hello" }] }],
  ["Responses", { content: "Here: ", media: [PICTURE] }],
  ["Anthropic Messages", { content: "Here: ", media: [PICTURE] }],
  ["Gemini", { content: "Here: ", media: [PICTURE, JOINED] }],
])("%s", (wire, expected) => {
  test("reports a script's media what the wire has words for, streamed and not", async () => {
    await using server = await startProviderServer([SCRIPT, SCRIPT]);
    const common = { model: "m", apiKey: "k", retries: 0 };
    const clients: Readonly<Record<string, () => ProviderClient>> = {
      "Chat Completions": () => new CompatibleClient({ ...common, baseUrl: `${server.origin}/v1` }),
      Responses: () => new OpenAIClient({ ...common, baseUrl: `${server.origin}/v1` }),
      "Anthropic Messages": () => new ClaudeClient({ ...common, baseUrl: server.origin }),
      Gemini: () => new GeminiClient({ ...common, baseUrl: server.origin }),
    };
    const client = clients[wire]?.();
    expect(await (await client?.sendMessageStream(HI))?.finalMessage()).toMatchObject(expected);
    expect(await client?.sendMessage(HI)).toMatchObject(expected);
  });
});
