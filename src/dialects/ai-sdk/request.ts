/** The request of `useChat` → a start in the words of the relay's own wire. */

import { base64UrlOf } from "../../platform/base64-url.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import type { DialectStart, StartContext } from "../dialect.ts";
import { badRequest } from "../refusal.ts";
import { chatIdOf } from "./chat-id.ts";
import { type ReceivedMessage, receivedMessages } from "./received-message.ts";
import { chunksIn } from "./shown-before.ts";
import { contentOf, decisionsIn, isReply, resultsIn, textIn, turnsOf } from "./turns.ts";

/**
 * Reads the body of a POST: the whole conversation as `messages`, or only its last message as `message`.
 * @throws {Refusal} 400
 */
export async function startOf(body: unknown, { user, history }: StartContext): Promise<DialectStart> {
  if (!isJsonObject(body)) throw badRequest("The body must be an object.");
  const { id, messages: all, message, trigger, messageId, ...options } = body;
  const raw: unknown = all ?? (message === undefined ? undefined : [message]);
  const messages = receivedMessages(raw);
  const kind = kindOf(messages, body);
  const chat = typeof id === "string" && id !== "" ? chatIdOf(id) : undefined;
  const run = await derivedId([
    user,
    chat,
    trigger,
    messageId,
    messages.map((one) => one.id),
    (raw as unknown[]).at(-1),
  ]);
  const last = lastOf(messages);
  return {
    request: {
      run,
      ...(chat !== undefined && { chat }),
      ...(history === "server" ? newTurn(messages, kind, all !== undefined) : conversation(messages, history)),
      ...(kind === "continued" && { messageId: last.id }),
      options,
    },
    repeats: kind === "again" ? "never" : "complete",
    ...(kind === "continued" && { before: chunksIn(last) }),
  };
}

/**
 * The kinds of requests. `new`: the reply to a new question. `again`: the reply to an edited question, or to one that
 * has a reply. `continued`: the rest of a reply whose calls the front end has answered.
 */
type RequestKind = "new" | "again" | "continued";

function kindOf(messages: readonly ReceivedMessage[], { trigger, messageId }: JsonObject): RequestKind {
  const { role } = lastOf(messages);
  if (role === "assistant") return "continued";
  return trigger === "regenerate-message" || messageId !== undefined ? "again" : "new";
}

/** The part of a conversation that is new to a session. */
function newTurn(
  messages: readonly ReceivedMessage[],
  kind: RequestKind,
  isComplete: boolean,
): DialectStart["request"] {
  const last = lastOf(messages);
  if (kind === "continued") {
    const results = resultsIn(last); // also those that the session has, which it leaves aside
    return { answers: decisionsIn(last), ...(results.length > 0 && { results }) };
  }
  if (last.role !== "user") throw badRequest("The last message must be the user's, or the reply that continues.");
  const content = { message: contentOf(last) };
  if (kind === "new") return content;
  if (!isComplete)
    throw badRequest("Send the complete conversation as `messages` to edit a message, or to ask it again.");
  const earlier = questionsIn(messages.slice(0, -1));
  return earlier.length > 0 ? { ...content, earlier } : { ...content, keep: 0 };
}

/** The conversation as the front end has it. */
function conversation(messages: readonly ReceivedMessage[], history: StartContext["history"]): DialectStart["request"] {
  const answers = decisionsIn(lastOf(messages));
  return { messages: turnsOf(messages, history), ...(answers.length > 0 && { answers }) };
}

/** Returns the texts of the questions that have a reply: a session keeps no others. */
function questionsIn(messages: readonly ReceivedMessage[]): readonly string[] {
  return messages.flatMap((message, index) => {
    const next = messages[index + 1];
    return message.role === "user" && next && isReply(next) ? [textIn(message.parts)] : [];
  });
}

function lastOf(messages: readonly ReceivedMessage[]): ReceivedMessage {
  const last = messages.at(-1);
  if (last) return last;
  throw badRequest("`messages` must be an array that is not empty.");
}

/**
 * Resolves with the id of a run that the same request always gets: a request that is sent twice is one run. It depends
 * on all of the last message, since an edited message keeps its id.
 */
async function derivedId(of: readonly unknown[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(["ai-sdk 1", ...of.map((value) => value ?? null)]));
  return base64UrlOf(new Uint8Array(await crypto.subtle.digest("SHA-256", text)));
}
