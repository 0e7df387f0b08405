/**
 * The calls of a conversation as they are sent. Models invent names of tools, some servers repeat ids, and a history
 * may come from another provider. Every name and id in a request is legal, unique, and the same for a call and its
 * result.
 */

import type { AssistantTurn, Message, ToolCall } from "../../contract/message.ts";
import type { Tool } from "../../contract/options.ts";
import { legalName, type NameRule } from "./tool-call-ids.ts";

/** The calls that a provider accepts. */
export interface CallRules {
  readonly names: NameRule;
  /** Returns the id itself where the provider takes it, else one that depends on it alone. */
  readonly legalId: (id: string) => string;
  /** Returns whether an id goes back as it came, since the requested server gave it to this turn and reads it. */
  readonly keepsId?: (id: string, turn: AssistantTurn) => boolean;
}

/** A call, with its id and its name in the request. */
export interface SentCall {
  readonly call: ToolCall;
  readonly id: string;
  readonly name: string;
}

/** The calls of a conversation, by the indexes of its messages. */
export interface HistoryCalls {
  /** The calls of an assistant's turn, in its order. */
  callsAt(index: number): readonly SentCall[];
  /** The id and the name that a tool's message repeats of its call. */
  answeredAt(index: number): Pick<SentCall, "id" | "name">;
}

/** The calls of a conversation that begins. */
const NO_CALLS: HistoryCalls = { callsAt: () => [], answeredAt: () => ({ id: "", name: "" }) };

/** Returns the calls of a conversation with the names and ids under which they are sent. */
export function historyCalls(
  messages: readonly Message[],
  tools: readonly Tool[] | undefined,
  { names, legalId, keepsId }: CallRules,
): HistoryCalls {
  if (!messages.some(({ role }) => role === "assistant" || role === "tool")) return NO_CALLS;
  const nameOf = legalNames([...(tools ?? []).map(({ name }) => name), ...calledNames(messages)], names);
  const ids = new Set<string>();
  /** The number that an id which repeats gets next. */
  const counts = new Map<string, number>();
  const idOf = (id: string, turn: AssistantTurn): string => {
    const given = id === "" ? "call" : id;
    let count = counts.get(given) ?? 2;
    let free = legalId(given);
    if (free !== given && keepsId?.(given, turn)) free = given;
    while (ids.has(free)) free = legalId(`${given}_${count++}`);
    counts.set(given, count);
    ids.add(free);
    return free;
  };
  const calls = new Map<number, readonly SentCall[]>();
  const answers = new Map<number, Pick<SentCall, "id" | "name">>();
  /** The calls of each turn that wait for a result, by id: the latest turn's get theirs first. */
  const open = new Map<string, SentCall[][]>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "assistant") {
      const made = (message.toolCalls ?? []).map((call) => ({
        call,
        id: idOf(call.id, message),
        name: nameOf(call.name),
      }));
      calls.set(index, made);
      for (const [id, waiting] of byId([...made].reverse())) {
        const turns = open.get(id);
        if (turns) turns.push(waiting);
        else open.set(id, [waiting]);
      }
    } else if (message.role === "tool") {
      const { toolCallId } = message;
      const turns = open.get(toolCallId);
      const answered = turns?.at(-1)?.pop();
      if (turns?.at(-1)?.length === 0) turns.pop();
      answers.set(index, answered ?? { id: legalId(toolCallId), name: nameOf(toolCallId) });
    }
  }
  return {
    callsAt: (index) => calls.get(index) ?? [],
    answeredAt: (index) => answers.get(index) ?? { id: "", name: "" },
  };
}

/** Returns a function that finds the next call of a turn by its original id, which two calls may share. */
export function callsById(calls: readonly SentCall[]): (id: unknown) => SentCall | undefined {
  const left = byId([...calls].reverse());
  return (id) => (typeof id === "string" ? left.get(id)?.pop() : undefined);
}

/** Calls by the ids they came with, in the given order. */
function byId(calls: readonly SentCall[]): Map<string, SentCall[]> {
  const found = new Map<string, SentCall[]>();
  for (const sent of calls) {
    const same = found.get(sent.call.id);
    if (same) same.push(sent);
    else found.set(sent.call.id, [sent]);
  }
  return found;
}

function calledNames(messages: readonly Message[]): readonly string[] {
  return messages.flatMap((message) =>
    message.role === "assistant" ? (message.toolCalls ?? []).map(({ name }) => name) : [],
  );
}

/** Different names stay different. */
function legalNames(given: readonly string[], rule: NameRule): (name: string) => string {
  const taken = new Set(given.filter((name) => rule.pattern.test(name)));
  const known = new Map<string, string>();
  return (name) => {
    if (rule.pattern.test(name)) return name;
    let legal = known.get(name) ?? legalName(name, rule);
    for (let count = 2; !known.has(name) && taken.has(legal); count++) legal = legalName(`${name} ${count}`, rule);
    taken.add(legal);
    known.set(name, legal);
    return legal;
  };
}
