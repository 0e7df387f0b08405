/** What a provider sent is recorded packet by packet, without secrets, and replayed as it was. */

import { ClaudeClient, CompatibleClient, GeminiClient, OpenAIClient, type ProviderClient } from "cloudllm";
import { type RecordedReply, recorder, type ServerReply, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const KEY = "sk-secret-0123456789abcdef";
const QUESTION = [{ role: "user", content: "Count" }] as const;

function saved(recordings: readonly RecordedReply[]): RecordedReply[] {
  return JSON.parse(JSON.stringify(recordings));
}

type Fetch = ReturnType<typeof recorder>["fetch"];

const CLIENTS: readonly (readonly [string, (origin: string, fetch: Fetch) => ProviderClient])[] = [
  ["Chat Completions", (origin, fetch) => new CompatibleClient({ ...GIVEN, baseUrl: `${origin}/v1`, fetch })],
  ["Responses", (origin, fetch) => new OpenAIClient({ ...GIVEN, baseUrl: `${origin}/v1`, fetch })],
  ["Anthropic Messages", (origin, fetch) => new ClaudeClient({ ...GIVEN, baseUrl: origin, fetch })],
  ["Gemini", (origin, fetch) => new GeminiClient({ ...GIVEN, baseUrl: origin, fetch })],
];
const GIVEN = { model: "m", apiKey: KEY, retries: 0 };

describe.each(CLIENTS)("%s", (_name, clientAt) => {
  test("a replay is the same message in the same packets", async () => {
    await using provider = await startProviderServer([
      {
        text: ["Grüße ", "🌍", " and more"],
        ending: { usage: { inputTokens: 3, outputTokens: 4 } },
      },
    ]);
    const tape = recorder();
    const stream = await clientAt(provider.origin, tape.fetch).sendMessageStream(QUESTION);
    const first = await stream.finalMessage();
    const [recording] = await tape.done();
    expect(recording).toMatchObject({ status: 200, request: { method: "POST" } });
    expect(JSON.stringify(tape.recordings)).not.toContain(KEY);

    const again = recorder();
    await using server = await startProviderServer(saved(tape.recordings));
    const second = await (await clientAt(server.origin, again.fetch).sendMessageStream(QUESTION)).finalMessage();
    const { metrics: _first, replay: _replay, ...message } = first;
    expect(second).toMatchObject(message);
    await again.done();
    expect(again.recordings[0]?.body).toBe(recording?.body);
    expect(again.recordings[0]?.cuts).toEqual(recording?.cuts);
  });

  test("a refusal is replayed with its status and its headers", async () => {
    const refusal = { status: 429, message: "slow down", headers: { "retry-after": "7", "x-account": "acme" } };
    await using provider = await startProviderServer([{ refusal }]);
    const tape = recorder();
    const failed = await clientAt(provider.origin, tape.fetch)
      .sendMessage(QUESTION)
      .catch((error) => error);
    expect(tape.recordings[0]?.headers).not.toHaveProperty("x-account");
    await using server = await startProviderServer(saved(tape.recordings));
    const again = clientAt(server.origin, (input, init) => fetch(input, init)).sendMessage(QUESTION);
    await expect(again).rejects.toMatchObject({ kind: failed.kind, message: failed.message, retryAfterMs: 7_000 });
  });
});

const BODY = `data: {"choices":[{"delta":{"content":"naïve 😀"}}]}\n\ndata: {"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;

async function taped(reply: ServerReply, options: Parameters<typeof recorder>[0] = {}) {
  await using provider = await startProviderServer([reply]);
  const tape = recorder(options);
  const client = CLIENTS[0]?.[1](provider.origin, tape.fetch);
  const outcome = await client
    ?.sendMessageStream(QUESTION)
    .then((stream) => stream.finalMessage())
    .catch((error) => error);
  await tape.done();
  return { tape, outcome };
}

test("a cut in the middle of a character is kept", async () => {
  const { tape } = await taped({ body: BODY, cuts: [44, 50, 90] }); // 50 is inside of the face
  expect(tape.recordings[0]).toMatchObject({ body: BODY, cuts: [44, 50, 90] });
});

test.each([1, 7, 40])("a key that the server repeats in packets of %i bytes is not recorded", async (cuts) => {
  const body = BODY.replace("!", `${KEY} ${encodeURIComponent(KEY)} ${Buffer.from(KEY).toString("base64")}`);
  const { tape, outcome } = await taped({ body, cuts });
  expect(outcome.content).toContain("sk-secret"); // the reader gets the words as they are
  const text = JSON.stringify(tape.recordings);
  expect(text).toContain("[key]");
  for (const secret of [KEY, Buffer.from(KEY).toString("base64")]) expect(text).not.toContain(secret);
  await using server = await startProviderServer(saved(tape.recordings));
  const again = CLIENTS[0]?.[1](server.origin, (input, init) => fetch(input, init));
  expect((await again?.sendMessage(QUESTION))?.content).toMatch(/^naïve 😀\[key\]/);
});

test("names of the caller's own are removed", async () => {
  const body = BODY.replace("!", "for Acme Incorporated");
  const { tape } = await taped({ body }, { secrets: ["Acme Incorporated"] });
  expect(JSON.stringify(tape.recordings)).not.toContain("Acme");
});

test.each([
  ["reset", "network"],
  ["disconnect", "network"],
] as const)("a body that breaks (%s) breaks again", async (ending, kind) => {
  const { tape, outcome } = await taped({ body: BODY.slice(0, 70), cuts: [60], ending });
  expect(outcome).toMatchObject({ kind });
  expect(tape.recordings[0]?.ending).toBe("reset");
  const again = await taped(saved(tape.recordings)[0] ?? { text: "" });
  expect(again.outcome).toMatchObject({ kind: outcome.kind, partial: { content: outcome.partial.content } });
});

test("a reply that its reader leaves hangs where it was left", async () => {
  await using provider = await startProviderServer([{ text: ["One", "Two"], ending: "hang" }]);
  const tape = recorder();
  const client = CLIENTS[0]?.[1](provider.origin, tape.fetch);
  for await (const chunk of (await client?.sendMessageStream(QUESTION)) ?? []) if (chunk.content === "Two") break;
  await expect.poll(() => tape.recordings.length).toBe(1);
  expect(tape.recordings[0]).toMatchObject({ ending: "hang", body: expect.stringContaining("Two") });
});

test("a server that is not there is a connection that breaks", async () => {
  const tape = recorder({ fetch: () => Promise.reject(new TypeError("fetch failed")) });
  await expect(CLIENTS[0]?.[1]("http://127.0.0.1:1", tape.fetch).sendMessage(QUESTION)).rejects.toMatchObject({
    kind: "network",
  });
  const { outcome } = await taped(saved(tape.recordings)[0] ?? { text: "" });
  expect(outcome).toMatchObject({ kind: "network" });
});

test("with `timing` a replay has the pauses, and every recording is reported when it has ended", async () => {
  const reported: RecordedReply[] = [];
  const { tape } = await taped(
    { body: BODY, cuts: [60], pace: [40] },
    { timing: true, onRecording: (recording) => void reported.push(recording) },
  );
  expect(reported).toEqual(tape.recordings);
  const { pace } = tape.recordings[0] ?? {};
  expect(pace).toEqual([expect.any(Number)]);
  expect(Array.isArray(pace) && pace[0]).toBeGreaterThanOrEqual(20);
});

test("another library's `Request` is recorded also", async () => {
  await using provider = await startProviderServer([{ text: "Hello" }]);
  const tape = recorder();
  const body = JSON.stringify({ model: "m", messages: QUESTION, stream: true });
  const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const response = await tape.fetch(
    new Request(`${provider.baseUrl}/chat/completions`, { method: "POST", headers, body }),
  );
  expect(await response.text()).toContain("Hello");
  expect(tape.recordings[0]?.request).toEqual({ method: "POST", url: `${provider.baseUrl}/chat/completions`, body });
});
