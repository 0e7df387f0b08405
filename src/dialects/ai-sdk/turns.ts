/** Messages of `useChat` → turns of a conversation. They are checked afterwards, as the turns of every front end. */

import { base64Of } from "../../platform/base64.ts";
import type { StartContext } from "../dialect.ts";
import type { ReceivedCall, ReceivedMessage, ReceivedPart } from "./received-message.ts";

/** A turn in the words of the relay's own wire. */
type Turn = Readonly<Record<string, unknown>> & { readonly role: unknown };

const UNANSWERED = "No result was given for this call.";

/**
 * Returns the turns of a conversation. A relay that takes only its own tool calls (`signed`) gets those that it has
 * signed, and the text of the other replies.
 */
export function turnsOf(messages: readonly ReceivedMessage[], history: StartContext["history"]): readonly Turn[] {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    for (const turn of turnsIn(message, history, index === messages.length - 1)) add(turns, turn);
  }
  return turns;
}

/** Returns the content of a turn of the user, `""` for none. A page sends an empty text with each file alone. */
export function contentOf({ parts }: ReceivedMessage): unknown {
  const content = parts.flatMap((part) => {
    if (part.type === "text") return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
    return part.type === "file" ? [attachmentOf(part)] : [];
  });
  const [only, ...others] = content;
  if (!only) return "";
  return others.length === 0 && "text" in only ? only.text : content;
}

/** Returns the results of the calls of a message: of those that the front end has answered, and of all others. */
export function resultsIn({ parts }: ReceivedMessage): readonly Turn[] {
  return lastOfEach(callsIn(parts)).filter(hasResult).map(resultOf);
}

/** Returns the last call of each id. */
function lastOfEach(calls: readonly ReceivedCall[]): readonly ReceivedCall[] {
  return [...new Map(calls.map((call) => [call.id, call])).values()];
}

/** Returns the decisions of a person about the calls of a message. */
export function decisionsIn({ parts }: ReceivedMessage): readonly object[] {
  return lastOfEach(callsIn(parts)).flatMap(({ id: toolCallId, outcome }) => {
    if (outcome.type !== "decided") return [];
    const { approved, reason } = outcome;
    return [{ toolCallId, approved, ...(reason !== undefined && { reason }) }];
  });
}

/** Returns whether a reply has something that a session keeps. */
export function isReply({ role, parts }: ReceivedMessage): boolean {
  return (
    role === "assistant" &&
    parts.some((part) =>
      part.type === "text" ? part.text.trim() !== "" : part.type === "call" || part.type === "file",
    )
  );
}

/**
 * Providers and sessions want the turns of the two sides in turn: texts of one side are joined, and a greeting before
 * the first question is left out. A signed turn stays as it is: text before it is left out.
 */
function add(turns: Turn[], turn: Turn): void {
  const last = turns.at(-1);
  const isReply = turn.role === "assistant" || turn.role === "tool";
  if (isReply && turns.every(({ role }) => role === "system")) return;
  if (!last || last.role !== turn.role || turn.role === "system" || turn.role === "tool") {
    turns.push(turn);
  } else if (turn.role === "user") {
    turns[turns.length - 1] = { role: "user", content: [...partsOf(last.content), ...partsOf(turn.content)] };
  } else {
    turns[turns.length - 1] = "replay" in turn ? turn : joined(last, turn);
  }
}

function turnsIn(message: ReceivedMessage, history: StartContext["history"], isLast: boolean): readonly Turn[] {
  const { role, parts } = message;
  switch (role) {
    case "assistant": {
      // The relay takes a decision only about calls that it has signed.
      const isSigned = history === "signed" || (isLast && decisionsIn(message).length > 0);
      const pieces = splitAt(parts, isSigned ? "signature" : "step");
      return pieces.flatMap((piece, index) => {
        const isOpen = isLast && index === pieces.length - 1;
        return isSigned ? signedTurns(piece, isOpen) : turnsOfStep(piece, isOpen);
      });
    }
    case "user": {
      const content = contentOf(message);
      return content === "" && !isLast ? [] : [{ role, content }];
    }
    default:
      return [{ role, content: textIn(parts) }];
  }
}

/** Returns the turns of one step, as the front end says. `isOpen`: its calls may wait for a result. */
function turnsOfStep(parts: readonly ReceivedPart[], isOpen: boolean): readonly Turn[] {
  const calls = callsIn(parts);
  const media = parts.flatMap((part) => (part.type === "file" ? [sourceOf(part.url, part.mediaType)] : []));
  const content = textIn(parts);
  if (content.trim() === "" && calls.length === 0 && media.length === 0) return [];
  const toolCalls = calls.map(({ id, name, input }) => ({ id, name, arguments: input }));
  return [
    {
      role: "assistant",
      content,
      ...(toolCalls.length > 0 && { toolCalls }),
      ...(media.length > 0 && { media }),
    },
    ...resultsOf(calls, isOpen),
  ];
}

