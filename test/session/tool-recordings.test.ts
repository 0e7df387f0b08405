/** Real replies that ask for tools, each in its provider's own protocol: what the loop sends back is what the provider wants. */

import { ClaudeClient, type ClientWrapper, GeminiClient, LLMSession, OpenAIClient } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";
import { bodiesOf, type Recording, recordingsMissing, recordingsOf, sha256 } from "../support/recordings.ts";

const PROTOCOLS: readonly (readonly [protocol: string, text: string, create: (baseUrl: string) => ClientWrapper])[] = [
  [
    "anthropic-messages",
    "anthropic__anthropic-text.chunks.txt",
    (baseUrl) => new ClaudeClient({ apiKey: "k", model: "claude-sonnet-4-5", baseUrl }),
  ],
  [
    "openai-responses",
    "azure__azure-text.1.chunks.txt",
    (baseUrl) => new OpenAIClient({ apiKey: "k", model: "gpt-5", baseUrl }),
  ],
  [
    "gemini",
    "google__google-text.chunks.txt",
    (baseUrl) => new GeminiClient({ apiKey: "k", model: "gemini-3-pro", baseUrl }),
  ],
];

/** Replies that end with calls: not those that were cut, nor calls of tools of another kind. */
const isCalling = ({ expected }: Recording) => {
  const [reply, ...others] = expected.responses ?? [];
  return expected.kind === "stream" && reply !== undefined && others.length === 0 && reply.tool_calls.length > 0;
};

test.skipIf(recordingsMissing)(`there are recordings${recordingsMissing ? ` (${recordingsMissing})` : ""}`, () => {
  for (const [protocol] of PROTOCOLS) expect(recordingsOf(protocol).filter(isCalling).length).toBeGreaterThan(0);
});

for (const [protocol, textFile, create] of PROTOCOLS) {
  const recordings = recordingsOf(protocol);
  const text = recordings.find(({ file }) => file.endsWith(textFile));
  test.each(recordings.filter(isCalling))(
    "$file is answered in the protocol's own way, with all that it signed",
    async (recording) => {
      const [expected] = recording.expected.responses ?? [];
      const bodies = [...bodiesOf(recording), ...(text ? bodiesOf(text) : [])];
      await using server = await startProviderServer(bodies.map((body) => ({ body })));
      const session = new LLMSession({
        client: create(server.baseUrl.replace(/\/v1$/, protocol === "openai-responses" ? "/v1" : "")),
      });
      const names = new Set(expected?.tool_calls.map(({ name }) => name));
      const ran: string[] = [];
      const run = (name: string) => () => {
        ran.push(name);
        return `the answer of ${name}`;
      };
      const tools = [...names].map((name) => ({ name, run: run(name) }));
      const stream = await session.sendMessageStream("question", { tools, unsupported: "ignore" });
      if (recording.tags.includes("truncated") || expected?.finish?.raw === "max_tokens") {
        await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "truncated" });
        expect(ran).toEqual([]);
        return;
      }
      const message = await stream.finalMessage();
      expect(sha256(message.content.slice(message.steps?.[0]?.content.length))).toBe(
        text?.expected.responses?.[0]?.text.sha256,
      );
      expect(server.requests).toHaveLength(2);
      const sent = new Set(textsIn(server.requests[1]?.body).map(sha256));
      for (const signature of expected?.signatures ?? []) expect(sent).toContain(signature);
      const body = JSON.stringify(server.requests[1]?.body);
      for (const { id, name } of expected?.tool_calls ?? []) {
        if (id) expect(body.split(JSON.stringify(id))).toHaveLength(3); // the call and its answer
        expect(body).toContain(`the answer of ${name}`);
      }
    },
  );
}

/** Every text in a JSON value. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
