/** `RunAgentInput` → a start in the relay's own words. */

import { base64UrlOf } from "../../platform/base64-url.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import type { DialectStart, RequestHeaders, StartContext } from "../dialect.ts";
import { isChatId, isRunId } from "../ids.ts";
import { badRequest } from "../refusal.ts";
import { AgUiEncoder } from "./encoder.ts";
import { placeOf } from "./event-ids.ts";
import type { AgUiMessage } from "./events.ts";
import { answersIn, messagesIn, newTurnOf, turnsOf } from "./messages.ts";

const MAX_ID_LENGTH = 512;

/** Of 6 bits each. Every piece of text names its message. */
const MESSAGE_ID_LENGTH = 22;

/** Marks the names of chats that stand for other ids. */
const ENCODED = "t_";

/**
 * Returns the name of the chat of a thread: the id itself where it may be one.
 * @throws {Refusal} 400
 */
export function chatOfThread(threadId: unknown): string {
  const id = idOf(threadId, "threadId");
  if (isChatId(id) && !id.startsWith(ENCODED)) return id;
  const name = `${ENCODED}${base64UrlOf(new TextEncoder().encode(id))}`;
  if (isChatId(name)) return name;
  throw badRequest("`threadId` is too long.");
}

/**
 * Returns the name of the chat of a thread in a path, which the path may encode.
 * @throws {Refusal} 400
 */
export function chatInPath(segment: string): string {
  try {
    return chatOfThread(decodeURIComponent(segment));
  } catch (error) {
    if (error instanceof URIError) throw badRequest("The thread in the path is not encoded as one.");
    throw error;
  }
}

/** A shorter id of a run may be used again. Those of TanStack AI have a time and some random letters, 20 or more. */
const MIN_UNIQUE_LENGTH = 16;

/** Marks the ids of runs that the relay itself has named, where a front end has not. */
const OWN = "run_";

/** Returns the id of a run for a front end that has not chosen one. */
export function runIdOf(run: string): string {
  return OWN + run;
}

/**
 * Resolves with the relay's name of a run. A front end's id that is long enough to be unique names it alone: TanStack
 * AI comes back to a run without its thread. A short one counts within its request.
 * @param within what the request says in addition
 * @throws {Refusal} 400
 */
export async function runOf(user: string, runId: unknown, within: readonly unknown[] = []): Promise<string> {
  const id = idOf(runId, "runId");
  if (id.startsWith(OWN) && isRunId(id.slice(OWN.length))) return id.slice(OWN.length);
  const parts = id.length >= MIN_UNIQUE_LENGTH ? [user, id] : [user, id, ...within];
  const bytes = new TextEncoder().encode(JSON.stringify(["ag-ui", ...parts]));
  return base64UrlOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/**
 * Reads a `RunAgentInput`.
 * @throws {Refusal} 400
 */
export async function startOf(
  body: unknown,
  headers: RequestHeaders,
  { user, history }: StartContext,
): Promise<DialectStart> {
  if (!isJsonObject(body)) throw badRequest("The body must be an object.");
  const threadId = idOf(body.threadId, "threadId");
  const runId = idOf(body.runId, "runId");
  const messages = messagesIn(body.messages);
  const run = await runOf(user, runId, [threadId, messages.length, messages.at(-1)?.id]);
  const messageId = run.slice(0, MESSAGE_ID_LENGTH);
  const { conversation, shown } = withoutReply(messages, messageId);
  const answers = answersIn(body.resume);
  const { protocolVersion, tools, forwardedProps } = body;
  const last = headers.get("last-event-id");
  const connection = {
    runId,
    threadId,
    conversation,
    ...(typeof protocolVersion === "string" && { protocolVersion }),
    ...(last !== null && { seen: placeOf(last), hasBeenAway: true }),
    ...(shown.length > 0 && { shown, hasBeenAway: true }),
    comesBack: headers.has("x-run-id"),
  };
  const options = {
    ...(isJsonObject(forwardedProps) ? forwardedProps : {}),
    tools: Array.isArray(tools) && tools.length > 0 ? tools : undefined,
  };
  return {
    request: {
      run,
      messageId,
      chat: chatOfThread(threadId),
      options,
      ...(history === "server"
        ? newTurnOf(conversation, answers)
        : {
            messages: turnsOf(conversation, { signed: history === "signed", answers }),
            ...(answers.length > 0 && { answers }),
          }),
    },
    ...(last !== null && { watches: {} }),
    encoder: (reply) => new AgUiEncoder(reply, connection),
  };
}

/**
 * Returns the conversation without the messages of this run at its end, and those: of a front end that asks for a run
 * again whose reply it shows in part.
 */
function withoutReply(
  messages: readonly AgUiMessage[],
  messageId: string,
): { readonly conversation: readonly AgUiMessage[]; readonly shown: readonly AgUiMessage[] } {
  const isOfReply = ({ id }: AgUiMessage): boolean =>
    id === messageId || (typeof id === "string" && id.startsWith(`${messageId}-`));
  const length = messages.findLastIndex((message) => !isOfReply(message)) + 1;
  return { conversation: messages.slice(0, length), shown: messages.slice(length) };
}

/** Any text that is one line. */
function idOf(value: unknown, name: string): string {
  if (
    typeof value === "string" &&
    value !== "" &&
    value.length <= MAX_ID_LENGTH &&
    !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)
  ) {
    return value;
  }
  throw badRequest(`\`${name}\` must be a string of 1 to ${MAX_ID_LENGTH} characters on one line.`);
}
