/**
 * The rules of a history: the messages that it keeps, and those that are sent. Pure. Each result can be sent to every
 * provider.
 */

import { SendError } from "../contract/errors.ts";
import type {
  AssistantTurn,
  Message,
  Replay,
  ToolCall,
  ToolMessage,
  UnfinishedToolCall,
  UserMessage,
} from "../contract/message.ts";
import { messageFault } from "../contract/validate.ts";
import { type AnsweredCall, resultOf, type StoredAnswer } from "./call-answer.ts";
import { errorResult } from "./tool-result.ts";

/**
 * The input of one turn: a user message, or the results of the tool calls that wait for one. A user message is a
 * string, or parts with images and files. An empty array continues:
 * - when all calls that waited have an answer (`session.answer`),
 * - after tool results without a reply,
 * - after a reply that the provider has paused (`rawFinishReason` is `pause_turn` or `compaction`).
 */
export type TurnInput = UserMessage["content"] | readonly ToolMessage[];

/**
 * Returns the messages that a turn adds. A user message in place of tool results closes the calls as unanswered.
 * After a call without a result, providers answer every later request with status 400.
 * @param answers of calls that wait. Calls that may run get no message here: they run in the turn
 * @throws {SendError} kind `invalidRequest` when the message is empty, or when results and calls do not match one to
 * one
 */
export function messagesOf(
  input: TurnInput,
  history: readonly Message[],
  answers: readonly AnsweredCall[] = [],
): readonly Message[] {
  const pending = pendingCalls(history);
  const answered = new Map(answers.map(({ toolCallId, answer }) => [toolCallId, answer]));
  if (isResults(input)) return resultsOf(input, pending, answered);
  if (Array.isArray(input) && input.length === 0) {
    if (pending.length > 0) return resultsOf([], pending, answered);
    const last = history.at(-1);
    if (last?.role === "tool" || isPaused(last)) return [];
  }
  const message: UserMessage = { role: "user", content: Array.isArray(input) ? input.map(ownPart) : input };
  const fault = messageFault(message);
  if (fault) throw new SendError("invalidRequest", `The user message ${fault}.`);
  if (isBlank(message)) throw new SendError("invalidRequest", "The user message is empty.");
  return [...pending.map((call) => closed(call, answered.get(call.id))), message];
}

/** Returns a copy: a program may ask its next question with the same object, changed. */
function ownPart<Part>(part: Part): Part {
  const isPlain = typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype;
  return isPlain ? { ...part } : part;
}

/**
 * Returns what the history keeps of a reply: nothing if it has no text, calls or complete media, because providers
 * refuse an empty reply.
 *
 * Of an interrupted reply it keeps the text. All calls are removed, also the complete ones: they will get no result,
 * and a call needs the signed reasoning before it. The interruption has made that reasoning unsafe: providers always
 * refuse a reasoning item without its successor, and a signature without all that it signs. Without calls, every
 * provider accepts the reply without that reasoning.
 */
export function keptOf(
  reply: AssistantTurn & { readonly unfinishedToolCalls?: readonly UnfinishedToolCall[] },
  interrupted: boolean,
): readonly AssistantTurn[] {
  const { replay: _replay, unfinishedToolCalls: _unfinished, ...rest } = reply;
  const kept: AssistantTurn = interrupted ? { ...rest, toolCalls: [], interrupted: true } : reply;
  return isBlank(kept) && !isPaused(kept) ? [] : [kept];
}

/** Returns the index of the last user message, where the last exchange begins; -1 when there is none. */
export function lastExchangeOf(messages: readonly Message[]): number {
  return messages.findLastIndex((message) => message.role === "user");
}

/** Returns as many of the latest complete exchanges as `budget` allows, with their cost; the last one in any case. */
export function latestExchanges(
  messages: readonly Message[],
  budget: number,
  costOf: (message: Message) => number,
): { readonly messages: readonly Message[]; readonly cost: number } {
  let start = messages.length;
  let cost = 0;
  let more = 0;
  for (let index = messages.length - 1; index >= 0; index--) {
    const message = messages[index];
    if (!message) continue;
    more += costOf(message);
    if (message.role !== "user") continue;
    if (start < messages.length && cost + more > budget) break;
    cost += more;
    more = 0;
    start = index;
  }
  return { messages: messages.slice(start), cost };
}

/**
 * Returns a history from outside, validated.
 * @throws {TypeError} that names the first message that could not be sent
 */
