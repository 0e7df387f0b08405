/**
 * The order of turns as a server takes it: some refuse what others have answered, and go on refusing the conversation.
 */

import type { JsonObject } from "../../platform/json-object.ts";
import { OPENING } from "../common/message-text.ts";

/** What one model at one address demands. */
export interface TurnOrder {
  /** One turn of the system, at the beginning; `user`: none, its text begins the first turn of the user. */
  readonly system?: "first" | "user";
  /** The model speaks between the results of tools and the user. */
  readonly answersResults?: true;
  /** User and model take turns, and the user begins. */
  readonly alternates?: true;
}

/** @param address the origin that is asked */
export type OrderRule = (model: string, address: string) => TurnOrder;

/** @see https://github.com/mistralai/mistral-common (the order of messages that its validator takes) */
const MISTRAL: TurnOrder = { system: "first", answersResults: true };
const ALTERNATING: TurnOrder = { system: "first", alternates: true };

export const mistralOrder: OrderRule = () => MISTRAL;

/** The first R1 refused two turns of one role in a row. */
export const deepseekOrder: OrderRule = (model) => (/reasoner|r1/i.test(model) ? { alternates: true } : {});

/** A router hands on to whom it will. */
export const openrouterOrder: OrderRule = (model) =>
  familyOrder(model) ?? (/^~?perplexity\//.test(model) ? ALTERNATING : {});

/**
 * For servers that are known by nothing else. Templates of local models refuse a second turn of the system, and one
 * that is not the first: what the system says holds for the whole conversation in any place.
 * @see https://docs.perplexity.ai/api-reference/chat-completions-post
 */
export const commonOrder: OrderRule = (model, address) => {
  if (/\.perplexity\.ai\b/.test(address)) return ALTERNATING;
  return familyOrder(model) ?? { system: "first" };
};

/** What the templates that models come with demand; the servers only hand on what those say. */
function familyOrder(model: string): TurnOrder | undefined {
  if (/(mi|magi|mini|dev|code)stral|mixtral|pixtral/i.test(model)) return { ...MISTRAL, alternates: true };
  if (/gemma-?[12]\b|gemma-\db|codegemma/i.test(model)) return { system: "user", alternates: true };
  return /gemma|llama-?2/i.test(model) ? ALTERNATING : undefined;
}

/** What the model is taken to have said where a turn of its is missing. */
const BRIDGE = "Understood.";

/** The messages in that order, with the words that they came with. */
export function inOrder(
  messages: readonly JsonObject[],
  { system, answersResults, alternates }: TurnOrder,
): readonly JsonObject[] {
  const placed = system === undefined ? messages : systemFirst(messages);
  const begun = system === "user" ? systemInUser(placed) : placed;
  const spoken = answersResults ? withBridges(begun) : begun;
  return alternates ? alternating(spoken) : spoken;
}

function systemFirst(messages: readonly JsonObject[]): readonly JsonObject[] {
  const said = messages.filter(({ role }) => role === "system");
  if (said.length === 0 || (said.length === 1 && messages[0] === said[0])) return messages;
  return [said.reduce(joined), ...messages.filter(({ role }) => role !== "system")];
}

function systemInUser([first, ...rest]: readonly JsonObject[]): readonly JsonObject[] {
  if (first?.role !== "system") return first ? [first, ...rest] : [];
  const [next] = rest;
  const user = { role: "user", content: first.content };
  return next?.role === "user" ? [joined(user, next), ...rest.slice(1)] : [user, ...rest];
}

function withBridges(messages: readonly JsonObject[]): readonly JsonObject[] {
  return messages.flatMap((message, at) =>
    message.role === "user" && messages[at - 1]?.role === "tool"
      ? [{ role: "assistant", content: BRIDGE }, message]
      : [message],
  );
}

function alternating(messages: readonly JsonObject[]): readonly JsonObject[] {
  const turns: JsonObject[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (message.role === "assistant" && (last === undefined || last.role === "system"))
      turns.push({ role: "user", content: OPENING });
    if (last !== undefined && isOneTurn(last, message)) turns[turns.length - 1] = joined(last, message);
    else turns.push(message);
  }
  return turns;
}

/** Results of tools stay apart, and so do calls, which their results follow. */
function isOneTurn(last: JsonObject, next: JsonObject): boolean {
  return last.role === next.role && (last.role === "user" || (last.role === "assistant" && !last.tool_calls));
}

/** Two messages as one; fields of the later one count. */
function joined(one: JsonObject, two: JsonObject): JsonObject {
  const [before, after] = [one.content ?? "", two.content ?? ""];
  const isText = typeof before === "string" && typeof after === "string";
  const content = isText
    ? [before, after].filter((text) => text !== "").join("\n\n")
    : [...partsOf(before), ...partsOf(after)];
  return { ...one, ...two, content };
}

function partsOf(content: unknown): readonly unknown[] {
  return Array.isArray(content) ? content : [{ type: "text", text: content }];
}
