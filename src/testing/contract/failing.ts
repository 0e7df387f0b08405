/** Law 4: fails by throwing. */

import assert from "node:assert/strict";
import type { MessageStream } from "../../stream/message-stream.ts";
import type { ScriptEnding } from "../script.ts";
import {
  asSendError,
  type CaseDefinition,
  ONCE,
  partialOf,
  QUESTION,
  readAll,
  rejectionOf,
  shownText,
  turns,
} from "./case.ts";

const FAILURES: readonly { readonly what: string; readonly ending: ScriptEnding }[] = [
  { what: "a broken connection", ending: "reset" },
  { what: "an error inside the reply", ending: { error: { message: "The engine is on fire.", code: "server_error" } } },
  { what: "an early end", ending: "cut" },
];

const TEXT = ["Half ", "a reply"];

export const failingCases: readonly CaseDefinition[] = [
  ...FAILURES.map(
    ({ what, ending }): CaseDefinition => ({
      name: `law 4: ${what} throws a SendError after all the text that had come, and carries it`,
      async run({ open }) {
        const { client } = await open({ text: TEXT, ending });
        const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
        assert.equal(shownText(chunks), TEXT.join(""));
        const failure = asSendError(error);
        const partial = partialOf(failure);
        assert.equal(partial.content, TEXT.join(""));
        assert.equal(partial.interrupted, true);
        assert.ok(partial.metrics.durationMs >= 0);
      },
    }),
  ),
  {
    name: "law 4: a broken connection has the kind network",
    async run({ open }) {
      const { client } = await open({ text: TEXT, ending: "reset" });
      const { error } = await readAll(await client.sendMessageStream(QUESTION, ONCE));
      assert.equal(asSendError(error).kind, "network");
    },
  },
  {
    name: "law 4: an error inside the reply is reported in the provider's words",
    async run({ open }) {
      const error = { message: "The engine is on fire.", code: "server_error" };
      const { client } = await open({ text: TEXT, ending: { error } }, { text: TEXT, ending: { error } });
      const streamed = (await readAll(await client.sendMessageStream(QUESTION, ONCE))).error;
      const nonStreamed = await rejectionOf(client.sendMessage(QUESTION, ONCE));
      for (const failure of [asSendError(streamed), nonStreamed]) {
        assert.equal(failure.kind, "server");
        assert.match(failure.message, /The engine is on fire\./);
      }
    },
  },
  {
    name: "law 4: an error inside the reply has the provider's code",
    needs: ["providerCodes"],
    async run({ open }) {
      const error = { message: "The engine is on fire.", code: "server_error" };
      const { client } = await open({ text: TEXT, ending: { error } }, { text: TEXT, ending: { error } });
      const streamed = (await readAll(await client.sendMessageStream(QUESTION, ONCE))).error;
      assert.equal(asSendError(streamed).code, "server_error");
      assert.equal((await rejectionOf(client.sendMessage(QUESTION, ONCE))).code, "server_error");
    },
  },
  {
    name: "law 4: an error inside the reply before any text is an error, not an empty reply",
    async run({ open }) {
      const { client } = await open({ text: [], ending: { error: { message: "No." } } });
      await rejectionOf(client.sendMessageStream(QUESTION, ONCE).then((stream) => stream.finalMessage()));
    },
  },
  {
    name: "law 4: finalMessage rejects with the error that the loop threw, each time",
    async run({ open }) {
      const { client } = await open({ text: TEXT, ending: "cut" });
      const stream = await client.sendMessageStream(QUESTION, ONCE);
      const { error } = await readAll(stream);
      for (const failure of [await rejectionOf(stream.finalMessage()), await rejectionOf(stream.finalMessage())]) {
        assert.equal(failure, error);
      }
      assert.equal(stream.partial.content, TEXT.join(""));
    },
  },
  {
    name: "law 4: finalMessage alone rejects as well",
    async run({ open }) {
      const { client } = await open({ text: TEXT, ending: "reset" });
      const failure = await rejectionOf((await client.sendMessageStream(QUESTION, ONCE)).finalMessage());
      assert.equal(partialOf(failure).content, TEXT.join(""));
    },
  },
  ...FAILURES.map(
    ({ what, ending }): CaseDefinition => ({
      name: `law 4: ${what} that is not observed becomes no unhandled rejection`,
      async run({ open }) {
        const { client } = await open({ text: TEXT, ending }, { text: TEXT, ending }, { text: TEXT, ending });
        const forgotten: MessageStream[] = [];
        const next = async () => {
          const stream = await client.sendMessageStream(QUESTION, ONCE);
          forgotten.push(stream);
          return stream;
        };
        const unhandled = await unhandledDuring(async () => {
          await next(); // never read
          await (await next())[Symbol.asyncIterator]().next(); // left in the middle, without `return`
          await readAll(await next()); // the loop caught it; nobody asks for the message
        });
        for (const stream of forgotten) await stream[Symbol.asyncDispose]();
        assert.deepEqual(unhandled, []);
      },
    }),
  ),
  {
    name: "law 4: an abort that is not observed becomes no unhandled rejection",
    async run({ open }) {
      const { client } = await open({ text: TEXT, ending: "hang" }, { text: TEXT, ending: "hang" });
      const abort = new AbortController();
      const unhandled = await unhandledDuring(async () => {
        await client.sendMessageStream(QUESTION, { signal: abort.signal });
        const left = await client.sendMessageStream(QUESTION, { signal: abort.signal });
        await left[Symbol.asyncIterator]().next();
        abort.abort();
      });
      assert.deepEqual(unhandled, []);
    },
  },
];

/** Returns the unhandled rejections during an action and shortly after it. */
async function unhandledDuring(act: () => Promise<void>): Promise<readonly unknown[]> {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    await act();
    await turns(20);
  } finally {
    process.off("unhandledRejection", note);
  }
  return unhandled;
}