export function checkedHistory(value: unknown): readonly Message[] {
  if (!Array.isArray(value)) throw new TypeError("`history` must be an array of messages.");
  const messages: readonly unknown[] = value;
  const open: OpenCalls = new Map();
  const history = messages.map((item, index) => {
    const fault = messageFault(item) ?? placeFault(item as Message, index, open, messages[index - 1] as Message);
    if (fault) throw new TypeError(`\`history\` cannot be sent: message ${index} ${fault}.`);
    const message = item as Message;
    follow(message, open);
    return message.role === "assistant" && message.interrupted ? withoutReplay(message) : message;
  });
  if (history.at(-1)?.role === "user") {
    throw new TypeError("`history` ends with the user's turn, unanswered: send that one instead.");
  }
  return history;
}

/**
 * Returns what is wrong with the place of a message.
 * @param open the calls that wait for a result
 */
function placeFault(
  message: Message,
  index: number,
  open: OpenCalls,
  previous: Message | undefined,
): string | undefined {
  if (message.role === "system") return "is a system message; give it as `systemPrompt`";
  if (index === 0 && message.role !== "user") return "must be the user's, as the first of a conversation";
  if (message.role === "tool") {
    return open.has(message.toolCallId)
      ? undefined
      : `answers the call ${message.toolCallId}, which no message before it made`;
  }
  const [waiting] = open.keys();
  if (waiting !== undefined) return `comes before the result of the call ${waiting}`;
  if (isBlank(message) && !isPaused(message)) return "is empty";
  if (message.role === previous?.role && !isPaused(previous)) return `follows another of the role ${message.role}`;
  if (message.role === "user") return undefined;
  return fieldsFault(message);
}

/**
 * Returns what is wrong with a client's reply, as the end of a sentence that names it: another party may have written
 * the client.
 */
export function replyFault(value: unknown): string | undefined {
  const fault = messageFault(value);
  if (fault) return fault;
  const message = value as Message;
  return message.role === "assistant" ? fieldsFault(message) : `has the role ${message.role}`;
}

/** Returns what is wrong with the fields of a reply other than its text. */
function fieldsFault({
  toolCalls = [],
  replay,
  interrupted,
}: Partial<Record<keyof AssistantTurn, unknown>>): string | undefined {
  if (!Array.isArray(toolCalls) || !toolCalls.every(isCall))
    return "has tool calls that are not each { id, name, arguments }";
  if (replay !== undefined && !isReplay(replay)) return "has a `replay` that no provider wrote";
  if (interrupted !== undefined && interrupted !== true) return "has an `interrupted` that is not `true`";
  return undefined;
}

/** The ids of the calls that wait for a result, and how many calls have each. */
type OpenCalls = Map<string, number>;

function follow(message: Message, open: OpenCalls): void {
  if (message.role === "assistant") for (const { id } of message.toolCalls ?? []) open.set(id, (open.get(id) ?? 0) + 1);
  if (message.role !== "tool") return;
  const left = (open.get(message.toolCallId) ?? 0) - 1;
  if (left > 0) open.set(message.toolCallId, left);
  else open.delete(message.toolCallId);
}

/** Returns the calls of the last reply that have no result yet. */
export function pendingCalls(messages: readonly Message[]): readonly ToolCall[] {
  const asked = messages.findLastIndex(({ role }) => role !== "tool");
  const last = messages[asked];
  if (last?.role !== "assistant") return [];
  const answered = new Set(messages.slice(asked + 1).map((message) => message.role === "tool" && message.toolCallId));
  return (last.toolCalls ?? []).filter(({ id }) => !answered.has(id));
}

/**
 * Returns messages with the results of each reply in the order of its calls: servers without ids of calls distinguish
 * calls of one tool by that. Returns the same array when they are in order.
 */
export function withOrderedResults(messages: readonly Message[]): readonly Message[] {
  let ordered: Message[] | undefined;
  for (let start = 0; start < messages.length; start++) {
    const reply = messages[start];
    if (reply?.role !== "assistant" || (reply.toolCalls?.length ?? 0) < 2) continue;
    const places = new Map(reply.toolCalls?.map(({ id }, place) => [id, place]));
    const placeOf = (message: Message | undefined) =>
      message?.role === "tool" ? (places.get(message.toolCallId) ?? -1) : -1;
    let end = start + 1;
    let isOrdered = true;
    for (; messages[end]?.role === "tool"; end++) {
      if (end > start + 1 && placeOf(messages[end - 1]) > placeOf(messages[end])) isOrdered = false;
    }
    if (isOrdered) continue;
    ordered ??= [...messages];
    const results = messages.slice(start + 1, end).sort((a, b) => placeOf(a) - placeOf(b));
    ordered.splice(start + 1, results.length, ...results);
  }
  return ordered ?? messages;
}

