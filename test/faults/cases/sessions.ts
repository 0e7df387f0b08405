/** 8. Sessions. */

import { LLMSession, SendError } from "cloudllm";
import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, STREAM_HEAD } from "../../support/raw-server.ts";
import type { Fault, Section } from "../fault.ts";
import { COUNTS, PATIENCE, readAll, type Scene, within } from "../scene.ts";

function answer(scene: Scene, text: string): string {
  const { events } = scene.speaker.speech().text(text).finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

function begun(scene: Scene, ...text: readonly string[]): string {
  const { events } = scene.speaker.speech().text(...text);
  return STREAM_HEAD + httpChunk(events.join("")).toString();
}

/** How often a text stands in a request. */
function times(request: RawRequest | undefined, text: string): number {
  return (request?.body.split(JSON.stringify(text)).length ?? 1) - 1;
}

/** No turn of the assistant is empty, and none says nothing. */
function isLegal(request: RawRequest | undefined): void {
  const body = request?.body ?? "";
  expect(() => JSON.parse(body)).not.toThrow();
  expect(body).not.toMatch(/"(content|text)":""|"content":\[\]|"parts":\[\]/);
}

const faults: readonly Fault[] = [
  {
    id: "8.1",
    title: "two sends on one session at once",
    async run(scene) {
      const { client, server } = await scene.stage(
        ({ socket }, index) => void socket.write(answer(scene, `answer ${index}`)),
      );
      const session = new LLMSession({ client });
      const [first, second] = await Promise.allSettled([session.sendMessage("one"), session.sendMessage("two")]);
      expect(first.status).toBe("fulfilled");
      expect(second).toMatchObject({ status: "rejected", reason: { kind: "busy" } });
      await session.sendMessage("three");
      expect(session.history.map(({ content }) => content)).toEqual(["one", "answer 0", "three", "answer 1"]);
      const last = server.requests.at(-1);
      expect(["one", "answer 0", "two", "three"].map((text) => times(last, text))).toEqual([1, 1, 0, 1]);
      return "the second is refused: `busy`";
    },
  },
  {
    id: "8.2",
    title: "a send fails, or is aborted, in the middle of the stream or before it",
    async run(scene) {
      const abort = new AbortController();
      const { client, server } = await scene.stage(({ socket }, index) => {
        if (index === 0) socket.write(begun(scene, "half an ", "answer"));
        else if (index === 1) socket.write(begun(scene, "a piece"));
        else if (index === 2) socket.resetAndDestroy();
        else if (index === 3) socket.write(begun(scene) + LAST_CHUNK);
        else socket.write(answer(scene, "whole"));
      });
      const session = new LLMSession({ client });
      const failed = await readAll(await session.sendMessageStream("question 0"), (text) => {
        if (text === "half an answer") server.requests[0]?.socket.resetAndDestroy();
      });
      expect(failed.error?.kind).toBe("network");
      const opened = await session.sendMessageStream("question 1", { signal: abort.signal });
      const aborted = await within(
        PATIENCE,
        "an end",
        readAll(opened, () => abort.abort()),
      );
      expect(aborted.error?.kind).toBe("aborted");
      for (const question of ["question 2", "question 3"]) {
        const thrown = await session.sendMessage(question).catch((error: unknown) => error);
        expect(thrown).toBeInstanceOf(SendError);
      }
      const { content } = await session.sendMessage("question 4");
      expect(content).toBe("whole");
      const replies = session.history.filter(({ role }) => role === "assistant");
      expect(replies.map((reply) => [reply.content, "interrupted" in reply])).toEqual([
        ["half an answer", true],
        ["a piece", true],
        ["whole", false],
      ]);
      const last = server.requests.at(-1);
      isLegal(last);
      const asked = [0, 1, 2, 3, 4].map((at) => times(last, `question ${at}`));
      expect(asked).toEqual([1, 1, 0, 0, 1]);
      return "kept and marked, or taken back";
    },
  },
  {
    id: "8.3",
    title: "the process is killed in the middle of an answer of a durable session",
    later: "belongs to durable sessions, whose tests kill processes",
  },
];

export const sessions: Section = { number: 8, title: "Sessions", faults };
