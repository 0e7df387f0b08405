/** Faults whose cost is measured: the client runs in a process of its own, the server that pushes stays here. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { outputOf } from "../support/child-output.ts";
import { httpChunk, LAST_CHUNK, STREAM_HEAD } from "../support/raw-server.ts";
import { COUNTS, headWith, KEY, oncePerFormat, type Scene } from "./scene.ts";
import type { Speaker } from "./speakers/speaker.ts";

const PROGRAM = fileURLToPath(new URL("./measured-client.mjs", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/** What the process says of itself. */
export interface Measured {
  /** Kind of the error, if the call failed. */
  readonly error?: string;
  readonly status?: number;
  readonly messageLength?: number;
  /** Characters that arrived. */
  readonly text: number;
  /** Most that the process's resident memory grew by, in bytes. */
  readonly grownBy: number;
  readonly cpuMs: number;
  /** CPU of an earlier reply a quarter as long. */
  readonly cpuOfQuarterMs: number;
  /** Bytes that left the server. */
  readonly sent: number;
}

export type Measurement =
  | "endless line"
  | "endless document"
  | "endless event"
  | "compressed line"
  | "many deltas"
  | "endless refusal"
  | "slow reader";

const MEGABYTE = 1 << 20;

/** Runs one measurement. */
export async function measuredOf(scene: Scene, what: Measurement): Promise<Measured> {
  if (!existsSync(BUILT)) throw new Error(`${BUILT} is missing: npm test builds it, and npm run build does.`);
  const server = await scene.serve(({ socket }, index) => answer(scene, what, socket, index));
  const args = [PROGRAM, scene.speaker.protocol, scene.transport, server.origin, what, KEY];
  const { PATH = "", HOME = "", SYSTEMROOT = "" } = process.env;
  const child = spawn(process.execPath, args, { env: { PATH, HOME, SYSTEMROOT } });
  const output = outputOf(child);
  const code = await new Promise((resolve) => child.on("close", resolve));
  const { stdout, stderr } = output;
  if (code !== 0 || stderr !== "") throw new Error(`the measuring process ended with ${code}: ${stdout}${stderr}`);
  return { ...(JSON.parse(stdout) as Measured), sent: server.bytesSent() };
}

function answer(scene: Scene, what: Measurement, socket: Socket, index: number): void {
  switch (what) {
    case "endless line":
      socket.write(STREAM_HEAD + httpChunk(scene.speaker.protocol === "Ollama" ? '{"x":"' : "data: ").toString());
      return push(socket, httpChunk("x".repeat(MEGABYTE)), 300);
    case "endless document":
      socket.write(STREAM_HEAD + httpChunk('{"id":"').toString());
      return push(socket, httpChunk("x".repeat(MEGABYTE)), 300);
    case "endless event":
      socket.write(STREAM_HEAD);
      return push(socket, httpChunk(`: comment\ndata: ${"x".repeat(100)}\n`.repeat(9_000)), 300);
    case "compressed line":
      socket.write(headWith({ "content-encoding": "gzip" }));
      socket.write(httpChunk(bomb()));
      return void socket.write(LAST_CHUNK);
    case "many deltas":
      return void socket.write((index === 0 ? fewDeltas : manyDeltas)(scene.speaker));
    case "endless refusal":
      socket.write("HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(httpChunk('{"error":{"message":"'));
      return push(socket, httpChunk("e".repeat(MEGABYTE)), 300);
    case "slow reader":
      return push192Megabytes(scene.speaker, socket);
  }
}

/** A reply of 192 MB, no faster than it is taken. */
export function push192Megabytes(speaker: Speaker, socket: Socket): void {
  const speech = speaker.speech();
  const begin = speech.text("").events.join("");
  const length = speech.events.length;
  const delta = speech
    .text("x".repeat(1_000))
    .events.slice(length)
    .join("")
    .replace(/"sequence_number":\d+,/, "");
  socket.write(STREAM_HEAD + httpChunk(begin).toString());
  push(socket, httpChunk(delta.repeat(192)), 1_000);
}

const fewDeltas = oncePerFormat((speaker) => smallDeltas(speaker, 15_000));
const manyDeltas = oncePerFormat((speaker) => smallDeltas(speaker, 60_000));

function smallDeltas(speaker: Speaker, count: number): string {
  const deltas = Array.from({ length: count }, (_, at) => `${at % 10}ab `);
  const { events } = speaker
    .speech()
    .text(...deltas)
    .finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

let made: Buffer | undefined;
function bomb(): Buffer {
  made ??= gzipSync(Buffer.alloc(300 * MEGABYTE, "x"));
  return made;
}

/** Writes `times` copies, no faster than they are taken. */
function push(socket: Socket, bytes: Uint8Array, times: number): void {
  let left = times;
  const more = (): void => {
    while (left-- > 0 && !socket.destroyed) if (!socket.write(bytes)) return;
  };
  socket.on("drain", more);
  more();
}
