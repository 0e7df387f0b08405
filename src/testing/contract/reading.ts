/** The ways to read a stream: each gives the same reply. */

import assert from "node:assert/strict";
import { SendError } from "../../contract/errors.ts";
import { MessageStream } from "../../stream/message-stream.ts";
import {
  asSendError,
  type CaseDefinition,
  finalOf,
  ONCE,
  partialOf,
  QUESTION,
  readAll,
  shownText,
  turns,
} from "./case.ts";

const TEXT = ["One ", "two ", "three"];

export const readingCases: readonly CaseDefinition[] = [
  {
    name: "reading: a second reader gets an error that the stream has been read",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      const stream = await client.sendMessageStream(QUESTION);
      await readAll(stream);
      assert.ok((await readAll(stream)).error instanceof SendError);
      assert.throws(() => stream.batches(), SendError);
    },
  },
  {
    name: "reading: batches() gives the same chunks, in arrays that are never empty",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      const batches = [];
      for await (const batch of (await client.sendMessageStream(QUESTION)).batches()) batches.push(batch);
      assert.ok(batches.every((batch) => batch.length > 0));
      assert.equal(shownText(batches.flat()), TEXT.join(""));
      assert.equal(finalOf(batches.flat()).content, TEXT.join(""));
    },
  },
  {
    name: "reading: text() gives the text alone, and throws as the loop does",
    async run({ open }) {
      const { client } = await open({ text: TEXT }, { text: TEXT, ending: "cut" });
      const pieces: string[] = [];
      for await (const piece of (await client.sendMessageStream(QUESTION)).text()) pieces.push(piece);
      assert.equal(pieces.join(""), TEXT.join(""));
      assert.ok(pieces.every((piece) => piece !== ""));
      const cut = (await client.sendMessageStream(QUESTION, ONCE)).text();
      const reading = async () => {
        for await (const _piece of cut);
      };
      await assert.rejects(reading, (error) => asSendError(error).kind === "truncated");
    },
  },
  {
    name: "reading: finalMessage() alone reads everything",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      assert.equal((await (await client.sendMessageStream(QUESTION)).finalMessage()).content, TEXT.join(""));
    },
  },
  {
    name: "reading: finalMessage() asked for before the loop ends takes nothing away from it",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      const stream = await client.sendMessageStream(QUESTION);
      let text = "";
      let message: Promise<unknown> | undefined;
      for await (const chunk of stream) {
        text += chunk.content;
        message ??= stream.finalMessage();
      }
      assert.equal(text, TEXT.join(""));
      assert.deepEqual(await message, stream.partial);
    },
  },
  {
    name: "reading: `partial` follows the reply as it arrives",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      const stream = await client.sendMessageStream(QUESTION);
      let text = "";
      for await (const chunk of stream) {
        text += chunk.content;
        assert.ok(stream.partial.content.startsWith(text), "what was shown is in `partial`");
      }
      assert.equal(stream.partial.content, TEXT.join(""));
    },
  },
  {
    name: "reading: a ReadableStream and MessageStream.from give the same reply",
    async run({ open }) {
      const { client } = await open({ text: TEXT, ending: { usage: { inputTokens: 3, outputTokens: 3 } } });
      const original = await client.sendMessageStream(QUESTION);
      const copy = MessageStream.from(original.toReadableStream());
      const { chunks, error } = await readAll(copy);
      assert.equal(error, undefined);
      assert.equal(shownText(chunks), TEXT.join(""));
      assert.deepEqual(finalOf(chunks), await original.finalMessage());
      assert.deepEqual(await copy.finalMessage(), await original.finalMessage());
    },
  },
  {
    name: "reading: a failure passes through a ReadableStream and MessageStream.from as the same SendError",
    async run({ open }) {
      const { client } = await open({ text: TEXT, ending: "cut" });
      const original = await client.sendMessageStream(QUESTION, ONCE);
      const { chunks, error } = await readAll(MessageStream.from(original.toReadableStream()));
      assert.equal(shownText(chunks), TEXT.join(""));
      const failure = asSendError(error);
      assert.equal(failure.kind, "truncated");
      assert.equal(partialOf(failure).content, TEXT.join(""));
    },
  },
  {
    name: "reading: a reply, or its failure, passes to another thread unchanged",
    needs: ["transfer"],
    async run({ open }) {
      const { client } = await open({ text: TEXT }, { text: TEXT, ending: "cut" });
      const original = await client.sendMessageStream(QUESTION);
      assert.deepEqual(await transferred(original).finalMessage(), await original.finalMessage());
      const { chunks, error } = await readAll(transferred(await client.sendMessageStream(QUESTION, ONCE)));
      assert.equal(shownText(chunks), TEXT.join(""));
      const failure = asSendError(error);
      assert.equal(failure.kind, "truncated");
      assert.equal(partialOf(failure).content, TEXT.join(""));
    },
  },
  {
    name: "reading: MessageStream.from lets its source go when the reply is over",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      const original = await client.sendMessageStream(QUESTION);
      let released = false;
      const chunks = async function* () {
        try {
          yield* original;
        } finally {
          released = true;
        }
      };
      await MessageStream.from(chunks()).finalMessage();
      await turns(1);
      assert.equal(released, true);
    },
  },
  {
    name: "reading: chunks without a final one make a truncated stream",
    async run({ open }) {
      const { client } = await open({ text: TEXT });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const { error } = await readAll(MessageStream.from(iterate(chunks.filter((chunk) => !chunk.isFinal))));
      assert.equal(asSendError(error).kind, "truncated");
    },
  },
];

/** Returns the stream that a thread makes of one that it was sent. */
function transferred(stream: MessageStream): MessageStream {
  const chunks = stream.toReadableStream();
  return MessageStream.from(structuredClone(chunks, { transfer: [chunks] }));
}

async function* iterate<T>(values: readonly T[]): AsyncGenerator<T, void> {
  yield* values;
}
