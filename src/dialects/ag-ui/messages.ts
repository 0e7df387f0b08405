/**
 * Messages of AG-UI → turns of a conversation. Everything in them is a stranger's: the relay checks the result, and
 * malformed fields pass as they are, so that the check names them.
 */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { isMessageId } from "../ids.ts";
import type { CallApproval } from "../native/wire.ts";
import { badRequest } from "../refusal.ts";
import type { AgUiMessage } from "./events.ts";
import { contentOf, textOf } from "./parts.ts";
import { ReceivedReply, resultOf } from "./received-reply.ts";

/** A turn of the conversation that nothing has checked yet. */
type LooseTurn = JsonObject;

/**
 * Returns the messages of a request.
 * @throws {Refusal} 400 when they are not an array of objects
 */
export function messagesIn(value: unknown): readonly AgUiMessage[] {
  if (Array.isArray(value) && value.every(isJsonObject)) return value;
  throw badRequest("`messages` must be an array of messages.");
}

/**
 * Returns the decisions of a person, which answer the interrupts of the last run. The id of an interrupt is that of the
 * call.
 * @throws {Refusal} 400
 */
export function answersIn(resume: unknown): readonly CallApproval[] {
  if (resume === undefined || resume === null) return [];
  if (Array.isArray(resume) && resume.every(isJsonObject)) return resume.map(answerOf);
  throw badRequest("`resume` must be an array of entries.");
}

function answerOf({ interruptId: toolCallId, status, payload }: JsonObject): CallApproval {
  if (typeof toolCallId !== "string") throw badRequest("An entry of `resume` has no `interruptId`.");
  if (status === "cancelled") return { toolCallId, approved: false };
  const { approved, reason } = isJsonObject(payload) ? payload : { approved: payload, reason: undefined };
  if (status !== "resolved" || typeof approved !== "boolean") {
    throw badRequest("An entry of `resume` must be cancelled, or resolved with a `payload` of { approved }.");
  }
  return { toolCallId, approved, ...(typeof reason === "string" && { reason }) };
}

/** The new part of a conversation that the relay keeps, in the relay's words. */
export type NewTurn =
  | { readonly message: unknown; readonly earlier: readonly string[]; readonly question?: string }
  | { readonly results?: readonly LooseTurn[]; readonly answers?: readonly CallApproval[] };

/**
 * Returns the new turn at the end of a conversation: a message of the user, or answers to calls.
 * @throws {Refusal} 400 when the conversation ends in another way
 */
export function newTurnOf(messages: readonly AgUiMessage[], answers: readonly CallApproval[]): NewTurn {
  const replied = messages.findLastIndex(({ role }) => role === "assistant");
  const after = messages.slice(replied + 1);
  const users = messages.filter(({ role }) => role === "user");
  if (answers.length === 0 && after.some(({ role }) => role === "user")) {
    const { id, content } = users.at(-1) ?? {};
    const earlier = users.slice(0, -1).map((user) => textOf(user.content));
    return { message: contentOf(content), earlier, ...(isMessageId(id) && { question: id }) };
  }
  const decided = new Set<unknown>(answers.map(({ toolCallId }) => toolCallId));
  const results = after.filter(({ role, toolCallId }) => role === "tool" && !decided.has(toolCallId)).map(resultOf);
  if (answers.length > 0) return { answers, ...(results.length > 0 && { results }) };
  if (results.length > 0) return { results };
  throw badRequest("`messages` must end with a message of the user, or with results of tools.");
}

/**
 * Returns a conversation for a relay that keeps none.
 * @param signed whether only signed calls count: those of earlier turns without a signature go, with their results
 */
export function turnsOf(
  messages: readonly AgUiMessage[],
  { signed, answers }: { readonly signed: boolean; readonly answers: readonly CallApproval[] },
): readonly LooseTurn[] {
  const turns: LooseTurn[] = [];
  let reply: ReceivedReply | undefined;
  for (const message of messages) {
    switch (message.role) {
      case "assistant":
        if (reply?.isAnswered(signed)) {
          turns.push(...reply.turns(signed));
          reply = undefined;
        }
        reply ??= new ReceivedReply();
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
        if (reply) turns.push(...reply.turns(signed));
        reply = undefined;
        turns.push(turnOf(message));
    }
  }
  if (reply) turns.push(...reply.lastTurns(signed, answers));
  return turns;
}

function turnOf({ role, content }: AgUiMessage): LooseTurn {
  if (role === "user") return { role, content: contentOf(content) };
  return { role: role === "developer" ? "system" : role, content };
}