/** Returns the end of a history from its last message that is not a result. */
export function tailOf(history: readonly Message[]): readonly Message[] {
  return history.slice(
    Math.max(
      0,
      history.findLastIndex(({ role }) => role !== "tool"),
    ),
  );
}

/** Returns the calls at the end of a history that have neither a result nor an answer. */
export function waitingCalls(history: readonly Message[], answers: readonly AnsweredCall[] = []): readonly ToolCall[] {
  const pending = pendingCalls(history);
  if (answers.length === 0) return pending;
  const answered = new Set(answers.map(({ toolCallId }) => toolCallId));
  return pending.filter(({ id }) => !answered.has(id));
}

/** Returns the results of the turn's calls, without those that may run. */
function resultsOf(
  results: readonly ToolMessage[],
  pending: readonly ToolCall[],
  answered: ReadonlyMap<string, StoredAnswer>,
): readonly Message[] {
  const faulty = results.map(messageFault).find((fault) => fault !== undefined);
  if (faulty) throw new SendError("invalidRequest", `A tool result ${faulty}.`);
  const other = results.find(({ role }) => role !== "tool");
  if (other) {
    const advice = "Give the text or the parts of one turn: a session has the earlier messages.";
    throw new SendError("invalidRequest", `A message of the role "${other.role}" is not a tool result. ${advice}`);
  }
  const waiting = new Set(pending.map(({ id }) => id));
  const given = new Map<string, ToolMessage>();
  for (const result of results) {
    const { toolCallId } = result;
    if (!waiting.has(toolCallId) || given.has(toolCallId) || answered.has(toolCallId)) {
      const message = `The tool result for ${toolCallId} answers no call of the last reply that still waits for one.`;
      throw new SendError("invalidRequest", message);
    }
    given.set(toolCallId, result);
  }
  const open = pending.filter(({ id }) => !given.has(id) && !answered.has(id));
  if (open.length > 0) throw new SendError("invalidRequest", stillOpen(open));
  return pending.flatMap((call) => {
    const answer = answered.get(call.id);
    return given.get(call.id) ?? (answer && resultOf(call, answer)) ?? [];
  });
}

function stillOpen(calls: readonly ToolCall[]): string {
  const names = calls.map(({ id, name }) => `${id} of ${name}`).join(", ");
  const what = calls.length === 1 ? `The call ${names} has no result` : `The calls ${names} have no result`;
  return `${what}: answer all calls of a reply, by \`session.answer\` or by results.`;
}

/** Returns the result of a call in whose place the user has said something else. */
function closed(call: ToolCall, answer: StoredAnswer | undefined): ToolMessage {
  if (!answer) return errorResult(call, "No result was given for this call.");
  return resultOf(call, answer) ?? errorResult(call, "This call was allowed, but it did not run.");
}

function isResults(input: TurnInput): input is readonly ToolMessage[] {
  return (
    typeof input !== "string" && Array.isArray(input) && input.some((item) => isObjectOrArray(item) && "role" in item)
  );
}

/**
 * Returns whether the provider has paused its reply, and continues when the reply is sent back. Anthropic pauses after
 * many steps of its own tools, and after a summary of the conversation.
 * @see https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
function isPaused(message: Message | undefined): boolean {
  if (message?.role !== "assistant" || message.interrupted || !("rawFinishReason" in message)) return false;
  return message.rawFinishReason === "pause_turn" || message.rawFinishReason === "compaction";
}

/** Whether a turn is empty. Providers also refuse turns of only white space. */
function isBlank(message: UserMessage | AssistantTurn): boolean {
  if (message.role === "assistant") {
    if (message.toolCalls?.length || message.media?.some(({ partial }) => !partial)) return false;
  }
  if (typeof message.content === "string") return message.content.trim() === "";
  return message.content.every((part) => part.type === "text" && part.text.trim() === "");
}

function isCall(value: unknown): value is ToolCall {
  if (!isObjectOrArray(value)) return false;
  const { id, name, arguments: given } = value as Partial<ToolCall>;
  return typeof id === "string" && id !== "" && typeof name === "string" && name !== "" && given !== undefined;
}

function isReplay(value: unknown): value is Replay {
  if (!isObjectOrArray(value)) return false;
  const { provider, protocol } = value as Partial<Replay>;
  return typeof provider === "string" && typeof protocol === "string";
}

function isObjectOrArray(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function withoutReplay({ replay: _replay, ...turn }: AssistantTurn): AssistantTurn {
  return turn;
}
