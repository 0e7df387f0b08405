/** A mock server of somebody else's answers our clients and the providers' own libraries: both must make the same of it. */

import { LLMock } from "@copilotkit/aimock";
import type { Message, Tool } from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { both, FORMATS, type Format, HOW, peersMissing, type Result } from "./compare.ts";

const SENTENCE = "Grüße 🌍, said the one with the long, long sentence that comes in many pieces.";
const ID = { id: "reply-1" };
const USAGE = {
  usage: { prompt_tokens: 11, completion_tokens: 3, input_tokens: 11, output_tokens: 3, promptTokenCount: 11 },
};
const GEMINI_USAGE = { candidatesTokenCount: 3 };
const CALLS = [
  { id: "call_a", name: "weather", arguments: '{"city":"Tromsø","days":[1,2]}' },
  { id: "call_b", name: "now", arguments: "{}" },
];

/** What is asked, what the server is told to answer, and what must come of it whoever asks. */
const REPLIES: readonly (readonly [string, Parameters<LLMock["onMessage"]>[1], Partial<Result>])[] = [
  ["text", { ...ID, content: SENTENCE }, { text: SENTENCE, calls: [] }],
  ["no text", { ...ID, content: "" }, { text: "", calls: [] }],
  [
    "usage",
    { ...ID, content: "Hi", usage: { ...USAGE.usage, ...GEMINI_USAGE } },
    { usage: { input: 11, output: 3, total: 14 } },
  ],
  ["thinking", { ...ID, content: "42", reasoning: SENTENCE }, { text: "42", reasoning: SENTENCE }],
  ["calls", { ...ID, toolCalls: CALLS }, { text: "" }],
  ["text and calls", { ...ID, content: "Let me see.", toolCalls: CALLS }, { text: "Let me see." }],
  ["a limit", { ...ID, content: "Half", finishReason: "length" }, { text: "Half" }],
  ["a filter", { ...ID, content: "Half", finishReason: "content_filter" }, { text: "Half" }],
];

const REFUSALS = [
  { status: 400, type: "invalid_request_error", kind: "invalidRequest" },
  { status: 401, type: "authentication_error", kind: "authentication" },
  { status: 403, type: "permission_error", kind: "permission" },
  { status: 404, type: "not_found_error", kind: "notFound" },
  { status: 429, type: "rate_limit_error", kind: "rateLimit" },
  { status: 500, type: "api_error", kind: "server" },
  { status: 503, type: "overloaded_error", kind: "overloaded" },
];

const TOOLS: readonly Tool[] = [{ name: "weather", parameters: { type: "object", properties: {} } }, { name: "now" }];

let mock: LLMock;

beforeAll(async () => {
  mock = await LLMock.create({ port: 0, chunkSize: 7 });
  for (const [what, reply] of REPLIES) mock.onMessage(exactly(what), reply);
  for (const { status, type } of REFUSALS) {
    mock.onMessage(exactly(`status ${status}`), { error: { message: "Not now.", type }, status, retryAfter: 3 });
  }
  // A little time between two pieces: what breaks off at once may overtake what was sent before.
  mock.onMessage(exactly("cut"), { ...ID, content: SENTENCE.repeat(4) }, { truncateAfterChunks: 9, latency: 3 });
  mock.on({ userMessage: exactly("loop"), hasToolResult: false }, { toolCalls: CALLS });
  mock.on({ userMessage: exactly("loop"), hasToolResult: true }, { content: "It rains." });
});
afterAll(() => mock.stop());

function exactly(text: string): RegExp {
  return new RegExp(`^${text}$`);
}

describe.skipIf(peersMissing)(
  `aimock and the providers' own libraries${peersMissing ? ` (${peersMissing})` : ""}`,
  () => {
    describe.each(FORMATS)("in $name", (format) => {
      describe.each(HOW)("%s", (how) => {
        test.each(REPLIES)("a reply with %s is the same to both", async (what, _reply, due) => {
          const { ours, theirs } = await both(format, how, mock.url, what);
          if (what === "a filter" && theirs.finish === "failed") {
            // OpenAI calls such a response incomplete; aimock says it failed, which is a reply to the library and an error here.
            expect(ours).toMatchObject({ ...due, failed: { kind: "server" } });
            return;
          }
          expect(theirs).toMatchObject(due); // else it would compare nothing
          expect(comparable(ours, theirs)).toEqual(theirs);
          expect(ours.calls?.map(({ name }) => name)).toEqual(
            "calls" in due ? [] : theirs.calls?.map(({ name }) => name),
          );
        });

        test.each(REFUSALS)("a refusal with status $status is the same to both", async ({ status, kind }) => {
          const { ours, theirs } = await both(format, how, mock.url, `status ${status}`);
          expect(theirs.failed).toMatchObject({ status, message: "Not now." });
          expect(ours.failed).toMatchObject({ status, kind, message: expect.stringContaining("Not now.") });
          expect(ours.failed?.code).toBe(theirs.failed?.code);
          const wait = status === 429 ? 3_000 : undefined;
          expect(ours.failed?.retryAfterMs).toBe(wait);
          // Google's library does not show headers.
          if (format.name !== "Gemini") expect(theirs.failed?.retryAfterMs).toBe(wait);
        });
      });

      test("a connection that breaks off is an error to both, after the same text", async () => {
        const { ours, theirs } = await both(format, "stream", mock.url, "cut");
        expect(theirs.failed).toBeDefined();
        expect(ours.failed?.kind).toBe("network");
        expect(ours.text).not.toBe("");
        expect(SENTENCE.repeat(4).startsWith(ours.text)).toBe(true);
        expect(ours.text).toBe(theirs.text);
      });
    });
  },
);

describe("aimock", () => {
  test.each(FORMATS)("finds the tools' answers where $name has them", async (format) => {
    const client = clientOf(format);
    const asked: Message[] = [{ role: "user", content: "loop" }];
    const reply = await (await client.sendMessageStream(asked, { tools: TOOLS })).finalMessage();
    expect(reply.toolCalls.map((call) => call.arguments)).toEqual([{ city: "Tromsø", days: [1, 2] }, {}]);
    const answers = reply.toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: "rain" }));
    const again = JSON.parse(JSON.stringify([...asked, reply, ...answers])) as Message[];
    expect(await client.sendMessage(again, { tools: TOOLS })).toMatchObject({
      content: "It rains.",
      finishReason: "stop",
    });
  });
});

function clientOf({ client, model, path }: Format) {
  return client({ model, apiKey: "k", baseUrl: mock.url + path, retries: 0 });
}

/** Ours without what the library does not tell: ids that the server did not give, the model where it is not named. */
function comparable(ours: Result, theirs: Result): Result {
  const calls = ours.calls?.map((call, index) => ({ ...call, id: theirs.calls?.[index]?.id ?? undefined }));
  return { ...ours, ...(calls && { calls }), model: theirs.model === undefined ? undefined : ours.model };
}
