/**
 * Every recorded reply, put back into a conversation that is no longer the one it was written for, is accepted by strict servers: at
 * its writer, at its writer's other models, at another address and at every other client.
 */

import { type AssistantMessage, type Message, SendError, type SendOptions } from "cloudllm";
import { type ProviderServer, type ServerReply, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bodiesOf, type Recording, recordingsMissing, recordingsOf } from "./recordings.ts";
import { CLIENT_NAMES, type ClientName, clientAt } from "./sent-requests.ts";

/** Who wrote the replies of a protocol's recordings. */
export interface Writer {
  readonly client: ClientName;
  /** The one that was asked, and another of the same provider. */
  readonly model: string;
  readonly otherModel: string;
}

/** A conversation as it is asked about. */
interface Asked {
  readonly messages: readonly Message[];
  readonly options: SendOptions;
}

const SYSTEM: Message = { role: "system", content: "You are a poet." };
const EARLIER: readonly Message[] = [
  { role: "user", content: "Who are you?" },
  { role: "assistant", content: "A poet." },
];
const QUESTION: Message = { role: "user", content: "Write." };
const GO_ON: Message = { role: "user", content: "Go on." };
const OTHER_TOOL = { name: "another_tool", description: "Does something else.", parameters: { type: "object" } };

/** What becomes of a conversation between two requests. */
const CHANGES: Readonly<Record<string, (asked: Asked) => Asked>> = {
  "as it was": (asked) => asked,
  "after JSON": ({ messages, options }) => ({
    messages: JSON.parse(JSON.stringify(messages)) as readonly Message[],
    options,
  }),
  "after trimming": ({ messages, options }) => ({ messages: messages.filter((it) => !EARLIER.includes(it)), options }),
  "after an edit": ({ messages, options }) => ({
    messages: messages.map((it) => (it === QUESTION ? { role: "user", content: "Write more." } : it)),
    options,
  }),
  "under another system prompt": ({ messages, options }) => ({
    messages: [{ role: "system", content: "You are a critic." }, ...messages.slice(1)],
    options,
  }),
  "with other tools": ({ messages, options }) => ({
    messages,
    options: { ...options, tools: [...(options.tools ?? []), OTHER_TOOL] },
  }),
};

/** What a server says that is told nothing: a reply of two steps, both thought about. */
const LATER: ServerReply = { steps: [{ reasoning: "Hm." }, { text: "Well." }] };

/** Declares the tests of one protocol. `writerOf` may give several writers, whose servers demand different things. */
export function describeHistories(protocol: string, writersOf: (recording: Recording) => readonly Writer[]): void {
  const recordings = recordingsOf(protocol).filter(({ expected }) => expected.kind !== "error");
  const cases = recordings.flatMap((recording) =>
    writersOf(recording).map((writer) => [`${recording.file} at ${writer.model}`, recording, writer] as const),
  );
  const title = `recorded replies of ${protocol} go back${recordingsMissing ? ` (${recordingsMissing})` : ""}`;

  describe.skipIf(recordingsMissing)(title, () => {
    let home: ProviderServer;
    let elsewhere: ProviderServer;
    let next: ServerReply | undefined;
    beforeAll(async () => {
      home = await startProviderServer(
        () => {
          const reply = next ?? LATER;
          next = undefined;
          return reply;
        },
        { strict: true },
      );
      elsewhere = await startProviderServer(() => LATER, { strict: true });
    });
    afterAll(async () => {
      await home.close();
      await elsewhere.close();
    });

    /** The reply of the recording, if it is whole. */
    async function replied(recording: Recording, body: Buffer, writer: Writer, asked: Asked) {
      next = { body };
      const client = clientAt(home.origin, writer.client, writer.model);
      try {
        if (recording.format === "json") return await client.sendMessage(asked.messages, asked.options);
        return await (await client.sendMessageStream(asked.messages, asked.options)).finalMessage();
      } catch (error) {
        if (error instanceof SendError && error.status !== 400) return undefined; // a reply that ended badly
        throw error;
      }
    }

    /** The conversation goes on, and on: thinking that was left out, or written since, must not be in the way later. */
    async function goesOn(where: string, origin: string, name: ClientName, model: string, asked: Asked) {
      const client = clientAt(origin, name, model);
      const { messages, options } = asked;
      let said = messages;
      for (let turn = 1; turn <= 3; turn++) {
        const reply = await client.sendMessage(said, options).catch((error: unknown) => {
          throw new Error(`${where}, turn ${turn}: ${error instanceof Error ? error.message : error}`, {
            cause: error,
          });
        });
        expect(reply.metrics.attempts, `${where}, turn ${turn}`).toHaveLength(1);
        said = [...said, reply, GO_ON];
      }
    }

    test.each(cases)("%s", { timeout: 30_000 }, async (_name, recording, writer) => {
      const { client, model, otherModel } = writer;
      for (const [index, body] of bodiesOf(recording).entries()) {
        const tools = (recording.expected.responses?.[index]?.tool_calls ?? []).map(({ name }) => name);
        const asked: Asked = {
          messages: [SYSTEM, ...EARLIER, QUESTION],
          options: { maxOutputTokens: 999, tools: [...new Set(tools)].map((name) => ({ name })) },
        };
        const reply = await replied(recording, body, writer, asked);
        if (!reply) continue;
        const answered: Asked = { ...asked, messages: [...asked.messages, reply, ...answersTo(reply)] };
        for (const [what, change] of Object.entries(CHANGES)) {
          await goesOn(what, home.origin, client, model, change(answered));
        }
        await goesOn("at another model", home.origin, client, otherModel, answered);
        await goesOn("at another address", elsewhere.origin, client, model, answered);
        for (const other of CLIENT_NAMES) {
          if (other !== client) await goesOn(`at ${other}`, elsewhere.origin, other, "any-model", answered);
        }
      }
    });
  });
}

function answersTo({ toolCalls }: AssistantMessage): readonly Message[] {
  if (toolCalls.length === 0) return [GO_ON];
  return toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: `of ${id}` }));
}
