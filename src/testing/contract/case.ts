/** One case of the contract, and the helpers for writing it. */

import assert from "node:assert/strict";
import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { AssistantMessage, Message } from "../../contract/message.ts";
import type { MessageStream } from "../../stream/message-stream.ts";
import type { ReplyScript } from "../script.ts";
import type { Ability, OpenedSubject } from "./subject.ts";

/** The functions and limits that a case uses. */
export interface Bench {
  /** Opens a new subject. The suite disposes of it after the case. */
  open(...scripts: readonly ReplyScript[]): Promise<Required<OpenedSubject>>;
  readonly readAhead: number;
}

/** A rule, as a sentence, and its check. */
export interface CaseDefinition {
  readonly name: string;
  readonly needs?: readonly Ability[];
  run(bench: Bench): Promise<void>;
}

/** Maximum time, in milliseconds, until an abandoned connection is closed. */
const SOON_MS = 1_500;

export const QUESTION: readonly Message[] = [{ role: "user", content: "Tell me." }];

/** Options for calls that must fail: a retry would hide the failure. */
export const ONCE = { retries: 0 } as const;

/** Returns all chunks of a stream, and the error that it ends with. */
export async function readAll(stream: MessageStream): Promise<{ chunks: MessageChunk[]; error: unknown }> {
  const chunks: MessageChunk[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return { chunks, error };
  }
  return { chunks, error: undefined };
}

/** Returns the visible text of chunks, rewinds applied. */
export function shownText(chunks: readonly MessageChunk[]): string {
  let text = "";
  for (const chunk of chunks) {
    text += chunk.content;
    if (chunk.type === "rewind") text = text.slice(0, Math.max(0, text.length - chunk.length));
  }
  return text;
}

/** No call may have been delivered. */
export function mustDeliverNoCall(chunks: readonly MessageChunk[]): void {
  assert.ok(!chunks.some(({ type }) => type === "toolCall"), "a call was delivered");
}

/** Returns the message of the one final chunk, which must be the last. */
export function finalOf(chunks: readonly MessageChunk[]): AssistantMessage {
  const last = chunks.at(-1);
  assert.equal(chunks.filter((chunk) => chunk.isFinal).length, 1, "there must be exactly one final chunk");
  assert.ok(last?.type === "final", "the final chunk must be the last");
  return last.message;
}

/** Resolves with the `SendError` that a promise must reject with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<SendError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in outcome) assert.fail(`it succeeded: ${JSON.stringify(outcome.value)?.slice(0, 200)}`);
  return asSendError(outcome.error);
}

/** Returns the error, which must be a `SendError`. */
export function asSendError(error: unknown): SendError {
  assert.ok(error instanceof SendError, `only SendErrors are thrown, not ${error}`);
  return error;
}

/** Returns the partial message that a failure after the beginning must carry. */
export function partialOf(error: SendError): AssistantMessage {
  assert.ok(error.partial, "the error must carry what did arrive (`partial`)");
  return error.partial;
}

/** Fails unless the promise settles within a second and a half. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  return within(SOON_MS, promise, what);
}

/** Fails unless the promise settles in time. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what}: not within ${ms} ms` })), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets the event loop turn, so that pending data in this process arrives. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
