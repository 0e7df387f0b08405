/** Opens a session whose process has ended in the middle of a turn, and continues that turn. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { Fold } from "../stream/fold.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { chunksSoFar } from "../stream/rest-of-reply.ts";
import { Approvals, type Decision } from "./approvals.ts";
import type { ContinuedTurn } from "./begun-turn.ts";
import { endLeft } from "./end-left.ts";
import type { TurnReports } from "./execute-tool.ts";
import { messagesOf, pendingCalls, type TurnInput } from "./history.ts";
import { catchUp, completed, isOnlyResults, recordsOfTurn, type SeenTurn, type TurnPlace } from "./left-turn.ts";
import { RepliesSoFar } from "./merge-replies.ts";
import { type OpenOptions, toolsOf, turnDefaults } from "./options.ts";
import type { SessionRecord } from "./record.ts";
import { LLMSession, sessionOptionsOf, sessionParts } from "./session.ts";
import { resultChunk } from "./tool-result.ts";

/** A turn that another process has begun. */
export interface LeftTurn {
  /** Its name in the store. */
  readonly id: string;
  readonly seen: SeenTurn;
  readonly options: SendOptions;
  readonly signal: AbortSignal;
  readonly reports: TurnReports;
}

/** The fate of the turn. */
export type LeftOutcome =
  /** It was never stored, so that no provider was asked. */
  | { readonly type: "unsent" }
  /** It continues. Its stream begins with `chunks`. */
  | { readonly type: "open"; readonly stream: MessageStream; readonly chunks: readonly MessageChunk[] }
  /** It had ended, completely, before its viewers learned of that. */
  | { readonly type: "complete"; readonly message: AssistantMessage; readonly chunks: readonly MessageChunk[] }
  /** It cannot continue: something could happen twice. The history has closed it. */
  | { readonly type: "lost"; readonly why: string };

/**
 * Opens the session. Resolves with it, and with the fate of the turn.
 * @throws {SendError} as `LLMSession.open`
 */
