/** The beginning of a turn. The conversation has it at once, so that the session is busy while `turn.ts` is loaded. */

import type { TypedClient } from "../contract/client.ts";
import type { AssistantMessage, Message, ToolCall, ToolMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { Decision } from "./approvals.ts";
import type { Conversation } from "./conversation.ts";
import type { TurnReports } from "./execute-tool.ts";
import type { SessionOptions } from "./options.ts";
import type { Fitted } from "./trimming.ts";
import type { TurnBudget } from "./turn-budget.ts";

/** A turn that another process has begun. */
export interface ContinuedTurn {
  /** Its replies so far. Results without a reply are those of answered calls. */
  readonly steps: readonly {
    readonly reply?: AssistantMessage | undefined;
    readonly results: readonly ToolMessage[];
  }[];
  /** The reply that broke off; absent between two replies. */
  readonly reply: AssistantMessage | undefined;
  /** The calls without a result, none of which has begun, and which of them may run. */
  readonly calls: readonly ToolCall[];
  decisionOf(call: ToolCall): Decision;
}

/** The parts of a turn. */
export interface TurnDefinition<Output> {
  readonly conversation: Conversation;
  readonly client: TypedClient;
  /** Whether its replies are streamed. */
  readonly streamed: boolean;
  /** The messages that the turn adds. */
  readonly messages: readonly Message[];
  /** Whether the turn continues after answers to calls: it shows their results, and runs those that may run. */
  readonly isResumed: boolean;
  /** The options that are sent. */
  readonly options: SendOptions<Output>;
  /** The same with the client's own defaults: the options that apply to the request. */
  readonly effective: SendOptions;
  /** Maximum number of replies. */
  readonly maxSteps: number;
  readonly budget: TurnBudget | undefined;
  readonly onToolError: SessionOptions["onToolError"];
  /** The name of the turn in the store, for a process that continues it. */
  readonly id?: string | undefined;
  readonly reports?: TurnReports | undefined;
  /** Present when another process has begun the turn: the conversation has it. */
  readonly continued?: ContinuedTurn | undefined;
}

/** A turn that the conversation has. */
export interface BegunTurn<Output> extends TurnDefinition<Output> {
  /** On the clock of `performance.now`. */
  readonly startedAt: number;
  readonly systemPrompt: string | undefined;
  /** Its first request. */
  readonly request: Fitted;
}

/**
 * Begins a turn.
 * @throws {SendError} kind `contextLength` when the turn alone exceeds the budget. Nothing is recorded then.
 */
export function beginTurn<Output>(turn: TurnDefinition<Output>): BegunTurn<Output> {
  const startedAt = performance.now();
  const { conversation, client, messages, effective, continued, id } = turn;
  const { systemPrompt } = conversation.state;
  const request = conversation.requestOf(systemPrompt, messages, effective);
  const { provider, model } = client;
  const name = id === undefined ? {} : { id };
  if (!continued) conversation.record({ type: "said", messages, asked: { provider, model }, ...name });
  return { ...turn, startedAt, systemPrompt, request };
}
