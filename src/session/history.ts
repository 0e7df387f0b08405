/** What a conversation keeps, and what of it is sent. Pure; every function here leaves a history legal to send. */

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
import { errorResult } from "./execute-tool.ts";

/**
 * What one turn says: the user's words (with images and files), or the answers to the tool calls that wait for one. An
 * empty list goes on where tools have answered and the model has not, and where the provider has paused its reply
 * (`rawFinishReason` is `pause_turn` or `compaction`).
 */
export type TurnInput = UserMessage["content"] | readonly ToolMessage[];

/**
 * The messages a turn adds. Words said instead of tool results close the calls as not answered: a call without a result
 * makes every later request a 400.
 * @throws {SendError} kind `invalidRequest` when nothing is said, or when results and calls do not match one to one
 */
export function messagesOf(input: TurnInput, history: readonly Message[]): readonly Message[] {
  const pending = pendingCalls(history);
  if (isResults(input)) return resultsOf(input, pending);
  const last = history.at(-1);
  const isOpen = pending.length === 0 && (last?.role === "tool" || isPaused(last));
  if (Array.isArray(input) && input.length === 0 && isOpen) return [];
  const message: UserMessage = { role: "user", content: Array.isArray(input) ? [...input] : input };
  const fault = messageFault(message);
  if (fault) throw new SendError("invalidRequest", `What the user says ${fault}.`);
  if (isBlank(message)) throw new SendError("invalidRequest", "There is nothing to send: the user's turn is empty.");
  return [...pending.map(unanswered), message];
}

/**
 * What stays of a reply: nothing of one without text, calls and complete media, which no provider takes back.
 *
 * Of an interrupted one its text stays. Its calls go, also the finished ones: nobody will answer them, and a call needs
 * the signed reasoning before it, which the cut has made unsafe (`replay`: a reasoning item without what followed it,
 * or a signature without all it signs, is refused for ever). Without calls, every provider does without that reasoning.
 */
export function keptOf(
  reply: AssistantTurn & { readonly unfinishedToolCalls?: readonly UnfinishedToolCall[] },
  interrupted: boolean,
): readonly AssistantTurn[] {
  const { replay: _replay, unfinishedToolCalls: _unfinished, ...rest } = reply;
  const kept: AssistantTurn = interrupted ? { ...rest, toolCalls: [], interrupted: true } : reply;
  return isBlank(kept) && !isPaused(kept) ? [] : [kept];
}

/** Where the last exchange begins: what the user said, with all that followed. -1 when there is none. */
export function lastExchangeOf(messages: readonly Message[]): number {
  return messages.findLastIndex((message) => message.role === "user");
}

/** As many of the latest whole exchanges as cost `budget` at most, and what they cost; the last one in any case. */
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
 * A history from outside, checked.
 * @throws {TypeError} that names the first message which could not be sent
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

/** What is wrong with a message for standing where it stands. `open` are the calls that wait for a result. */
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
      : `answers the call ${message.toolCallId}, which nobody made before`;
  }
  const [waiting] = open.keys();
  if (waiting !== undefined) return `comes before the result of the call ${waiting}`;
  if (isBlank(message) && !isPaused(message)) return "is empty";
  if (message.role === previous?.role && !isPaused(previous)) return `follows another of the role ${message.role}`;
  if (message.role === "user") return undefined;
  return fieldsFault(message);
}

/**
 * What is wrong with what a client gave as its reply, as the end of a sentence that names it; anybody may write a
 * client.
 */
export function replyFault(value: unknown): string | undefined {
  const fault = messageFault(value);
  if (fault) return fault;
  const message = value as Message;
  return message.role === "assistant" ? fieldsFault(message) : `has the role ${message.role}`;
}

/** What is wrong with a reply beside its text. */
function fieldsFault({
  toolCalls = [],
  replay,
  interrupted,
}: Partial<Record<keyof AssistantTurn, unknown>>): string | undefined {
  if (!Array.isArray(toolCalls) || !toolCalls.every(isCall))
    return "has tool calls that are not each { id, name, arguments }";
  if (replay !== undefined && !isReplay(replay)) return "has a `replay` that no provider wrote";
  if (interrupted !== undefined && interrupted !== true) return "is `interrupted` in some other way than true";
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

/** The tool calls at the end that have no answer yet. */
export function pendingCalls(messages: readonly Message[]): readonly ToolCall[] {
  const asked = messages.findLastIndex(({ role }) => role !== "tool");
  const last = messages[asked];
  if (last?.role !== "assistant") return [];
  const answered = new Set(messages.slice(asked + 1).map((message) => message.role === "tool" && message.toolCallId));
  return (last.toolCalls ?? []).filter(({ id }) => !answered.has(id));
}

function resultsOf(results: readonly ToolMessage[], pending: readonly ToolCall[]): readonly Message[] {
  const faulty = results.map(messageFault).find((fault) => fault !== undefined);
  if (faulty) throw new SendError("invalidRequest", `A tool result ${faulty}.`);
  const waiting = new Set(pending.map(({ id }) => id));
  const given = new Map<string, ToolMessage>();
  for (const result of results) {
    const { toolCallId } = result;
    if (!waiting.has(toolCallId) || given.has(toolCallId)) {
      const message = `The tool result for ${toolCallId} answers no call of the last reply that still waits for one.`;
      throw new SendError("invalidRequest", message);
    }
    given.set(toolCallId, result);
  }
  return pending.map((call) => {
    const result = given.get(call.id);
    if (result) return result;
    const message = `The call ${call.id} of ${call.name} has no result: answer all calls of a reply at once.`;
    throw new SendError("invalidRequest", message);
  });
}

function unanswered(call: ToolCall): ToolMessage {
  return errorResult(call, "No result was given for this call.");
}

function isResults(input: TurnInput): input is readonly ToolMessage[] {
  return typeof input !== "string" && Array.isArray(input) && input.some((item) => isObject(item) && "role" in item);
}

/**
 * Whether the provider has stopped on the way, and goes on when it gets its reply back: Anthropic does after many steps
 * of its own tools, and after summing the conversation up.
 * @see https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
function isPaused(message: Message | undefined): boolean {
  if (message?.role !== "assistant" || message.interrupted || !("rawFinishReason" in message)) return false;
  return message.rawFinishReason === "pause_turn" || message.rawFinishReason === "compaction";
}

/** Providers refuse turns of nothing but white space, too. */
function isBlank(message: UserMessage | AssistantTurn): boolean {
  if (message.role === "assistant") {
    if (message.toolCalls?.length || message.media?.some(({ partial }) => !partial)) return false;
  }
  if (typeof message.content === "string") return message.content.trim() === "";
  return message.content.every((part) => part.type === "text" && part.text.trim() === "");
}

function isCall(value: unknown): value is ToolCall {
  if (!isObject(value)) return false;
  const { id, name, arguments: given } = value as Partial<ToolCall>;
  return typeof id === "string" && id !== "" && typeof name === "string" && name !== "" && given !== undefined;
}

function isReplay(value: unknown): value is Replay {
  if (!isObject(value)) return false;
  const { provider, protocol } = value as Partial<Replay>;
  return typeof provider === "string" && typeof protocol === "string";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function withoutReplay({ replay: _replay, ...turn }: AssistantTurn): AssistantTurn {
  return turn;
}
