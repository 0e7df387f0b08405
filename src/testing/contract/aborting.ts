/** Law 5: stops when you stop. */

import assert from "node:assert/strict";
import type { MessageChunk } from "../../contract/chunk.ts";
import type { MessageStream } from "../../stream/message-stream.ts";
import { Gate } from "../pause.ts";
import {
  asSendError,
  type CaseDefinition,
  finalOf,
  partialOf,
  QUESTION,
  readAll,
  rejectionOf,
  shownText,
  soon,
  turns,
} from "./case.ts";

/** A reply with some text that then never ends by itself. */
const ENDLESS = { text: ["One ", "two "], ending: "hang" } as const;

/** Every way to leave a reply in the middle. */
const LEAVINGS: readonly { readonly what: string; leave(stream: MessageStream): Promise<unknown> }[] = [
  {
    what: "break",
    async leave(stream) {
      for await (const _chunk of stream) break;
    },
  },
  {
    what: "an error thrown in the loop",
    async leave(stream) {
      const mine = new RangeError("mine");
      const looping = async () => {
        for await (const _chunk of stream) throw mine;
      };
      await assert.rejects(looping, (error) => error === mine);
    },
  },
  {
    what: "return() on the iterator",
    async leave(stream) {
      const chunks = stream[Symbol.asyncIterator]();
      await chunks.next();
      assert.equal((await chunks.return?.())?.done, true);
      assert.equal((await chunks.next()).done, true);
    },
  },
  {
    what: "break in a loop over text()",
    async leave(stream) {
      for await (const _text of stream.text()) break;
    },
  },
  {
    what: "break in a loop over batches()",
    async leave(stream) {
      for await (const _batch of stream.batches()) break;
    },
  },
  { what: "the end of an `await using` block", leave: (stream) => stream[Symbol.asyncDispose]() },
  { what: "stop() before anything was read", leave: (stream) => stream.stop() },
  { what: "cancelling its ReadableStream", leave: (stream) => stream.toReadableStream().cancel() },
];

