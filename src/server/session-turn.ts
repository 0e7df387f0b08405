/** One turn of a session, as the reply of a run: of a stored session, or of one that lasts for this turn. */

import type { ClientWrapper } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { Message, ToolMessage } from "../contract/message.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import type { TurnInput } from "../session/history.ts";
import type { OpenOptions } from "../session/options.ts";
import type { SavedSession } from "../session/saved-session.ts";
import { LLMSession } from "../session/session.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import type { RunSource } from "./run.ts";

/** How a relay opens its sessions: the options of `LLMSession.open` without those that the relay sets. */
export type SessionSetup = Omit<OpenOptions, "client" | "id">;

/** The input of a turn. `regenerate` asks the last question again. */
export type Said = { readonly type: "turn"; readonly input: TurnInput } | { readonly type: "regenerate" };

/** Opens a session, sends one turn, and closes the session when its reply is over. */
export class SessionTurn implements RunSource {
  readonly #setup: OpenOptions;
  readonly #said: Said;
  readonly #options: SendOptions;
  #session: LLMSession | undefined;
  /** The conversation before its last reply was removed. */
  #before: SavedSession | undefined;

  constructor(client: ClientWrapper, setup: SessionSetup, id: string, said: Said, options: SendOptions) {
    this.#setup = { ...setup, client, id };
    this.#said = said;
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<MessageStream> {
    const session = await LLMSession.open(this.#setup);
    this.#session = session;
    signal.throwIfAborted();
    const options = { ...this.#options, signal };
    const input = this.#said.type === "turn" ? this.#said.input : this.#lastQuestion(session);
    return session.sendMessageStream(input, options);
  }

  async close(): Promise<void> {
    const session = this.#session;
    if (session && this.#before && session.unanswered !== undefined) {
      session.restore({ ...this.#before, turns: session.toJSON().turns }); // the new reply has brought nothing
    }
    await session?.[Symbol.asyncDispose]();
  }

  /** Takes back the last question, to ask it again. Its reply goes for good when the next one has begun. */
  #lastQuestion(session: LLMSession): TurnInput {
    if (session.unanswered !== undefined) return session.unanswered;
    const before = session.toJSON();
    const question = session.undo();
    if (question === undefined) {
      throw new SendError("invalidRequest", "There is no reply to write again: the conversation is empty.");
    }
    this.#before = before;
    return question;
  }
}

/**
 * Opens the reply to a conversation that the relay does not keep, and runs the tools that it calls.
 * @throws {SendError} as `LLMSession.sendMessageStream`
 */
export async function openConversation(
  client: ClientWrapper,
  messages: readonly Message[],
  tools: readonly Tool[],
  options: SendOptions,
): Promise<MessageStream> {
  const isRunnable = tools.some(({ run }) => run !== undefined);
  const split = isRunnable ? lastTurnOf(messages) : undefined;
  if (!split) return client.sendMessageStream(messages, { ...options, ...(tools.length > 0 && { tools }) });
  const [system] = messages;
  const systemPrompt = system?.role === "system" ? system.content : undefined;
  const history = systemPrompt === undefined ? split.history : split.history.slice(1);
  const session = new LLMSession({ client, tools, history, ...(systemPrompt !== undefined && { systemPrompt }) });
  return session.sendMessageStream(split.input, options);
}

/** Splits a conversation before its last turn; `undefined` when it ends with a reply that is to be continued. */
function lastTurnOf(
  messages: readonly Message[],
): { readonly history: readonly Message[]; readonly input: TurnInput } | undefined {
  const last = messages.at(-1);
  if (last?.role === "user") return { history: messages.slice(0, -1), input: last.content };
  const start = messages.findLastIndex(({ role }) => role !== "tool") + 1;
  const results = messages.slice(start).filter((message): message is ToolMessage => message.role === "tool");
  return results.length === 0 ? undefined : { history: messages.slice(0, start), input: results };
}
