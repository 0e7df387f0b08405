/** What is asked: the words of the command line, what comes through a pipe, or both. */

import { CommandError } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";
import { startWaiting } from "./waiting.ts";

/**
 * The words, a blank line and all of stdin; either alone where the other is missing. A terminal as stdin is not read.
 * @throws {CommandError} with exit code 2 when nothing is asked
 */
export async function questionOf(words: string | undefined, terminal: Terminal): Promise<string> {
  const piped = terminal.streams.stdin.isTTY ? "" : await readAll(terminal);
  const question = [words?.trim() ?? "", piped].filter((part) => part !== "").join("\n\n");
  if (question !== "") return question;
  throw new CommandError(
    'There is no question. Ask one: cloudllm "…", or talk: cloudllm chat. See cloudllm --help.',
    2,
  );
}

async function readAll({ streams, stderr }: Terminal): Promise<string> {
  const waiting = startWaiting(stderr, "reading standard input");
  try {
    const pieces: Buffer[] = [];
    for await (const piece of streams.stdin) pieces.push(typeof piece === "string" ? Buffer.from(piece) : piece);
    const text = Buffer.concat(pieces)
      .toString("utf8")
      .replace(/^\ufeff/, "")
      .trimEnd(); // an expression would look through every run of blanks
    return text;
  } finally {
    waiting.end();
  }
}
