/**
 * Every recorded reply can be put back (law 8): after JSON, to the provider that wrote it with each signature as it came, to
 * every other as words and calls, and never so that a provider would refuse it.
 */

import { type AssistantMessage, type Message, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { bodiesOf, type Recording, recordingsMissing, recordingsOf, sha256 } from "../support/recordings.ts";
import { CLIENT_NAMES, type ClientName, useRequestRecorder, writerOf } from "../support/sent-requests.ts";
import { faultsOf } from "../support/wire-legality.ts";

const recorder = useRequestRecorder();

/** Models that take what is sent in these tests. */
const MODELS: Partial<Record<ClientName, string>> = {
  gemini: "gemini-3.5-flash",
  openrouter: "anthropic/claude-opus-5",
};
const modelOf = (client: ClientName) => MODELS[client] ?? "asked-for";

/** The replies of a recording that are whole, after JSON. */
async function repliesOf(recording: Recording): Promise<readonly AssistantMessage[]> {
  const replies: AssistantMessage[] = [];
  for (const body of bodiesOf(recording)) {
    const client = writerOf(recording);
    try {
      replies.push(await recorder.replied(client, modelOf(client), body, { whole: recording.format === "json" }));
    } catch (error) {
      if (!(error instanceof SendError)) throw error; // a reply that ended badly is not whole
    }
  }
  return replies;
}

/** The replies, answered, in a conversation that goes on. */
function conversationOf(replies: readonly AssistantMessage[]): readonly Message[] {
  const turns = replies.flatMap((reply): readonly Message[] => {
    const answers = reply.toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: `of ${id}` }));
    return [reply, ...(answers.length > 0 ? answers : [GO_ON])];
  });
  return [{ role: "user", content: "hi" }, ...turns];
}

const GO_ON: Message = { role: "user", content: "Go on." };

/** Blank text does not go back where it is refused. */
const withoutBlanks = (text: string) => text.replace(/\s/g, "");

/** All visible words in a request, in their order. */
function wordsIn(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  if ("type" in value && String(value.type).endsWith("_result")) return ""; // what tools of the provider said
  const fields = Object.entries(value).map(([name, field]) =>
    typeof field === "string" && (name === "text" || name === "content") ? field : wordsIn(field),
  );
  return fields.join("");
}

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

const protocols = ["anthropic-messages", "openai-responses", "gemini", "openai-chat"];
const recordings = protocols.flatMap(recordingsOf).filter(({ expected }) => expected.kind !== "error");

const title = `recorded replies go back${recordingsMissing ? ` (${recordingsMissing})` : ""}`;

describe.skipIf(recordingsMissing)(title, () => {
  test("all of them", () => expect(recordings.length).toBeGreaterThan(180));

  test.each(recordings.map((recording) => [recording.file, recording] as const))("%s", async (_file, recording) => {
    const writer = writerOf(recording);
    const replies = await repliesOf(recording);
    for (const [index, reply] of replies.entries()) {
      const conversation = conversationOf(replies.slice(0, index + 1));
      const signatures = recording.expected.responses?.[index]?.signatures ?? [];

      const own = await recorder.sent(writer, modelOf(writer), conversation, { maxOutputTokens: 99 });
      expect(faultsOf(own.path, own.body)).toEqual([]);
      expect(withoutBlanks(wordsIn(own.body))).toContain(withoutBlanks(reply.content));
      const hashes = stringsIn(own.body).map(sha256);
      // Without calls and words, thoughts lead to nothing and stay behind.
      if (reply.replay) for (const signature of signatures) expect(hashes).toContain(signature);

      for (const other of CLIENT_NAMES) {
        const model = other === writer ? "another" : modelOf(other);
        const { path, body } = await recorder.sent(other, model, conversation, { maxOutputTokens: 99 });
        expect(faultsOf(path, body), `${other} ${model}`).toEqual([]);
        expect(withoutBlanks(wordsIn(body)), `${other} ${model}`).toContain(withoutBlanks(reply.content));
        // Nobody else has any use for what was signed for one; only Google takes it at all its models.
        if (other === writer && other.startsWith("gemini")) continue;
        const others = stringsIn(body).map(sha256);
        for (const signature of signatures) expect(others).not.toContain(signature);
      }
    }
  });
});

describe("a request that a provider would refuse is known for one", () => {
  const user = { role: "user", content: [{ type: "text", text: "a" }] };
  const use = { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] };
  const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
  const model = { role: "model", parts: [{ functionCall: { name: "f", args: {} } }] };
  test.each<[string, string, Record<string, unknown>]>([
    ["a call without its result", "/v1/messages", { messages: [user, use], tools: [{}] }],
    ["unsigned thinking", "/v1/messages", { messages: [user, { role: "assistant", content: [{ type: "thinking" }] }] }],
    ["an empty text", "/v1/messages", { messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }],
    ["a call without its output", "/v1/responses", { input: [call] }],
    ["reasoning alone", "/v1/responses", { input: [{ type: "reasoning", summary: [], encrypted_content: "x" }] }],
    [
      "reasoning without a summary",
      "/v1/responses",
      { input: [{ type: "reasoning", encrypted_content: "x" }, { role: "assistant" }] },
    ],
    [
      "a call without its response",
      "/x:streamGenerateContent",
      { contents: [{ role: "user", parts: [{ text: "a" }] }, model] },
    ],
    [
      "a call without its answer",
      "/chat/completions",
      { messages: [{ role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: "{}" } }] }] },
    ],
  ])("%s", (_name, path, body) => expect(faultsOf(path, body)).not.toEqual([]));
});
