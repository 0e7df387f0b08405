/** Conversations on disk: the JSON of `LLMSession`, which its `fromJSON` reads anywhere. */

import { randomUUID } from "node:crypto";
import { lstat, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import type { LLMSession } from "../index.ts";
import { CommandError } from "./command-error.ts";

/**
 * Writes the session to a file that only its owner can read. It replaces an earlier conversation in that file.
 * @throws {CommandError} when it cannot be written, or when the file holds something else
 */
export async function saveConversation(session: LLMSession, file: string): Promise<void> {
  try {
    const there = await textIn(file);
    if (there.trim() !== "" && !isConversation(there, session.toJSON().version)) {
      throw new CommandError(
        `${file} is not a conversation that this version of cloudllm can read. It was left as it is, not overwritten.`,
        1,
      );
    }
    await replace(file, `${JSON.stringify(session, null, 2)}\n`);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`The conversation could not be saved: ${reasonOf(error)}`, 1, error);
  }
}

/**
 * Returns the content of a file, or nothing if it does not exist. It does not read a pipe or a device, which may block.
 */
async function textIn(file: string): Promise<string> {
  const found = await stat(file).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return found?.isFile() ? readFile(file, "utf8") : "";
}

/** Continues the conversation in the file. @throws {CommandError} if it cannot be read, or is not a conversation */
export async function loadConversation(file: string, session: LLMSession): Promise<void> {
  try {
    session.restore(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    throw new CommandError(`No conversation could be loaded from ${file}: ${reasonOf(error)}`, 1, error);
  }
}

/**
 * Writes a draft next to the file and renames it: the old file stays until the new text is complete, on a full disk and
 * in a crash. The draft has a random name and must not exist, so it does not follow a link of another program. Only the
 * owner can read the file afterwards, also if others could read it before.
 */
async function replace(file: string, text: string): Promise<void> {
  const target = await targetOf(file);
  const there = await stat(target).catch(() => undefined);
  if (there && !there.isFile()) return writeFile(target, text); // a device or a pipe cannot be replaced
  const draft = `${target}.${randomUUID()}.draft`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: "wx" });
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** The path to write to: through a link of the user's own, and through no other. */
async function targetOf(file: string): Promise<string> {
  const link = await lstat(file).catch(() => undefined);
  if (!link?.isSymbolicLink()) return file;
  const user = process.getuid?.();
  if (user !== undefined && link.uid !== user) throw new Error(`${file} is a link that another user has made.`);
  return realpath(file);
}

function isConversation(text: string, version: number): boolean {
  try {
    const saved: unknown = JSON.parse(text);
    return (
      typeof saved === "object" &&
      saved !== null &&
      "version" in saved &&
      saved.version === version &&
      "history" in saved
    );
  } catch {
    return false;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
