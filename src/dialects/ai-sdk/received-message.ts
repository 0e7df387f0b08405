/** Messages of `useChat` as a browser sends them: looked at field by field, since everything is a stranger's. */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { badRequest } from "../refusal.ts";
import { ownCallId } from "./call-ids.ts";
import { SIGNATURE } from "./parts.ts";

const DENIED = "The call was not allowed.";

/** A message as it came. Parts of other types are left out. */
export interface ReceivedMessage {
  readonly id: string | undefined;
  readonly role: unknown;
  readonly parts: readonly ReceivedPart[];
}

/** A part with the fields that matter. */
export type ReceivedPart =
  | { readonly type: "step" }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  | { readonly type: "file"; readonly url: string; readonly mediaType: string; readonly filename: string | undefined }
  | ReceivedCall
  /** The mark behind the parts of a reply that left calls open: see `UiSignature`. */
  | { readonly type: "signature"; readonly replay: unknown; readonly calls: readonly JsonObject[] };

/** A call of a tool that the provider did not run itself. */
export interface ReceivedCall {
  readonly type: "call";
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly outcome:
    | { readonly type: "open" }
    | { readonly type: "output"; readonly output: unknown }
    | { readonly type: "error"; readonly text: string }
    /** A person has allowed the call, or not. */
    | { readonly type: "decided"; readonly approved: boolean; readonly reason: string | undefined };
  /** A person must allow the call, or had to. */
  readonly needsApproval: boolean;
}

/** @throws {Refusal} 400 when the value is not an array of messages */
export function receivedMessages(value: unknown): readonly ReceivedMessage[] {
  if (!Array.isArray(value)) throw badRequest("The body must hold `messages`, or `message`.");
  return value.flatMap((item: unknown, index) => receivedMessage(item, `Message ${index}`));
}

function receivedMessage(value: unknown, name: string): readonly ReceivedMessage[] {
  if (!isJsonObject(value)) throw badRequest(`${name} must be an object.`);
  const { id, role, parts, content } = value;
  const given = parts ?? (typeof content === "string" ? [{ type: "text", text: content }] : undefined);
  if (!Array.isArray(given)) throw badRequest(`${name} must have an array of \`parts\`.`);
  return inTurn({ id: typeof id === "string" && id !== "" ? id : undefined, role }, given.filter(isJsonObject));
}

/** In version 7, what the user said while a reply was written is a part of that reply. */
function inTurn(message: Omit<ReceivedMessage, "parts">, parts: readonly JsonObject[]): readonly ReceivedMessage[] {
  const at = parts.findIndex(({ type }) => type === "steering-message");
  const inner = parts[at]?.parts;
  if (message.role !== "assistant" || !Array.isArray(inner))
    return [{ ...message, parts: parts.flatMap(receivedPart) }];
  return [
    { ...message, parts: parts.slice(0, at).flatMap(receivedPart) },
    { id: undefined, role: "user", parts: inner.filter(isJsonObject).flatMap(receivedPart) },
    ...inTurn(message, parts.slice(at + 1)),
  ];
}

function receivedPart(part: JsonObject): readonly ReceivedPart[] {
  const { type, text, url, mediaType, filename, data } = part;
  switch (type) {
    case "step-start":
      return [{ type: "step" }];
    case "text":
    case "reasoning":
      return typeof text === "string" ? [{ type, text }] : [];
    case "file":
      if (typeof url !== "string" || typeof mediaType !== "string") return [];
      return [{ type, url, mediaType, filename: typeof filename === "string" ? filename : undefined }];
    case SIGNATURE:
      return isJsonObject(data) ? signatureIn(data) : [];
    default:
      return receivedCall(part);
  }
}

function signatureIn({ replay, calls }: JsonObject): readonly ReceivedPart[] {
  return Array.isArray(calls) ? [{ type: "signature", replay, calls: calls.filter(isJsonObject) }] : [];
}

/** Calls whose arguments did not arrive completely, and those that the provider ran itself, are left out. */
function receivedCall(part: JsonObject): readonly ReceivedCall[] {
  const { type, toolCallId, input, state, output, errorText, providerExecuted, approval } = part;
  const name = nameIn(part);
  if (typeof type !== "string" || typeof toolCallId !== "string" || toolCallId === "" || name === undefined) return [];
  if (providerExecuted === true || input === undefined || input === null) return [];
  const call = { type: "call", id: ownCallId(toolCallId), name, input, needsApproval: isJsonObject(approval) } as const;
  switch (state) {
    case "output-available":
      return [{ ...call, outcome: { type: "output", output } }];
    case "output-error":
      return [{ ...call, outcome: { type: "error", text: typeof errorText === "string" ? errorText : "" } }];
    case "output-denied":
      return [{ ...call, outcome: { type: "error", text: DENIED } }];
    case "approval-responded":
      return [{ ...call, outcome: decisionIn(approval) }];
    case "input-available":
    case "approval-requested":
      return [{ ...call, outcome: { type: "open" } }];
    default:
      return [];
  }
}

function decisionIn(approval: unknown): ReceivedCall["outcome"] {
  const { approved, reason } = isJsonObject(approval) ? approval : {};
  return { type: "decided", approved: approved === true, reason: typeof reason === "string" ? reason : undefined };
}

function nameIn({ type, toolName }: JsonObject): string | undefined {
  if (type === "dynamic-tool") return typeof toolName === "string" && toolName !== "" ? toolName : undefined;
  return typeof type === "string" && type.startsWith("tool-") && type.length > 5 ? type.slice(5) : undefined;
}
