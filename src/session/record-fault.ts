/** Validates the records that a store returns: programs other than this one also write stores and files. */

import { mediaFault, messageFault } from "../contract/validate.ts";
import type { JsonObject } from "../platform/json-object.ts";
import { answersFault } from "./call-answer.ts";
import type { SessionRecord } from "./record.ts";
import { readSession } from "./saved-session.ts";
import { isTurnUsage } from "./usage.ts";

/** Returns, for each type of record, what is wrong with its fields, as the end of a sentence that names the record. */
const FAULTS: Readonly<Record<SessionRecord["type"], (fields: JsonObject) => string | undefined>> = {
  prompt: ({ systemPrompt }) =>
    isAbsentOr(isString, systemPrompt) ? undefined : "has a system prompt that is not a string",
  said: ({ messages, id, title }) => {
    if (!isAbsentOr(isString, title)) return "has a title that is not a string";
    if (!isAbsentOr(isString, id)) return "has an id that is not a string";
    return Array.isArray(messages) ? faultIn(messages, ["user", "tool"]) : "has no messages";
  },
  text: ({ text, rewind, unseenTokens, media }) =>
    isString(text) && isAbsentOr(isCount, rewind) && isAbsentOr(isCount, unseenTokens)
      ? mediaFault(media)
      : "has no text",
  reply: ({ message, usage }) => faultIn([message], ["assistant"]) ?? usageFault(usage),
  result: ({ message }) => faultIn([message], ["tool"]),
  answer: ({ toolCallId, answer }) => answersFault([{ toolCallId, answer }]),
  end: ({ stays, message, usage }) => {
    if (typeof stays !== "boolean") return "has no boolean `stays`";
    return (message === undefined ? undefined : faultIn([message], ["assistant"])) ?? usageFault(usage);
  },
  cut: ({ length }) => (isCount(length) ? undefined : "has no length"),
  saved: ({ session, title }) =>
    isAbsentOr(isString, title) ? sessionFault(session) : "has a title that is not a string",
};

/**
 * Returns what is wrong with a record, as the end of a sentence that names the record; `undefined` when it is valid.
 */
export function recordFault(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "is not an object";
  const { type } = value as JsonObject;
  if (typeof type === "string" && Object.hasOwn(FAULTS, type))
    return FAULTS[type as SessionRecord["type"]](value as JsonObject);
  return `has the unknown type ${JSON.stringify(type) ?? "undefined"}`;
}

function faultIn(messages: readonly unknown[], roles: readonly string[]): string | undefined {
  for (const message of messages) {
    const fault = messageFault(message);
    if (fault) return `has a message that ${fault}`;
    const { role } = message as { readonly role: string };
    if (!roles.includes(role)) return `has a message of the role ${role}`;
  }
  return undefined;
}

function usageFault(usage: unknown): string | undefined {
  return isAbsentOr(isTurnUsage, usage) ? undefined : "has an invalid `usage`";
}

function sessionFault(session: unknown): string | undefined {
  try {
    const { systemPrompt } = readSession(session);
    return isAbsentOr(isString, systemPrompt) ? undefined : "has a system prompt that is not a string";
  } catch (error) {
    return `has an invalid session: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function isAbsentOr(isRight: (value: unknown) => boolean, value: unknown): boolean {
  return value === undefined || isRight(value);
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
