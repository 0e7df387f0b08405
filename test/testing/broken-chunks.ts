/** Clients whose chunks break a law. */

import { type MessageChunk, SendError } from "cloudllm";
import { type Breakage, loops } from "./breakage.ts";

export const CHUNK_BREAKAGES: readonly Breakage[] = [
  {
    what: "yields no final chunk",
    noticedBy: ["exactly one chunk is final", "a reply without any text is a reply"],
    bend: loops(async function* (chunks) {
      for await (const chunk of chunks) if (!chunk.isFinal) yield chunk;
    }),
  },
  {
    what: "yields the final chunk twice",
    noticedBy: ["exactly one chunk is final"],
    bend: loops(async function* (chunks) {
      for await (const chunk of chunks) {
        yield chunk;
        if (chunk.isFinal) yield chunk;
      }
    }),
  },
  {
    what: "yields text after the final chunk",
    noticedBy: ["exactly one chunk is final", "the text of all chunks joined"],
    bend: loops(async function* (chunks) {
      yield* chunks;
      yield { type: "text", content: "P.S.", isFinal: false };
    }),
  },
  {
    what: "drops text",
    noticedBy: ["the text of all chunks joined", "long replies of small pieces arrive complete"],
    bend: loops(async function* (chunks) {
      let count = 0;
      for await (const chunk of chunks) if (chunk.type !== "text" || count++ % 2 === 0) yield chunk;
    }),
  },
  {
    what: "shows thinking as text",
    noticedBy: ["thinking is kept apart", "every chunk has its text, or an empty one"],
    bend: loops(async function* (chunks) {
      for await (const chunk of chunks) {
        yield chunk.type === "reasoning" ? { type: "text", content: chunk.reasoning, isFinal: false } : chunk;
      }
    }),
  },
  {
    what: "swallows errors",
    noticedBy: [
      "a reply that just ends is truncated",
      "a broken connection throws",
      "an error inside the reply throws",
    ],
    bend: loops(async function* (chunks) {
      try {
        yield* chunks;
      } catch {
        // nobody needs to know
      }
    }),
  },
  {
    what: "yields errors as chunks",
    noticedBy: ["a broken connection throws a SendError"],
    bend: loops(async function* (chunks) {
      try {
        yield* chunks;
      } catch (error) {
        yield { type: "error", content: "", isFinal: false, error } as unknown as MessageChunk;
      }
    }),
  },
  {
    what: "throws errors of its own",
    noticedBy: ["a broken connection throws a SendError", "has the kind network"],
    bend: loops(async function* (chunks) {
      try {
        yield* chunks;
      } catch (cause) {
        throw new Error("It failed.", { cause });
      }
    }),
  },
  {
    what: "throws errors without what had arrived",
    noticedBy: ["a broken connection throws a SendError after all the text", "a failure reports them in its partial"],
    bend: loops(async function* (chunks) {
      try {
        yield* chunks;
      } catch (error) {
        throw error instanceof SendError ? new SendError(error.kind, error.message) : error;
      }
    }),
  },
  {
    what: "reports a cut reply as a success",
    noticedBy: ["a reply that just ends is truncated", "a tool call that was cut is never delivered"],
    bend: loops(async function* (chunks) {
      try {
        yield* chunks;
      } catch (error) {
        if (!(error instanceof SendError && error.kind === "truncated" && error.partial)) throw error;
        yield { type: "final", content: "", message: { ...error.partial, finishReason: "stop" }, isFinal: true };
      }
    }),
  },
  {
    what: "delivers tool calls before they are complete",
    noticedBy: ["is not complete even when its arguments look so", "tool calls come once each"],
    bend: loops(async function* (chunks) {
      for await (const chunk of chunks) {
        yield chunk;
        if (chunk.type !== "toolCallDelta") continue;
        const { id, name } = chunk;
        yield { type: "toolCall", content: "", toolCall: { id, name, arguments: {} }, isFinal: false };
      }
    }),
  },
  {
    what: "holds text back",
    noticedBy: ["a word can be read before the next one is written", "they can be read while the reply runs"],
    bend: loops(async function* (chunks) {
      const held: MessageChunk[] = [];
      for await (const chunk of chunks) held.push(chunk);
      yield* held;
    }),
  },
];
