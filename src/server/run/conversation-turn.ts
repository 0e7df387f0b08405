/** The reply to a conversation that the relay does not keep, in a session for this turn alone: its tools run here. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { ClientWrapper } from "../../contract/client.ts";
import { SendError } from "../../contract/errors.ts";
import type { Message, ToolMessage } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import type { CallApproval } from "../../dialects/native/wire.ts";
import type { TurnReports } from "../../session/execute-tool.ts";
import { checkedHistory, type TurnInput } from "../../session/history.ts";
import { continueUnstored } from "../../session/left-session.ts";
import { LLMSession, sessionParts } from "../../session/session.ts";
import type { TurnBudget } from "../../session/turn-budget.ts";
import type { MessageStream } from "../../stream/message-stream.ts";
import { producerLost } from "../../stream/rest-of-reply.ts";
import { giveAnswers } from "../request/call-answers.ts";
import type { RunSource } from "./run-source.ts";
import type { LeftSoFar } from "./session-turn.ts";

/** A conversation, and the relay's part in it. */
export interface SentConversation {
  readonly client: ClientWrapper;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly options: Omit<SendOptions, "tools">;
  /** The decisions about the calls at its end, where it continues after them. */
  readonly approvals: readonly CallApproval[] | undefined;
  readonly budget: TurnBudget | undefined;
}

/** A conversation before its last turn, and that turn. */
interface SplitConversation {
  readonly history: readonly Message[];
  readonly input: TurnInput;
}

/** Sends one turn, and runs the tools that the replies call. */
export class ConversationTurn implements RunSource {
  readonly #conversation: SentConversation;
  readonly #split: SplitConversation;
  /** Present when another process has begun the turn. */
  readonly #left: LeftSoFar | undefined;
  #soFar: readonly MessageChunk[] | undefined;

  constructor(conversation: SentConversation, split: SplitConversation, left?: LeftSoFar) {
    this.#conversation = conversation;
    this.#split = split;
    this.#left = left;
  }

  /** Returns the chunks so far of a turn that another process has begun. */
  get soFar(): readonly MessageChunk[] | undefined {
    return this.#soFar;
  }

  async open(signal: AbortSignal, reports: TurnReports): Promise<MessageStream> {
    const { client, messages, tools, options, approvals, budget } = this.#conversation;
    const [system] = messages;
    const systemPrompt = system?.role === "system" ? system.content : undefined;
    const { history: all, input } = this.#split;
    const history = checked(systemPrompt === undefined ? all : all.slice(1));
    const session = new LLMSession({ client, tools, history, systemPrompt, budget });
    await giveAnswers(session, { results: [], approvals: approvals ?? [] });
    if (!this.#left) return sessionParts(session).begin(input, { ...options, signal }, { reports });
    const { seen, message } = this.#left;
    const outcome = await continueUnstored(session, { client, tools }, input, { seen, options, signal, reports });
    if (outcome.type === "lost") {
      throw producerLost(message, `The process that wrote the reply has ended. ${outcome.why}`);
    }
    this.#soFar = outcome.chunks;
    return outcome.stream;
  }
}

/** Returns the last turn of a conversation; `undefined` where its client answers alone, without the relay's part. */
export function splitOf({ messages, tools, approvals, budget }: SentConversation): SplitConversation | undefined {
  if (approvals) return { history: messages, input: [] };
  const isTurn = budget !== undefined || tools.some(({ run }) => run !== undefined);
  return isTurn ? lastTurnOf(messages) : undefined;
}

/** @throws {SendError} kind `invalidRequest` for a history that a session does not take: a browser has sent it */
function checked(history: readonly Message[]): readonly Message[] {
  try {
    return checkedHistory(history);
  } catch (error) {
    throw new SendError("invalidRequest", String((error as Error).message), { cause: error });
  }
}

/** Splits a conversation before its last turn; `undefined` when it ends with a reply that is to be continued. */
function lastTurnOf(messages: readonly Message[]): SplitConversation | undefined {
  const last = messages.at(-1);
  if (last?.role === "user") return { history: messages.slice(0, -1), input: last.content };
  const start = messages.findLastIndex(({ role }) => role !== "tool") + 1;
  const results = messages.slice(start).filter((message): message is ToolMessage => message.role === "tool");
  return results.length === 0 ? undefined : { history: messages.slice(0, start), input: results };
}
