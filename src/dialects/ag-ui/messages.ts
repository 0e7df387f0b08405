/**
 * Messages of AG-UI → turns of a conversation. Everything in them is a stranger's: the relay checks the result, and
 * what is malformed here passes as it is, so that the check names it.
 */

import { mayLoseDigits, parseExact } from "../../platform/exact-json.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { badRequest } from "../refusal.ts";
import type { AgUiMessage } from "./events.ts";

/** A turn of the conversation that nothing has checked yet. */
export type LooseTurn = JsonObject;

/**
 * Returns the messages of a request.
 * @throws {Refusal} 400 when they are not an array of objects
 */
export function messagesIn(value: unknown): readonly AgUiMessage[] {
  if (Array.isArray(value) && value.every(isJsonObject)) return value;
  throw badRequest("`messages` must be an array of messages.");
}

/** The new part of a conversation that the relay keeps. */
export type NewTurn =
  | { readonly type: "message"; readonly message: unknown; readonly earlier: readonly string[] }
  | { readonly type: "results"; readonly results: readonly LooseTurn[] };

/**
 * Returns the new turn at the end of a conversation: a message of the user, or results of tools.
 * @throws {Refusal} 400 when the conversation ends in another way
 */
export function newTurnOf(messages: readonly AgUiMessage[]): NewTurn {
  const replied = messages.findLastIndex(({ role }) => role === "assistant");
  const after = messages.slice(replied + 1);
  const users = messages.filter(({ role }) => role === "user");
  if (after.some(({ role }) => role === "user")) {
    const message = contentOf(users.at(-1)?.content);
    return { type: "message", message, earlier: users.slice(0, -1).map(({ content }) => textOf(content)) };
  }
  const results = after.filter(({ role }) => role === "tool").map(resultOf);
  if (results.length > 0) return { type: "results", results };
  throw badRequest("`messages` must end with a message of the user, or with results of tools.");
}

/**
 * Returns a conversation for a relay that keeps none.
 * @param signed whether only signed calls count: those of earlier turns without a signature go, with their results
 */
export function turnsOf(messages: readonly AgUiMessage[], signed: boolean): readonly LooseTurn[] {
  const turns: LooseTurn[] = [];
  let reply: Reply | undefined;
  const settle = (): void => {
    if (reply) turns.push(...reply.turns(signed));
    reply = undefined;
  };
  for (const message of messages) {
    switch (message.role) {
      case "assistant":
        if (reply?.hasResults(signed)) settle();
        reply ??= new Reply();
        reply.add(message);
        break;
      case "tool":
        if (reply) reply.answer(message);
        else turns.push(resultOf(message)); // it answers nothing: the relay says so
        break;
      case "reasoning": // the provider's own is kept by the relay, or not at all
      case "activity":
        break;
      default:
        settle();
        turns.push(turnOf(message));
    }
  }
  // Results that nothing follows are the new turn: the relay says which of their calls it has not signed.
  if (reply) turns.push(...reply.turns(signed && (reply.hasResults(true) || !reply.hasResults(false))));
  return turns;
}

/** A call, its signature, and its result. */
interface Call {
  readonly id: unknown;
  readonly turn: LooseTurn;
  readonly signature: string | undefined;
  result?: LooseTurn;
}

/** The messages of one reply: its texts are one, as in the relay's own message. */
class Reply {
  #text = "";
  readonly #calls: Call[] = [];

  add({ content, toolCalls }: AgUiMessage): void {
    if (content !== undefined && content !== null) this.#text += textOf(content);
    if (!Array.isArray(toolCalls)) return;
    for (const item of toolCalls as readonly unknown[]) {
      const call = isJsonObject(item) ? callOf(item) : undefined;
      if (call) this.#calls.push(call);
    }
  }

  answer(message: AgUiMessage): void {
    const call = this.#calls.find(({ id }) => id === message.toolCallId);
    if (call) call.result ??= resultOf(message);
  }

  /** Returns whether the reply is over: what follows answers the results. */
  hasResults(signed: boolean): boolean {
    return this.#kept(signed).some(({ result }) => result !== undefined);
  }

  /** A call without a result cannot be sent: providers refuse it. */
  turns(signed: boolean): readonly LooseTurn[] {
    const calls = this.#kept(signed).filter(({ result }) => result !== undefined);
    if (this.#text === "" && calls.length === 0) return [];
    const signature = signed ? calls.find((call) => call.signature)?.signature : undefined;
    const turn = {
      role: "assistant",
      content: this.#text,
      ...(calls.length > 0 && { toolCalls: calls.map((call) => call.turn) }),
      ...(signature !== undefined && { replay: { provider: "relay", protocol: "signature", data: signature } }),
    };
    return [turn, ...calls.flatMap(({ result }) => (result ? [result] : []))];
  }

  #kept(signed: boolean): readonly Call[] {
    return signed ? this.#calls.filter(({ signature }) => signature !== undefined) : this.#calls;
  }
}

/** Returns `undefined` for arguments that are not JSON: of a reply that was stopped in the middle of a call. */
function callOf({ id, function: called, encryptedValue }: JsonObject): Call | undefined {
  if (!isJsonObject(called)) return undefined;
  const { name, arguments: text } = called;
  const args = typeof text === "string" ? argumentsOf(text) : undefined;
  if (args === undefined) return undefined;
  const raw = mayLoseDigits(String(text)) ? { rawArguments: text } : {}; // as a provider's decoder keeps them
  const signature = typeof encryptedValue === "string" ? encryptedValue : undefined;
  return { id, turn: { id, name, arguments: args, ...raw }, signature };
}

function argumentsOf(text: string): unknown {
  try {
    return text === "" ? {} : parseExact(text);
  } catch {
    return undefined;
  }
}

function turnOf({ role, content }: AgUiMessage): LooseTurn {
  if (role === "user") return { role, content: contentOf(content) };
  return { role: role === "developer" ? "system" : role, content };
}

function resultOf({ toolCallId, content, error }: AgUiMessage): LooseTurn {
  const isError = error !== undefined && error !== null;
  return { role: "tool", toolCallId, content: textOf(content), ...(isError && { isError }) };
}

/** Returns the text of a message; other parts have none. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (isJsonObject(part) && typeof part.text === "string" ? part.text : ""))
    .join("");
}

function contentOf(content: unknown): unknown {
  return Array.isArray(content) ? content.map(partOf) : content;
}

/**
 * A picture, a sound, a film or a document, by its `source`. `binary` is the form of clients before 0.0.50.
 * @see https://docs.ag-ui.com/concepts/messages
 */
function partOf(part: unknown): unknown {
  if (!isJsonObject(part)) return part;
  const { type, text, source, mimeType, filename } = part;
  if (type === "text") return { type, text };
  if (type === "binary") {
    const kind = typeof mimeType === "string" && mimeType.startsWith("image/") ? "image" : "file";
    const { data, url, id } = part;
    return { type: kind, ...placeOf(data, url, id), mediaType: mimeType, ...(kind === "file" && { filename }) };
  }
  if (!isJsonObject(source)) return part;
  const { type: form, value, mimeType: mediaType } = source;
  const at = (name: string): unknown => (form === name ? value : undefined);
  return {
    type: type === "image" ? "image" : "file",
    ...placeOf(at("data"), at("url"), at("file")),
    ...(mediaType !== undefined && mediaType !== null && { mediaType }),
  };
}

function placeOf(data: unknown, url: unknown, fileId: unknown): JsonObject {
  if (data !== undefined) return { data };
  return url === undefined ? { fileId } : { url };
}
