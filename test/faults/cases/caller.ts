/** 6. The caller. */

import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, type RawServer, response, STREAM_HEAD } from "../../support/raw-server.ts";
import type { Fault, Section } from "../fault.ts";
import { measuredOf } from "../measured.ts";
import { COUNTS, judged, outcomeOf, PATIENCE, QUESTION, readAll, type Scene, sleep, within } from "../scene.ts";

function begun(scene: Scene): string {
  return STREAM_HEAD + httpChunk(scene.speaker.speech().text("a", "b").events.join("")).toString();
}

function good(scene: Scene): string {
  const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

/** The client let go of the connection of its first request. */
function released(server: RawServer): Promise<void> {
  return within(PATIENCE, "the socket closes", server.requests[0]?.closed ?? Promise.reject(new Error("no request")));
}

const faults: readonly Fault[] = [
  {
    id: "6.1",
    title: "the signal has fired before the call",
    async run(scene) {
      const { client, server } = await scene.stage(() => undefined);
      const reason = { why: "the user left" };
      const signal = AbortSignal.abort(reason);
      const error = await within(
        PATIENCE,
        "an error",
        client.sendMessageStream(QUESTION, { signal }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      );
      expect(error).toMatchObject({ kind: "aborted", cause: reason });
      expect(
        await client.sendMessage(QUESTION, { signal }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      ).toMatchObject({ kind: "aborted" });
      await sleep(20);
      expect(server.connections()).toBe(0);
      return "`aborted`, nothing sent";
    },
  },
  {
    id: "6.2",
    title: "the signal fires while the client waits for headers, or in the middle of the stream",
    async run(scene) {
      const early = new AbortController();
      const waiting = await scene.stage(() => early.abort());
      const refused = await within(PATIENCE, "an error", outcomeOf(waiting.client, { signal: early.signal }));
      judged(refused, { fails: "aborted" });
      await released(waiting.server);
      const abort = new AbortController();
      const { client, server } = await scene.stage(({ socket }) => void socket.write(begun(scene)));
      const opened = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const outcome = await within(
        PATIENCE,
        "an error",
        readAll(opened, (text) => text === "ab" && abort.abort()),
      );
      await released(server);
      return judged(outcome, { fails: "aborted", kept: "ab" });
    },
  },
  {
    id: "6.3",
    title: "the signal fires after the end",
    async run(scene) {
      const abort = new AbortController();
      const { client } = await scene.stage(({ socket }) => void socket.write(good(scene)));
      const opened = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const outcome = await readAll(opened);
      abort.abort();
      await sleep(20);
      expect((await opened.finalMessage()).finishReason).toBe("stop");
      // And the connection is good for another.
      judged(await outcomeOf(client), { text: "ab" });
      return judged(outcome, { text: "ab", counts: COUNTS });
    },
  },
  {
    id: "6.4",
    title: "the loop is left with `break`, or by an error of its own",
    async run(scene) {
      for (const way of ["break", "throw"] as const) {
        const { client, server } = await scene.stage(({ socket }) => void socket.write(begun(scene)));
        const opened = await client.sendMessageStream(QUESTION);
        try {
          for await (const chunk of opened) {
            if (chunk.content === "") continue;
            if (way === "break") break;
            throw new Error("mine");
          }
        } catch (error) {
          expect(error).toMatchObject({ message: "mine" });
        }
        await released(server);
      }
      return "socket closed";
    },
  },
  {
    id: "6.5",
    title: "the loop is left, and then the final message is awaited",
    async run(scene) {
      const { client, server } = await scene.stage(({ socket }) => void socket.write(begun(scene)));
      const opened = await client.sendMessageStream(QUESTION);
      for await (const chunk of opened) if (chunk.content !== "") break;
      const message = await within(PATIENCE, "the message", opened.finalMessage());
      expect(message).toMatchObject({ finishReason: "stopped", interrupted: true });
      expect("ab".startsWith(message.content)).toBe(true);
      await released(server);
      return "`stopped`, text kept";
    },
  },
  {
    id: "6.6",
    title: "the consumer is slow (a delta each 20 ms) while the server pushes 192 MB",
    isOfFormat: true,
    async run(scene) {
      const { sent, grownBy, error } = await measuredOf(scene, "slow reader");
      expect(error).toBeUndefined();
      expect(sent).toBeLessThan(40e6);
      expect(grownBy).toBeLessThan(160e6);
      return "the server is slowed, memory bounded";
    },
  },
  {
    id: "6.7",
    title: "the call fails, and its result is never read",
    async run(scene) {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown): void => void unhandled.push(reason);
      process.on("unhandledRejection", listener);
      try {
        const { client } = await scene.stage(({ socket }, index) => {
          if (index === 0) return void socket.resetAndDestroy();
          socket.end(begun(scene) + LAST_CHUNK);
        });
        client.sendMessageStream(QUESTION).catch(() => undefined); // the call itself is the caller's to handle
        await sleep(30);
        // Opened, failed, and never looked at again, or only by those who do not wait.
        void (await client.sendMessageStream(QUESTION));
        void (await client.sendMessageStream(QUESTION)).finalMessage();
        void (await client.sendMessageStream(QUESTION)).stop({ drain: true });
        (await client.sendMessageStream(QUESTION)).toReadableStream();
        const left = await client.sendMessageStream(QUESTION);
        void left.finalMessage();
        void left.stop();
        const iterator = (await client.sendMessageStream(QUESTION))[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.return?.();
        await sleep(60);
      } finally {
        process.off("unhandledRejection", listener);
      }
      expect(unhandled).toEqual([]);
      scene.leaves("replies that nobody reads or leaves are the caller's to leave");
      return "no unhandled rejection";
    },
  },
  {
    id: "6.8",
    title: "the same stream is read twice",
    async run(scene) {
      const { client } = await scene.stage(({ socket }) => void socket.write(good(scene)));
      const opened = await client.sendMessageStream(QUESTION);
      judged(await readAll(opened), { text: "ab" });
      for (const again of [
        () => opened[Symbol.asyncIterator](),
        () => opened.batches(),
        () => opened.text(),
        () => opened.toReadableStream(),
      ])
        expect(again).toThrow(expect.objectContaining({ kind: "invalidRequest" }));
      expect((await opened.finalMessage()).content).toBe("ab");
      return "`invalidRequest`";
    },
  },
  {
    id: "6.9",
    title: "the signal fires while the client waits for another attempt",
    async run(scene) {
      const abort = new AbortController();
      const { client, server } = await scene.stage(
        ({ socket }) => {
          socket.write(response(503, "{}", { "retry-after": "20" }));
          setTimeout(() => abort.abort(), 60);
        },
        { retries: 2 },
      );
      const said = judged(await within(PATIENCE, "an error", outcomeOf(client, { signal: abort.signal })), {
        fails: "aborted",
      });
      expect(server.requests).toHaveLength(1);
      return said;
    },
  },
  {
    id: "6.10",
    title: "the signal fires while an error body drips in",
    async run(scene) {
      const abort = new AbortController();
      const { client, server } = await scene.stage(({ socket }) => {
        socket.write(`HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n${httpChunk('{"error":')}`);
        setTimeout(() => abort.abort(), 60);
      });
      const { error } = await within(PATIENCE, "an error", outcomeOf(client, { signal: abort.signal }));
      expect(error?.kind).toBe("aborted");
      await released(server);
      return "`aborted`";
    },
  },
  {
    id: "6.11",
    title: "`stop()`, `return()`, `await using` and `cancel()` while the client waits for a token",
    async run(scene) {
      const ways = ["stop", "return", "dispose", "cancel", "text"] as const;
      for (const way of ways) {
        const { client, server } = await scene.stage(({ socket }) => void socket.write(begun(scene)));
        const opened = await client.sendMessageStream(QUESTION);
        if (way === "cancel") {
          const reader = opened.toReadableStream().getReader();
          await reader.read();
          await reader.cancel();
        } else {
          const chunks = way === "text" ? opened.text() : opened[Symbol.asyncIterator]();
          await chunks.next();
          const waiting = (async () => {
            while (!(await chunks.next()).done);
          })();
          if (way === "stop") await opened.stop();
          else if (way === "dispose") await opened[Symbol.asyncDispose]();
          else await chunks.return?.();
          await within(PATIENCE, `the loop ends after ${way}`, waiting);
        }
        await released(server);
        expect((await opened.finalMessage()).finishReason).toBe("stopped");
      }
      return "`stopped`, socket closed";
    },
  },
  {
    id: "6.12",
    title: "a stopped reply is read on for its bill",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
      const at = events.findIndex((event) => event.includes('"b"'));
      let sendRest: () => unknown = () => undefined;
      const { client } = await scene.stage(({ socket }) => {
        socket.write(STREAM_HEAD + httpChunk(events.slice(0, at).join("")));
        sendRest = () => socket.write(httpChunk(events.slice(at).join("")) + LAST_CHUNK);
      });
      const opened = await client.sendMessageStream(QUESTION);
      const chunks = opened[Symbol.asyncIterator]();
      let text = "";
      while (text === "") text += (await chunks.next()).value?.content ?? "";
      const bill = opened.stop({ drain: true });
      sendRest();
      const message = await within(PATIENCE, "the bill", bill);
      expect(message).toMatchObject({ content: "a", finishReason: "stopped" });
      expect(message.usage).toMatchObject({ inputTokens: COUNTS.input, outputTokens: COUNTS.output });
      return "`stopped`, exact usage";
    },
  },
  {
    id: "6.13",
    title: "100 calls at once, half of them answered; then the signal fires for all",
    isOfFormat: true,
    async run(scene) {
      const { client } = await scene.stage(({ socket }, index) => {
        if (index % 2 === 0) socket.write(good(scene));
      });
      const abort = new AbortController();
      let whole = 0;
      const calls = Array.from({ length: 100 }, async () => {
        const { error, text } = await outcomeOf(client, { signal: abort.signal });
        if (error) return expect(error.kind).toBe("aborted");
        expect(text).toBe("ab");
        // No more than half of them can be answered; those that are under way are aborted.
        if (++whole === 40) abort.abort();
      });
      await within(PATIENCE, "every call ends", Promise.all(calls));
      expect(whole).toBeGreaterThanOrEqual(40);
      return "full text or `aborted`";
    },
  },
];

export const caller: Section = { number: 6, title: "The caller", faults };