/** Returns the turns of one reply that a signature ends: the text of all its steps, and the calls that it left open. */
function signedTurns(parts: readonly ReceivedPart[], isOpen: boolean): readonly Turn[] {
  const content = textIn(parts);
  const mark = parts.at(-1);
  if (mark?.type !== "signature") return textTurn(content);
  const made = new Map(callsIn(parts).map((call) => [call.id, call]));
  const calls = mark.calls.flatMap(({ id }) => made.get(String(id)) ?? []);
  // The result of a call that a person has allowed is the relay's: it takes none from a browser.
  if (!isOpen && calls.some(({ needsApproval }) => needsApproval)) return textTurn(content);
  const toolCalls = mark.calls.flatMap(({ id, rawArguments, needsApproval }) => {
    const { name, input } = made.get(String(id)) ?? {};
    if (name === undefined) return [];
    return [
      {
        id,
        name,
        arguments: input,
        ...(rawArguments !== undefined && { rawArguments }),
        ...(needsApproval === true && { needsApproval }),
      },
    ];
  });
  return [{ role: "assistant", content, toolCalls, replay: mark.replay }, ...resultsOf(calls, isOpen)];
}

function textTurn(content: string): readonly Turn[] {
  return content.trim() === "" ? [] : [{ role: "assistant", content }];
}

/** Returns a result for each call; `isOpen`: for those that have one. */
function resultsOf(calls: readonly ReceivedCall[], isOpen: boolean): readonly Turn[] {
  return calls.filter((call) => !isOpen || hasResult(call)).map(resultOf);
}

/** Returns whether a call has its result. */
export function hasResult({ outcome }: ReceivedCall): boolean {
  return outcome.type === "output" || outcome.type === "error";
}

function resultOf(call: ReceivedCall): Turn {
  const isError = call.outcome.type !== "output";
  return { role: "tool", toolCallId: call.id, content: resultText(call), ...(isError && { isError }) };
}

/** Returns the result of a call, for the model. */
export function resultText({ outcome }: ReceivedCall): string {
  switch (outcome.type) {
    case "output":
      return typeof outcome.output === "string" ? outcome.output : JSON.stringify(outcome.output ?? null);
    case "error":
      return outcome.text;
    case "open":
    case "decided":
      return UNANSWERED;
  }
}

/** Returns the parts between those of a type. One of `signature` ends its piece, and one of `step` is left out. */
function splitAt(parts: readonly ReceivedPart[], type: "step" | "signature"): readonly (readonly ReceivedPart[])[] {
  const pieces: ReceivedPart[][] = [[]];
  for (const part of parts) {
    if (part.type !== type || type === "signature") pieces.at(-1)?.push(part);
    if (part.type === type) pieces.push([]);
  }
  return pieces.filter((piece) => piece.length > 0);
}

function callsIn(parts: readonly ReceivedPart[]): readonly ReceivedCall[] {
  return parts.filter((part) => part.type === "call");
}

/** Returns the text of a message. */
export function textIn(parts: readonly ReceivedPart[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function joined(one: Turn, other: Turn): Turn {
  const content = [one.content, other.content].filter((text) => text !== "").join("\n\n");
  const media = [one.media, other.media].flat().filter((medium) => medium !== undefined);
  return { ...one, ...other, content, ...(media.length > 0 && { media }) };
}

function partsOf(content: unknown): readonly unknown[] {
  return Array.isArray(content) ? content : [{ type: "text", text: content }];
}

function attachmentOf({ url, mediaType, filename }: Extract<ReceivedPart, { readonly type: "file" }>): object {
  const source = sourceOf(url, mediaType);
  if (mediaType.startsWith("image/")) return { type: "image", ...source };
  return { type: "file", ...source, ...(filename !== undefined && { filename }) };
}

/** Returns the place of a file's bytes: those of a `data:` URL, in base64, or the address. */
function sourceOf(url: string, mediaType: string): object {
  const [, inner = "", base64, data = ""] = /^data:([^,]*?)(;base64)?,(.*)$/is.exec(url) ?? [];
  if (!url.slice(0, 5).toLowerCase().startsWith("data:")) return { url, mediaType };
  const type = inner === "" ? mediaType : inner;
  return { data: base64 === undefined ? base64Of(new TextEncoder().encode(decoded(data))) : data, mediaType: type };
}

/** Returns text without its escapes; as it is when they are malformed. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
