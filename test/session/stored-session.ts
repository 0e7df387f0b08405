/** Sessions in a store, as tests open them again. */

import { LLMSession, type Message, type OpenOptions, type SessionStore, type Tool } from "cloudllm";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { storedSessions } from "../../src/session/load-stored-session.ts";
import { turnSource } from "../../src/session/load-turn-source.ts";

/** The clocks that tests set wait for no file. */
await Promise.all([storedSessions.load(), turnSource.load()]);

export const USAGE: { readonly usage: { readonly inputTokens: number; readonly outputTokens: number } } = {
  usage: { inputTokens: 10, outputTokens: 4 },
};

export const LOOK: ReplyScript = { steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }], ending: USAGE };

export const DONE: ReplyScript = { text: ["It is ", "done."], ending: USAGE };

export const look: Tool = { name: "look", run: () => "a bird" };

/** What a session with this client is after it was opened from what was kept. */
export async function reopened(store: SessionStore, options: Partial<OpenOptions> = {}): Promise<LLMSession> {
  return LLMSession.open({ client: scriptedClient([DONE]), store, id: "s", ...options });
}

/** As it is after JSON, which keeps no `undefined`. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

export const linesOf = (messages: readonly Message[]): readonly string[] =>
  messages.map(
    ({ role, content, ...more }) => `${role}: ${String(content)}${"interrupted" in more ? " (interrupted)" : ""}`,
  );