export async function openLeft(
  setup: OpenOptions,
  turn: LeftTurn,
): Promise<{ readonly session: LLMSession; readonly outcome: LeftOutcome }> {
  const session = new LLMSession(sessionOptionsOf(setup));
  const { conversation, load } = sessionParts(session);
  let records: readonly SessionRecord[] = [];
  let place: TurnPlace | undefined;
  await load(setup, (stored) => {
    records = stored;
    if (conversation.state.turn?.id === turn.id) place = catchUp(conversation, turn.seen);
    if (place?.type !== "known") endLeft(conversation);
  });
  try {
    return { session, outcome: await outcomeOf(session, setup, turn, place, recordsOfTurn(records, turn.id)) };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Continues a turn that no store keeps: all that is known of it was seen.
 * @param session the conversation before the turn
 * @throws {SendError} as `LLMSession.sendMessageStream`
 */
export async function continueUnstored(
  session: LLMSession,
  setup: TurnSetup,
  input: TurnInput,
  turn: Omit<LeftTurn, "id">,
): Promise<Extract<LeftOutcome, { readonly type: "open" | "lost" }>> {
  const { conversation } = sessionParts(session);
  const { history, answers } = conversation.state;
  const { provider, model } = session.client;
  conversation.record({ type: "said", messages: messagesOf(input, history, answers), asked: { provider, model } });
  const place = catchUp(conversation, turn.seen);
  return place.type === "known" ? continued(session, setup, turn, place) : { type: "lost", why: place.why };
}

/** The parts of a session's options that its turns need. */
type TurnSetup = Pick<OpenOptions, "client" | "tools" | "defaults">;

async function outcomeOf(
  session: LLMSession,
  setup: OpenOptions,
  turn: LeftTurn,
  place: TurnPlace | undefined,
  records: readonly SessionRecord[] | undefined,
): Promise<LeftOutcome> {
  if (place?.type === "known") return continued(session, setup, turn, place);
  if (place) return { type: "lost", why: place.why };
  if (records) return endedOutcome(records, session.client, turn.seen);
  const { steps } = turn.seen;
  return steps.length === 0 ? { type: "unsent" } : { type: "lost", why: "The store does not have the turn." };
}

async function continued(
  session: LLMSession,
  { client, tools, defaults }: TurnSetup,
  { options, signal, reports }: Omit<LeftTurn, "id">,
  { reply, calls }: Extract<TurnPlace, { readonly type: "known" }>,
): Promise<Extract<LeftOutcome, { readonly type: "open" }>> {
  const { conversation, continueTurn } = sessionParts(session);
  const { turn } = conversation.state;
  const messages = turn?.messages ?? [];
  const effective = { ...client.defaults, ...turnDefaults({ tools, defaults }), ...options };
  const approvals = new Approvals(new Map(toolsOf(effective).map((tool) => [tool.name, tool])), signal);
  const chunks = calls.map((toolCall) => ({ type: "toolCall", content: "", toolCall, isFinal: false }) as const);
  if (turn?.hasReply) await approvals.decide(chunks);
  const steps = stepsOf(messages, client, (conversation.state.answers ?? []).length > 0);
  const decisionOf = (call: (typeof calls)[number]): Decision => {
    if (!turn?.hasReply) return { type: "run" }; // it was allowed
    return call.needsApproval ? { type: "ask" } : approvals.of(call);
  };
  // The turn stays as it is in the store: another process continues it.
  if (signal.aborted) throw new SendError("aborted", "The call was stopped before the turn continued.");
  const more = { messages, isResumed: false, reports, continued: { steps, reply, calls, decisionOf } };
  const stream = await continueTurn({ ...options, signal }, more);
  return { type: "open", stream, chunks: [...chunksOfSteps(steps), ...(reply ? chunksSoFar(reply) : [])] };
}

/** Returns what became of a turn whose records have its end: a reply, or calls that wait for an answer. */
export function endedOutcome(
  records: readonly SessionRecord[],
  client: OpenOptions["client"],
  { steps: [first] }: Pick<SeenTurn, "steps">,
): LeftOutcome {
  const end = records.at(-1);
  const messages = records.flatMap((record) => {
    if (record.type === "said") return record.messages;
    return record.type === "reply" || record.type === "result" ? [record.message] : [];
  });
  const last = end?.type === "end" ? end.message : undefined;
  const waits = end?.type === "end" && !last && pendingCalls(messages).length > 0;
  const hasAnswers = first !== undefined && isOnlyResults(first);
  const ended = last && !last.interrupted ? [{ reply: completed(last, client), results: [] }] : [];
  const steps = [...stepsOf(messages, client, hasAnswers), ...ended];
  const final = steps.at(-1)?.reply;
  if (!final || !(waits || ended.length > 0))
    return { type: "lost", why: "The turn has ended without a complete reply." };
  const replies = new RepliesSoFar();
  for (const { reply } of steps) if (reply) replies.add(reply);
  const { provider, model } = client;
  const chunks = chunksOfSteps(steps);
  const fold = new Fold({ provider, model, attempts: [] });
  for (const chunk of chunks) fold.add(chunk);
  const { finishReason, metrics, ...facts } = final;
  const folded = { ...facts, ...fold.message("complete", () => metrics), finishReason };
  const hasResults = steps.some(({ results }) => results.length > 0);
  return { type: "complete", message: replies.merge(folded, undefined, hasResults), chunks };
}

/**
 * Returns the replies among messages, each with its results.
 * @param hasAnswers whether viewers see the results before the first reply: those of answered calls
 */
function stepsOf(
  messages: readonly SessionMessage[],
  client: OpenOptions["client"],
  hasAnswers: boolean,
): ContinuedTurn["steps"] {
  const steps: { reply?: AssistantMessage; results: Extract<SessionMessage, { role: "tool" }>[] }[] = [];
  for (const message of messages) {
    if (message.role === "assistant") steps.push({ reply: completed(message, client), results: [] });
    if (message.role !== "tool" || (steps.length === 0 && !hasAnswers)) continue;
    if (steps.length === 0) steps.push({ results: [] });
    steps.at(-1)?.results.push(message);
  }
  return steps;
}

type SessionMessage = Extract<SessionRecord, { readonly type: "said" }>["messages"][number];

/** Returns the chunks with which a turn shows these steps. */
function chunksOfSteps(steps: ContinuedTurn["steps"]): readonly MessageChunk[] {
  const replies = new RepliesSoFar();
  return steps.flatMap(({ reply, results }) => {
    const shown = reply ? replies.addShown(reply) : [];
    const nameOf = (callId: string) => reply?.toolCalls.find(({ id }) => id === callId)?.name ?? "";
    return [...shown, ...results.map((result) => resultChunk(result, nameOf(result.toolCallId)))];
  });
}
