/**
 * The order of turns that a server takes. Some servers refuse an order that another has answered, and the conversation
 * with it.
 */

import type { JsonObject } from "../../platform/json-object.ts";
import { OPENING } from "../common/message-text.ts";

/** The order that one model at one address requires. */
export interface TurnOrder {
  /** `first`: one system message, at the beginning. `user`: none; its text begins the user's first turn. */
  readonly system?: "first" | "user";
  /** Whether a turn of the model must separate tool results from the user's turn. */
  readonly answersResults?: true;
  /** Whether the turns of user and model must alternate, beginning with the user. */
  readonly alternates?: true;
}

/** @param address the requested origin */
export type OrderRule = (model: string, address: string) => TurnOrder;

/** @see https://github.com/mistralai/mistral-common (the order of messages that its validator takes) */
const MISTRAL: TurnOrder = { system: "first", answersResults: true };
const ALTERNATING: TurnOrder = { system: "first", alternates: true };

export const mistralOrder: OrderRule = () => MISTRAL;

/** The first R1 refused two turns of one role in a row. */
export const deepseekOrder: OrderRule = (model) => (/reasoner|r1/i.test(model) ? { alternates: true } : {});

/** A router passes requests on to many vendors. */
export const openrouterOrder: OrderRule = (model) =>
  familyOrder(model) ?? (/^~?perplexity\//.test(model) ? ALTERNATING : {});

/**
 * For servers of which only the address and the model's name are known. Templates of local models take one system
 * message, at the beginning only. It applies to the complete conversation in any place.
 * @see https://docs.perplexity.ai/api-reference/chat-completions-post
 */
export const commonOrder: OrderRule = (model, address) => {
  if (last?.model !== model || last.address !== address) last = { model, address, order: orderBy(model, address) };
  return last.order;
};

/** The last model and address, and their order: a client's calls all have the same. */
let last: { readonly model: string; readonly address: string; readonly order: TurnOrder } | undefined;

function orderBy(model: string, address: string): TurnOrder {
  if (address.includes(".perplexity.ai")) return ALTERNATING;
  return familyOrder(model) ?? { system: "first" };
}

/**
 * Returns the order that the template of a family of models requires. The servers only report the template's errors.
 */
function familyOrder(model: string): TurnOrder | undefined {
  const name = model.toLowerCase();
  if (name.includes("tral") && /(mi|magi|mini|dev|code)stral|mixtral|pixtral/.test(name))
    return { ...MISTRAL, alternates: true };
  if (name.includes("gemma"))
    return /gemma-?[12]\b|gemma-\db|codegemma/.test(name) ? { system: "user", alternates: true } : ALTERNATING;
  return name.includes("llama2") || name.includes("llama-2") ? ALTERNATING : undefined;
}

/** The text of a missing turn of the model. */
const BRIDGE = "Understood.";

/** Returns the messages in that order, with their own text. */
export function inOrder(
  messages: readonly JsonObject[],
  { system, answersResults, alternates }: TurnOrder,
): readonly JsonObject[] {
  const placed = system === undefined ? messages : systemFirst(messages);
  const begun = system === "user" ? systemInUser(placed) : placed;
  const bridged = answersResults ? withBridges(begun) : begun;
  return alternates ? alternating(bridged) : bridged;
}

function systemFirst(messages: readonly JsonObject[]): readonly JsonObject[] {
  const systemTurns = messages.filter(({ role }) => role === "system");
  if (systemTurns.length === 0 || (systemTurns.length === 1 && messages[0] === systemTurns[0])) return messages;
  return [systemTurns.reduce(joined), ...messages.filter(({ role }) => role !== "system")];
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

/**
 * Returns whether two messages may be joined. Tool results stay separate, and so do calls, since their results follow
 * them.
 */
function isOneTurn(last: JsonObject, next: JsonObject): boolean {
  return last.role === next.role && (last.role === "user" || (last.role === "assistant" && !last.tool_calls));
}

/** Returns two messages as one. The later one's fields count. */
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
