/** From what a request asks for to the reply of a run. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import { badRequest } from "../../dialects/refusal.ts";
import type { RunHead } from "../log/log.ts";
import type { TurnRequest } from "../log/turn-request.ts";
import type { Caller } from "../policy/policy-options.ts";
import type { RelaySettings } from "../relay-options.ts";
import type { CheckedStart } from "../request/start-request.ts";
import { ConversationTurn, type SentConversation, splitOf } from "./conversation-turn.ts";
import type { RunSource } from "./run-source.ts";
import { type LeftSoFar, SessionTurn } from "./session-turn.ts";

/**
 * Returns the name of a user's chat, in the log and in the session store. No two users share one. The owner's own name
 * of the chat follows the first slash.
 */
export function scopedChat({ user }: Caller, chat: string): string {
  return `${encodeURIComponent(user)}/${chat}`;
}

/** Returns the client that a request has chosen by name, or the relay's own. */
export function clientOf({ client, policy }: RelaySettings, model: unknown): ClientWrapper {
  const chosen = typeof model === "string" && Object.hasOwn(policy.models, model) ? policy.models[model] : undefined;
  return chosen ?? client;
}

/** Returns options with the tools of the relay. */
export function withTools({ tools }: RelaySettings, options: SendOptions): SendOptions {
  const all = [...tools, ...(options.tools ?? [])];
  return all.length > 0 ? { ...options, tools: all } : options;
}

/**
 * Returns the reply of a run.
 * @throws {Refusal} 400 when the relay does not keep the conversation that the request means
 */
export function replySource(settings: RelaySettings, start: CheckedStart, caller: Caller): RunSource {
  const { budget } = settings;
  const { turn, options, chat, model } = start;
  if (turn.type === "messages") {
    const messages = prompted(settings, turn.messages);
    const client = clientOf(settings, model);
    const { tools: all = [], ...rest } = withTools(settings, options);
    const { approvals } = turn;
    return conversationSource({ client, messages, tools: all, options: rest, approvals, budget });
  }
  const head = { id: start.run, chat: scopedChat(caller, chat) };
  return turnSource(settings, { head, request: turnRequestOf(turn), options, model });
}

/** Returns the reply to a conversation that the relay does not keep. */
function conversationSource(conversation: SentConversation): RunSource {
  const split = splitOf(conversation);
  if (split) return new ConversationTurn(conversation, split);
  const { client, messages, tools, options } = conversation;
  const sent = { ...options, ...(tools.length > 0 && { tools }) };
  return { open: (signal) => client.sendMessageStream(messages, { signal, ...sent }) };
}

/** A turn of a session. */
interface StartedTurn {
  readonly head: Pick<RunHead, "id" | "chat">;
  readonly request: TurnRequest;
  readonly options: SendOptions;
  readonly model: unknown;
  /** The part of a turn that another process has written. */
  readonly left?: LeftSoFar | undefined;
}

/**
 * Returns a turn of a session as the reply of a run.
 * @throws {Refusal} 400 when the relay keeps no conversations
 */
export function turnSource(settings: RelaySettings, { head, request, options, model, left }: StartedTurn): SessionTurn {
  const { sessions, tools, systemPrompt, budget } = settings;
  if (!sessions) throw badRequest("The relay keeps no conversations. Send `messages`.");
  const client = clientOf(settings, model);
  const { maxTokens, ...given } = sessions;
  const limit = typeof maxTokens === "function" ? maxTokens(client) : maxTokens;
  const setup = {
    ...(systemPrompt !== undefined && { systemPrompt }),
    ...(tools.length > 0 && { tools }),
    budget,
    ...given,
    ...(limit !== undefined && { maxTokens: limit }),
    client,
    id: head.chat,
  };
  const own = options.tools ? withTools(settings, options) : options;
  return new SessionTurn(setup, { id: head.id, request, options: own, left });
}

/** Returns the request of a run for a process that takes it over; nothing when none may. */
export function requestToKeep(
  settings: RelaySettings,
  { turn, options: given, model, isUnstored }: CheckedStart,
): Pick<RunHead, "request" | "turn"> {
  if (isUnstored || !settings.continues) return {};
  const options = { ...given, ...(model !== undefined && { model }) };
  if (turn.type !== "messages") return { turn: { request: turnRequestOf(turn), options } };
  const { messages, approvals } = turn;
  return { request: { messages: prompted(settings, messages), options, ...(approvals && { approvals }) } };
}

function turnRequestOf(turn: Exclude<CheckedStart["turn"], { readonly type: "messages" }>): TurnRequest {
  switch (turn.type) {
    case "message":
      return {
        type: "turn",
        input: turn.content,
        keep: turn.keep,
        earlier: turn.earlier,
        ...(turn.question !== undefined && { question: turn.question }),
      };
    case "answers":
    case "regenerate":
      return turn;
  }
}

function prompted({ systemPrompt: content }: RelaySettings, messages: readonly Message[]): readonly Message[] {
  return content === undefined ? messages : [{ role: "system", content }, ...messages];
}
