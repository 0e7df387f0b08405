/** The text of a message's content, which is a string or a list of parts. */

import { isJsonObject } from "../../platform/json-object.ts";
import { listIn, textIn } from "../common/wire-values.ts";
import type { WireDelta, WirePart } from "./wire.ts";

/** Returns the text of a message, which is a string or parts. */
export function messageText(content: WireDelta["content"]): string {
  if (typeof content === "string") return content;
  return listIn(content)
    .map((part) => (part && isTextPart(part) ? partText(part) : ""))
    .join("");
}

/** Gateways give the parts of other protocols, and parts without a type. */
export function isTextPart(part: WirePart): boolean {
  return part.type === "text" || part.type === "refusal" || (typeof part.text === "string" && !isThinkingPart(part));
}

/** Returns whether a part holds thinking. */
export function isThinkingPart({ type }: WirePart): boolean {
  return typeof type === "string" && /^(thinking|reasoning)/.test(type);
}

/** Returns the text of such a part. */
export function partText({ text, refusal }: WirePart): string {
  return textIn(text ?? refusal);
}

/** Returns the text of a part that holds thinking: a string, or pieces. */
export function thinkingText({ thinking, text, summary }: WirePart): string {
  const content = thinking ?? text ?? summary;
  if (typeof content === "string") return content;
  return listIn(content)
    .map((piece) => textIn(piece?.text))
    .join("");
}

/** Returns the text of thinking that is not a string: parts, or an object with a text; `""` for other values. */
export function thinkingOf(value: unknown): string {
  const pieces = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return pieces.map(pieceText).join("");
}

function pieceText(piece: unknown): string {
  if (typeof piece === "string") return piece;
  const { content, text } = isJsonObject(piece) ? piece : {};
  return [content, text].find((field) => typeof field === "string") ?? "";
}
