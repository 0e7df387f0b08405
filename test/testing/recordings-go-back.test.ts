/**
 * Every recorded reply goes on in a conversation that has changed since: a strict server refuses nothing of what is sent,
 * not at the address that wrote it, not at another one, and not at any other client.
 */

import { type Message, type ProviderClient, SendError, type SendOptions } from "cloudllm";
import { type ProviderServer, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bodiesOf, recordingsMissing, recordingsOf } from "../support/recordings.ts";
import { CLIENT_NAMES, type ClientName, clientAt, writerOf } from "../support/sent-requests.ts";

/** Models whose servers check most: Claude ties its thinking to the conversation, Gemini signs its calls. */
const MODELS: Partial<Record<ClientName, string>> = {
  claude: "claude-opus-5-5",
  "claude chat": "claude-opus-5-5",
  openai: "gpt-6-luna",
  grok: "grok-4",
  gemini: "gemini-3-pro-preview",
  openrouter: "anthropic/claude-opus-5",
};
const modelOf = (name: ClientName) => MODELS[name] ?? "stand-in";

const recordings = ["anthropic-messages", "openai-responses", "gemini", "openai-chat"]
  .flatMap(recordingsOf)
  .filter(({ expected }) => expected.kind !== "error");

const toolsOf = (name: string) => [{ name, parameters: { type: "object", properties: { q: { type: "string" } } } }];
const SYSTEM: Message = { role: "system", content: "Be brief." };
const BEFORE: readonly Message[] = [
  { role: "user", content: "zero" },
  { role: "assistant", content: "nought" },
  { role: "user", content: "one" },
];
/** At once: no request was refused and sent again without thinking. */
const ACCEPTED = { content: "ok", requests: 1 };
const ASKED: SendOptions = { tools: toolsOf("look"), maxOutputTokens: 9_000 };

/** What became of the conversation, the reply and what follows it apart. */
const CHANGES: readonly (readonly [string, readonly Message[], SendOptions?])[] = [
  ["nothing", [SYSTEM, ...BEFORE]],
  ["its beginning was trimmed", [SYSTEM, ...BEFORE.slice(2)]],
  ["a turn before it was edited", [SYSTEM, ...BEFORE.slice(0, 2), { role: "user", content: "two" }]],
  ["another system prompt", [{ role: "system", content: "Be long." }, ...BEFORE]],
  ["no system prompt", BEFORE],
  ["other tools", [SYSTEM, ...BEFORE], { tools: toolsOf("seek") }],
  ["no tools", [SYSTEM, ...BEFORE], { tools: [] }],
];

const title = `recorded replies go back to strict servers${recordingsMissing ? ` (${recordingsMissing})` : ""}`;

describe.skipIf(recordingsMissing)(title, () => {
  /** The recording that the next request is answered with. */
  let next: Buffer | undefined;
  let home: ProviderServer;
  let elsewhere: ProviderServer;
  beforeAll(async () => {
    const answer = () => {
      const body = next;
      next = undefined;
      return body ? { body } : { text: ["ok"] };
    };
    home = await startProviderServer(answer, { strict: true });
    elsewhere = await startProviderServer(() => ({ text: ["ok"] }), { strict: true });
  });
  afterAll(async () => {
    await home.close();
    await elsewhere.close();
  });

  test.each(recordings.map((recording) => [recording.file, recording] as const))("%s", async (_file, recording) => {
    const name = writerOf(recording);
    const writer = clientAt(home.origin, name, modelOf(name));
    for (const body of bodiesOf(recording)) {
      next = body;
      const conversation = [SYSTEM, ...BEFORE];
      const sent =
        recording.format === "json"
          ? writer.sendMessage(conversation, ASKED)
          : writer.sendMessageStream(conversation, ASKED).then((stream) => stream.finalMessage());
      const reply = await sent.catch((error: unknown) => {
        if (!(error instanceof SendError)) throw error;
      });
      expect(next, "the question itself was refused").toBeUndefined();
      if (!reply) continue; // it ended badly
      const kept = JSON.parse(JSON.stringify(reply)) as typeof reply;
      const results = kept.toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: "seen" }));
      const goOn = async (client: ProviderClient, before: readonly Message[], options: SendOptions = {}) => {
        const messages = [...before, kept, ...results, { role: "user", content: "Go on." } as const];
        const { content, metrics } = await client.sendMessage(messages, { ...ASKED, ...options });
        return { content, requests: metrics.attempts.length };
      };
      for (const [change, before, options] of CHANGES)
        expect(await goOn(writer, before, options), change).toEqual(ACCEPTED);
      for (const { origin } of [home, elsewhere])
        for (const other of CLIENT_NAMES)
          expect(await goOn(clientAt(origin, other, modelOf(other)), conversation), other).toEqual(ACCEPTED);
    }
  });
});
