/** What becomes of a command whose output nobody takes: that the reader has gone is no failure, that it is lost is one. */

import { Readable, Writable } from "node:stream";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.ts";

/** An output that takes so many pieces, and then fails with this code. */
class Failing extends Writable {
  #left: number;
  readonly #code: string;

  constructor(pieces: number, code: string) {
    super({ emitClose: false });
    this.#left = pieces;
    this.#code = code;
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#left-- > 0) return done();
    done(Object.assign(new Error(`${this.#code}: it cannot be written`), { code: this.#code }));
  }
}

async function ran(args: readonly string[], stdout: Writable) {
  let said = "";
  const stderr = new Writable({
    write(text, _encoding, done) {
      said += String(text);
      done();
    },
  });
  const streams = { stdin: Readable.from([]), stdout, stderr, on: () => undefined, off: () => undefined };
  const code = await run(args, streams, {});
  return { code, said };
}

const FULL = /^cloudllm: The output could not be written: ENOSPC/m;

describe.each([
  ["a full disk is reported, and is a failure", "ENOSPC", 1, FULL],
  ["a broken device is reported, and is a failure", "EIO", 1, /could not be written: EIO/],
  ["a reader that has gone has what it wanted", "EPIPE", 0, /^$/],
])("%s", (_name, errno, code, said) => {
  test.each([0, 1, 3])("after %i pieces of a reply", async (pieces) => {
    await using server = await startProviderServer([{ text: ["Once ", "upon ", "a time."] }]);
    const args = ["--base-url", server.baseUrl, "--model", "m", "--quiet", "Tell me"];
    expect(await ran(args, new Failing(pieces, errno))).toEqual({ code, said: expect.stringMatching(said) });
  });

  test("in a text of our own", async () => {
    expect(await ran(["--help"], new Failing(0, errno))).toEqual({ code, said: expect.stringMatching(said) });
  });
});
