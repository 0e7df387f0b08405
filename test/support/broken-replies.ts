/** Replies that break after their first chunk: how they break, and how a test reads them. */

import { type AssistantMessage, type MessageChunk, type MessageStream, SendError, type Timeouts } from "cloudllm";
import { httpChunk, LAST_CHUNK, type RawRequest, STREAM_HEAD } from "./raw-server.ts";
import { ANTHROPIC, type Options, type TestWire } from "./wires.ts";

/** A connection that breaks is not used again: no request finds one that is about to close. */
export const HEAD: string = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");

export const QUESTION = [{ role: "user", content: "Tell me of the river." }] as const;

export interface Outcome {
  /** What a reader has before him at the end, rewinds applied. */
  readonly shown: string;
  readonly chunks: readonly MessageChunk[];
  readonly message: AssistantMessage | undefined;
  readonly error: SendError | undefined;
}

export async function read(stream: MessageStream): Promise<Outcome> {
  const chunks: MessageChunk[] = [];
  const shown = () =>
    chunks.reduce(
      (text, chunk) => (chunk.type === "rewind" ? text.slice(0, text.length - chunk.length) : text + chunk.content),
      "",
    );
  try {
    for await (const chunk of stream) chunks.push(chunk);
    return { shown: shown(), chunks, message: await stream.finalMessage(), error: undefined };
  } catch (error) {
    if (error instanceof SendError) return { shown: shown(), chunks, message: undefined, error };
    throw error;
  }
}

export const FAULTS: readonly (readonly [
  string,
  RegExp,
  (wire: TestWire, request: RawRequest, number: number) => void,
])[] = [
  ["a reset", /network/, (_wire, { socket }) => void setTimeout(() => socket.resetAndDestroy(), 30)],
  ["an early end", /truncated/, (_wire, { socket }) => void socket.end(LAST_CHUNK)],
  ["an end inside a chunk", /network/, (_wire, { socket }) => void socket.end("ff\r\nda")],
  ["silence", /timeout/, () => undefined],
  ["heartbeats and no more text", /timeout/, heartbeats],
  [
    "an event that is no JSON",
    /protocol/,
    (_wire, { socket }) => void socket.end(httpChunk("data: {oops}\n\n") + LAST_CHUNK),
  ],
  [
    "an error inside the stream",
    /overloaded|server/,
    (wire, { socket }, number) => void socket.end(httpChunk(wire.error("it broke", number)) + LAST_CHUNK),
  ],
];

function heartbeats(_wire: TestWire, { socket }: RawRequest): void {
  const timer = setInterval(() => socket.write(httpChunk(": ping\n\n")), 50);
  socket.on("close", () => clearInterval(timer));
}

/** Short only where silence is what is tested: a busy machine is slow. */
export const timeoutsFor = (kind: RegExp): Timeouts => (kind.test("timeout") ? { idle: 300, stall: 400 } : {});

/** Writes the beginning of a reply, then lets it break. */
export function begin(wire: TestWire, { socket }: RawRequest, pieces: readonly string[], from = 0): void {
  const events = pieces.map((piece, at) => wire.text(piece, from + at));
  socket.write(HEAD + httpChunk(wire.begin() + events.join("")).toString("utf8"));
}

/** Writes a whole reply. */
export function whole(wire: TestWire, request: RawRequest, pieces: readonly string[]): void {
  begin(wire, request, pieces);
  request.socket.write(httpChunk(wire.end(pieces.length)) + LAST_CHUNK);
}

export const CUT: readonly string[] = ["The river ", "begins hi"];

/** A model that is told to go on: one that takes the beginning of its reply has no reason to repeat it. */
export const toldOptions = (wire: TestWire): Options & { readonly model?: string } =>
  wire === ANTHROPIC ? { model: "claude-opus-4-8" } : {};
