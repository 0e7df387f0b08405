/** The ids that clients choose: they are parts of addresses, headers, events and keys of a log. */

import { badRequest } from "./refusal.ts";

const RUN_ID = /^[A-Za-z0-9_-]{22,128}$/;
const CHAT_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** Returns whether a value is the id of a run: long enough for 128 random bits. */
export function isRunId(value: unknown): value is string {
  return typeof value === "string" && RUN_ID.test(value);
}

/** Returns whether a value is the id of a chat. */
export function isChatId(value: unknown): value is string {
  return typeof value === "string" && CHAT_ID.test(value);
}

/** @throws {Refusal} 400 when the value is not the id of a run */
export function checkedRunId(value: unknown): string {
  if (isRunId(value)) return value;
  throw badRequest("`run` must be 22 to 128 random characters of A-Z, a-z, 0-9, _ and -.");
}

/** @throws {Refusal} 400 when the value is not the id of a chat */
export function checkedChatId(value: unknown): string {
  if (isChatId(value)) return value;
  throw badRequest("`chat` must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -.");
}

/** Message ids are those of front ends: any short text that is one line. */
const MESSAGE_ID = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,128}$/u;

/** @throws {Refusal} 400 when the value is not the id of a message */
export function checkedMessageId(value: unknown, name = "messageId"): string {
  if (isMessageId(value)) return value;
  throw badRequest(`\`${name}\` must be 1 to 128 characters on one line.`);
}

/** Returns whether a value is the id of a message. */
export function isMessageId(value: unknown): value is string {
  return typeof value === "string" && MESSAGE_ID.test(value);
}
