/** The question: the words of the command line, the text of a pipe, or both. */

import { CommandError } from "./command-error.ts";
import { startSpinner } from "./spinner.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Returns the words, a blank line and all of stdin; either alone if the other is missing. It does not read a terminal
 * as stdin.
 * @throws {CommandError} with exit code 2 without a question
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
  const spinner = startSpinner(stderr, "reading standard input");
  try {
    const pieces: Buffer[] = [];
    for await (const piece of streams.stdin) pieces.push(typeof piece === "string" ? Buffer.from(piece) : piece);
    const text = Buffer.concat(pieces)
      .toString("utf8")
      .replace(/^\ufeff/, "")
      .trimEnd(); // an expression would look through every run of blanks
    return text;
  } finally {
    spinner.end();
  }
}
