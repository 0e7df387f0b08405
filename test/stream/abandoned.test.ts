/** A program ends when it has nothing more to do, whatever became of its streams; and not before. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, type RawServer, rawServer, STREAM_HEAD } from "../support/raw-server.ts";
import { CHAT } from "../support/wires.ts";

const PROGRAM = fileURLToPath(new URL("./abandoning.mjs", import.meta.url));

let server: RawServer;

beforeAll(async () => {
  // Writes for ever, slowly: nothing that the server does ends a connection.
  server = await rawServer(({ socket, body }) => {
    if (body.includes('"whole"')) {
      const reply = STREAM_HEAD + httpChunk(CHAT.text("whole", 0) + CHAT.end(1)) + LAST_CHUNK;
      return void setTimeout(() => socket.write(reply), 300);
    }
    socket.write(STREAM_HEAD + httpChunk(CHAT.text("a", 0)));
    const timer = setInterval(() => socket.write(httpChunk(CHAT.text("b", 1))), 50);
    socket.on("close", () => clearInterval(timer));
  });
});
afterAll(async () => await server[Symbol.asyncDispose]());

/** Runs the program; what it printed, and whether it ended by itself. */
function run(shape: string, what: string): Promise<{ readonly printed: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [PROGRAM, String(server.port), shape, what], {
    timeout: 10_000,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (bytes) => {
    printed += String(bytes);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ printed, code })));
}

describe.each(["client", "recovering", "fallback", "hedge", "limited"])("with a stream of %s, a program", (shape) => {
  test.each([
    ["that never reads it ends", "nothing", ""],
    ["that reads only its beginning ends", "begins", "a"],
    ["that stops it ends", "stops", "a"],
    ["that leaves its loop ends", "breaks", "a"],
    ["that drains it ends", "drains", "a"],
    ["that waits for more gets more", "waits", "abbb"],
    ["that reads one late gets the next one as well", "reads late", "wholewhole"],
  ])("%s", async (_name, what, printed) => {
    expect(await run(shape, what)).toEqual({ printed, code: 0 });
  });
});
