/** Conversations on disk: what `LLMSession` writes down, as JSON that its `fromJSON` reads anywhere. */

import { readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import type { LLMSession } from "../index.ts";
import { CommandError } from "./command-error.ts";

/**
 * Writes the session, for its owner only to read. Another conversation in that file is replaced.
 * @throws {CommandError} when it cannot be written, or when the file holds something else
 */
export async function saveConversation(session: LLMSession, file: string): Promise<void> {
  const there = await readFile(file, "utf8").catch(() => undefined);
  if (there !== undefined && there.trim() !== "" && !isConversation(there)) {
    throw new CommandError(`${file} holds something that is not a conversation; it was left as it is.`, 1);
  }
  try {
    await replace(file, `${JSON.stringify(session, null, 2)}\n`);
  } catch (error) {
    throw new CommandError(`The conversation could not be saved: ${reasonOf(error)}`, 1, error);
  }
}

/** Goes on with what is in the file. @throws {CommandError} when it cannot be read, or is no conversation */
export async function loadConversation(file: string, session: LLMSession): Promise<void> {
  try {
    session.restore(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    throw new CommandError(`No conversation could be loaded from ${file}: ${reasonOf(error)}`, 1, error);
  }
}

/** Whoever had the file before keeps it until the new text is whole: the disk may be full, and the process may end. */
async function replace(file: string, text: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there && !there.isFile()) return writeFile(file, text); // a device or a pipe is not to be replaced
  const target = there ? await realpath(file) : file;
  const draft = `${target}.${process.pid}.draft`;
  try {
    await writeFile(draft, text, { mode: there ? there.mode & 0o777 : 0o600 });
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function isConversation(text: string): boolean {
  try {
    const saved: unknown = JSON.parse(text);
    return typeof saved === "object" && saved !== null && "version" in saved && "history" in saved;
  } catch {
    return false;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
