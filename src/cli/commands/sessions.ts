/** The folder of the user's chats, each under a name. */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { LLMSession, SendError, type SessionRecord, type UserMessage } from "../../index.ts";
import { FileStore } from "../../store/file/index.ts";
import { budgetOf } from "../budget.ts";
import type { Choice } from "../choice.ts";
import { CommandError } from "../command-error.ts";
import { quoted } from "../one-line.ts";
import type { Settings } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** A chat's session; `name` is absent if it is not kept. */
export interface OpenedSession {
  readonly session: LLMSession;
  readonly name?: string;
}

/** Length of the first message in the list. */
const TITLE_LENGTH = 60;

/** A user's folder is one page. */
const ALL = { limit: Number.MAX_SAFE_INTEGER };

/**
 * Returns `CLOUDLLM_SESSIONS`, or the system's folder for the data of a user's program.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function sessionsFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  const { CLOUDLLM_SESSIONS: own, XDG_DATA_HOME: xdg, APPDATA: roaming } = env;
  if (own) return own;
  return join(dataFolder(), "cloudllm", "sessions");

  function dataFolder(): string {
    if (xdg && isAbsolute(xdg)) return xdg; // the specification ignores relative paths
    if (platform === "win32") return roaming || join(homedir(), "AppData", "Roaming");
    if (platform === "darwin") return join(homedir(), "Library", "Application Support");
    return join(homedir(), ".local", "share");
  }
}

/**
 * Returns the session of a chat: the named one, a new one, or one that is not kept. If a new one cannot be kept, the
 * chat continues without, and reports it.
 * @throws {CommandError} when the named one cannot be opened
 */
export async function openSession(
  { client, maxTokens }: Pick<Choice, "client" | "maxTokens">,
  settings: Settings,
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<OpenedSession> {
  const { system, session: named, ephemeral } = settings;
  const options = {
    client,
    ...(system !== undefined && { systemPrompt: system }),
    ...(maxTokens !== undefined && { maxTokens }),
    budget: await budgetOf(settings, [client]),
  };
  if (ephemeral) return { session: new LLMSession(options) };
  const store = new FileStore(sessionsFolder(env));
  const open = async (name: string) => ({ session: await LLMSession.open({ ...options, store, id: name }), name });
  try {
    return named === undefined ? await openNew(store, open) : await open(named);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (named !== undefined) throw new CommandError(reason, 1, error);
    await terminal.stderr.line(`This conversation is not kept: ${reason}`);
    return { session: new LLMSession(options) };
  }
}

/** Creates a session that is named after the moment, and after others of the same moment. */
async function openNew(store: FileStore, open: (name: string) => Promise<OpenedSession>): Promise<OpenedSession> {
  const { sessions } = await store.list(ALL);
  const taken = sessions.map(({ id }) => id);
  const moment = timeOf(new Date()).replace(" ", "-").replace(":", "");
  for (let number = 1; ; number++) {
    const name = number === 1 ? moment : `${moment}-${number}`;
    if (taken.includes(name)) continue;
    try {
      return await open(name);
    } catch (error) {
      if (!(error instanceof SendError && error.kind === "busy")) throw error; // another process has just begun it
    }
  }
}

/** `cloudllm sessions`: name, time and first words of each, the latest first. */
export async function listSessions(terminal: Terminal, env: NodeJS.ProcessEnv): Promise<number> {
  const folder = sessionsFolder(env);
  const store = new FileStore(folder);
  const { sessions } = await store.list(ALL);
  if (sessions.length === 0) await terminal.stderr.line(`There are no sessions in ${folder}.`);
  const width = Math.max(...sessions.map(({ id }) => quoted(id).length));
  for (const { id, updatedAt } of sessions) {
    const title = await store
      .load(id)
      .then(titleOf)
      .catch((error: unknown) => `(${error instanceof Error ? error.message : error})`); // the others are listed all the same
    await terminal.stdout.line(`${quoted(id).padEnd(width)}  ${timeOf(new Date(updatedAt))}  ${title}`.trimEnd());
  }
  return 0;
}

/** Returns the first message, in one line. */
function titleOf(records: readonly SessionRecord[]): string {
  for (const record of records) {
    const messages = record.type === "said" ? record.messages : record.type === "saved" ? record.session.history : [];
    const question = messages.find((message) => message.role === "user");
    if (question) return quoted(previewText(question), TITLE_LENGTH);
  }
  return "";
}

function previewText({ content }: UserMessage): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : `[${part.type}]`)).join(" ");
}

/** Returns `2026-11-24 15:39`, in the user's time zone. */
function timeOf(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
