/** Pictures and sounds in replies: none is lost on any wire, streamed or not, over either transport. */

import type { AssistantMessage, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { ASK, CASES, call, caseOf, completed, PNG, PNG_2, parts, provider, read, stop } from "./media-cases.ts";

function withoutMetrics({ metrics: _metrics, ...rest }: AssistantMessage): object {
  return rest;
}

describe.each(Object.entries(CASES))("%s", (_name, given) => {
  test.each([
    ["node:http", {}],
    ["fetch", { fetch: globalThis.fetch }],
  ])("is in the message, streamed and not, over %s", async (_transport, more) => {
    await using server = await provider(given, more);
    const { chunks, message } = await read(server.client);
    expect(message).toMatchObject({ content: given.content ?? "", media: given.media, finishReason: "stop" });
    expect(chunks.filter(({ type }) => type === "media").length).toBeGreaterThan(0);
    expect(chunks.map(({ content }) => content).join("")).toBe(message.content);
    const whole = await server.client.sendMessage(ASK);
    expect(withoutMetrics(whole)).toEqual(withoutMetrics(message));
  });

  test("its bytes stand in the message once", async () => {
    await using server = await provider(given);
    const { message } = await read(server.client);
    const json = JSON.stringify(message);
    for (const { data } of message.media ?? [])
      if (data) expect(json.split(`"${data}"`).length - 1).toBeLessThanOrEqual(given.copies ?? 1);
  });

  test("a reply that survived JSON goes back to its provider without an error", async () => {
    await using server = await provider(given);
    const { message } = await read(server.client);
    const again = JSON.parse(JSON.stringify(message)) as AssistantMessage;
    await server.client.sendMessage([...ASK, again, { role: "user", content: "again" }]);
    expect(JSON.stringify(server.bodies()[1])).toContain("again");
  });
});

describe("previews", () => {
  test("are marked, and share the index of the picture that replaces them", async () => {
    await using server = await provider(caseOf("Responses: a picture after two previews"));
    const { chunks } = await read(server.client);
    expect(
      chunks.flatMap((chunk) => (chunk.type === "media" ? [[chunk.index, chunk.partial, chunk.data]] : [])),
    ).toEqual([
      [0, true, PNG],
      [0, true, PNG_2],
      [0, undefined, PNG],
    ]);
  });

  test("a sketch is marked as a thought", async () => {
    await using server = await provider(caseOf("Gemini: a sketch made while thinking, then the picture, and a file"));
    const { chunks } = await read(server.client);
    expect(chunks[0]).toMatchObject({ type: "media", partial: true, thought: true, data: PNG_2 });
  });
});

test("a picture that could not be drawn is a failed call of the provider's tool, not a failed reply", async () => {
  const failed = call({ status: "failed", result: null, error: { code: "moderation_blocked", message: "no" } });
  await using server = await provider({
    client: "openai",
    events: [
      { type: "response.output_item.done", output_index: 0, item: failed },
      { type: "response.completed", response: completed(failed) },
    ],
    whole: completed(failed),
  });
  const { message } = await read(server.client);
  expect(message.media).toBeUndefined();
  expect(message.providerToolCalls).toMatchObject([{ name: "image_generation", isError: true }]);
});

test("a reply that breaks after its picture has it on `partial`", async () => {
  for (const name of [
    "OpenRouter: a picture as a data URL",
    "Responses: a picture after two previews",
    "Gemini: a picture between texts",
  ]) {
    const given = caseOf(name);
    await using server = await provider({ ...given, events: given.events.slice(0, -1) });
    const error = (await read(server.client).catch((thrown: unknown) => thrown)) as SendError;
    // Chat Completions ends with `[DONE]`, and no usage.
    expect(error).toMatchObject({ kind: "truncated", partial: { media: given.media, interrupted: true } });
  }
});

test("what a picture was billed for stands in the raw usage, since the counts leave it out", async () => {
  const usage = { input_tokens: 9, output_tokens: 20, total_tokens: 29 };
  const tool_usage = {
    image_gen: { input_tokens: 30, output_tokens: 1_056, total_tokens: 1_086 },
    web_search: { num_requests: 0 },
  };
  const response = { ...completed(call()), usage, tool_usage };
  await using server = await provider({
    client: "openai",
    events: [
      { type: "response.output_item.done", output_index: 0, item: call() },
      { type: "response.completed", response },
    ],
    whole: response,
  });
  const { message } = await read(server.client);
  expect(message.usage).toMatchObject({ totalTokens: 29, raw: { ...usage, tool_usage } });
  expect((await server.client.sendMessage(ASK)).usage).toEqual(message.usage);
});

test("a picture of 36 MB arrives: an event may be as long as its reply", async () => {
  const data = "A".repeat(36_000_000);
  const part = { inlineData: { mimeType: "image/png", data } };
  await using server = await provider({ client: "gemini", events: [parts(part), stop], whole: {} });
  const { message } = await read(server.client);
  expect(message.media?.[0]?.data?.length).toBe(data.length);
}, 30_000);