export const stoppingCases: readonly CaseDefinition[] = [
  ...LEAVINGS.map(
    ({ what, leave }): CaseDefinition => ({
      name: `law 5: ${what} closes the connection at once`,
      needs: ["closing"],
      async run({ open }) {
        const { client, closed } = await open(ENDLESS);
        const stream = await client.sendMessageStream(QUESTION);
        await soon(leave(stream), what);
        await soon(closed(0), "the connection must be closed");
      },
    }),
  ),
  ...LEAVINGS.map(
    ({ what, leave }): CaseDefinition => ({
      name: `law 5: after ${what}, finalMessage gives what had come, as stopped`,
      async run({ open }) {
        const { client } = await open(ENDLESS);
        const stream = await client.sendMessageStream(QUESTION);
        await leave(stream);
        const message = await soon(stream.finalMessage(), "finalMessage must settle");
        assert.equal(message.finishReason, "stopped");
        assert.equal(message.interrupted, true);
        assert.ok("One two ".startsWith(message.content));
        assert.equal(message.usage, undefined);
        assert.ok(message.estimatedUsage);
      },
    }),
  ),
  {
    name: "law 5: stop() while the loop waits is a normal end, and closes the connection",
    needs: ["closing"],
    async run({ open }) {
      const gate = new Gate();
      const { client, closed } = await open({ steps: [{ text: "One " }, { pause: gate }, { text: "never" }] });
      const stream = await client.sendMessageStream(QUESTION);
      const reading = readAll(stream);
      await Promise.race([gate.reached, reading]);
      const stopped = await soon(stream.stop(), "stop() must settle");
      const { chunks, error } = await soon(reading, "the loop must end");
      assert.equal(error, undefined);
      assert.equal(shownText(chunks), stopped.content);
      assert.deepEqual(finalOf(chunks), stopped);
      assert.equal(stopped.finishReason, "stopped");
      await soon(closed(0), "the connection must be closed");
    },
  },
  {
    name: "law 5: stop({ drain: true }) shows no more and still learns the provider's usage",
    needs: ["usage"],
    async run({ open }) {
      const gate = new Gate();
      const usage = { inputTokens: 5, outputTokens: 9 };
      const { client } = await open({
        steps: [{ text: "One " }, { pause: gate }, { text: "two " }],
        ending: { usage },
      });
      const stream = await client.sendMessageStream(QUESTION);
      const chunks: MessageChunk[] = [];
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (chunk.type === "text") {
          void stream.stop({ drain: true });
          gate.open();
        }
      }
      const message = finalOf(chunks);
      assert.equal(message.content, "One ");
      assert.equal(shownText(chunks), "One ");
      assert.equal(message.finishReason, "stopped");
      assert.equal(message.usage?.outputTokens, 9);
    },
  },
  {
    name: "law 5: the usage that the provider had reported when it was stopped is kept, next to an estimate",
    needs: ["usage"],
    async run({ open }) {
      const usage = { inputTokens: 1_000, outputTokens: 9 };
      const { client } = await open({ text: ["One ", "two ", "three"], ending: { usage } });
      const stream = await client.sendMessageStream(QUESTION);
      for await (const _chunk of stream) break;
      const message = await stream.finalMessage();
      // Some providers report the size of the request with the first event, others everything with the last.
      assert.equal(message.usage?.inputTokens ?? 1_000, 1_000);
      assert.ok(message.estimatedUsage && message.estimatedUsage.outputTokens >= (message.usage?.outputTokens ?? 0));
      assert.equal(
        message.estimatedUsage.inputTokens,
        message.usage?.inputTokens ?? message.estimatedUsage.inputTokens,
      );
    },
  },
  {
    name: "law 5: a signal that has fired before the call rejects it, and nothing is sent",
    needs: ["requests"],
    async run({ open }) {
      const { client, requests } = await open({ text: "never" });
      const options = { signal: AbortSignal.abort() };
      assert.equal((await rejectionOf(client.sendMessageStream(QUESTION, options))).kind, "aborted");
      assert.equal((await rejectionOf(client.sendMessage(QUESTION, options))).kind, "aborted");
      assert.equal(await requests(), 0);
    },
  },
  ...(["sendMessageStream", "sendMessage"] as const).map(
    (method): CaseDefinition => ({
      name: `law 5: the signal ends ${method} before the provider has answered, and closes the connection`,
      needs: ["closing"],
      async run({ open }) {
        const gate = new Gate();
        const abort = new AbortController();
        const { client, closed } = await open({ text: "never", opensAfter: gate });
        const failure = rejectionOf(client[method](QUESTION, { signal: abort.signal }));
        await Promise.race([gate.reached, failure]);
        abort.abort();
        assert.equal((await soon(failure, "the call must end")).kind, "aborted");
        await soon(closed(0), "the connection must be closed");
      },
    }),
  ),
  {
    name: "law 5: the signal ends the wait for the next word with an error that has the words before it",
    needs: ["closing"],
    async run({ open }) {
      const gate = new Gate();
      const abort = new AbortController();
      const { client, closed } = await open({ steps: [{ text: "One " }, { pause: gate }, { text: "never" }] });
      const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const reading = readAll(stream);
      await Promise.race([gate.reached, reading]);
      for (let turn = 0; turn < 1_000 && stream.partial.content === ""; turn++) await turns(1);
      abort.abort();
      const { chunks, error } = await soon(reading, "the loop must end");
      const failure = asSendError(error);
      assert.equal(failure.kind, "aborted");
      assert.equal(partialOf(failure).content, "One ");
      assert.equal(
        chunks.some((chunk) => chunk.isFinal),
        false,
        "what was aborted has no final chunk",
      );
      await soon(closed(0), "the connection must be closed");
    },
  },
  {
    name: "law 5: the signal closes the connection and ends the call also while the caller holds a chunk",
    needs: ["closing"],
    async run({ open }) {
      const abort = new AbortController();
      const { client, closed } = await open(ENDLESS);
      const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const ended = new Promise((resolve) => stream.onEnd(resolve));
      const chunks = stream[Symbol.asyncIterator]();
      await chunks.next();
      abort.abort();
      await soon(closed(0), "the connection must be closed");
      await soon(ended, "the call must be over, although the consumer has stopped reading");
      // The client may deliver the chunks that had arrived, or drop them. The end must be an error.
      const failure = await soon(rejectionOf(untilDone(chunks)), "the loop must end");
      assert.equal(failure.kind, "aborted");
      assert.ok(partialOf(failure).content.startsWith("One "));
    },
  },
  {
    name: "law 5: a signal that fires after the end does nothing",
    async run({ open }) {
      const abort = new AbortController();
      const { client } = await open({ text: "Done" }, ENDLESS);
      const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const message = await stream.finalMessage();
      const stopped = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      await stopped.stop();
      abort.abort();
      assert.deepEqual(await stream.finalMessage(), message);
      assert.equal((await stopped.finalMessage()).finishReason, "stopped");
    },
  },
  {
    name: "law 5: stopping after the end changes nothing",
    async run({ open }) {
      const { client } = await open({ text: "Done" });
      const stream = await client.sendMessageStream(QUESTION);
      const message = await stream.finalMessage();
      assert.deepEqual(await stream.stop(), message);
      await stream[Symbol.asyncDispose]();
      assert.equal((await stream.finalMessage()).finishReason, "stop");
    },
  },
];

async function untilDone(chunks: AsyncIterator<MessageChunk>): Promise<void> {
  while (!(await chunks.next()).done);
}
