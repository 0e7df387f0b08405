/** Requests that start or stop a run, checked: everything in them is a stranger's. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { Message, UserMessage } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import { optionsFault } from "../../contract/validate.ts";
import { checkedChatId, checkedMessageId, checkedRunId } from "../../dialects/ids.ts";
import type { CallApproval, StartRequest, StopRequest } from "../../dialects/native/wire.ts";
import { badRequest } from "../../dialects/refusal.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";

import { pendingCalls } from "../../session/history.ts";
import type { KeptRun } from "../log/log.ts";
import type { CallAnswers, KeptHistory } from "../log/turn-request.ts";
import type { Policy } from "../policy/policy.ts";
import { checkAnswers } from "./call-answers.ts";
import {
  checkedApprovals,
  checkedContent,
  checkedMessages,
  checkedResults,
  checkSignedEnd,
  type TurnRules,
} from "./incoming-message.ts";
import type { SignedOrigin, Signer } from "./signature.ts";

/** The run that a request asks for, checked. */
export interface CheckedStart {
  readonly run: string;
  readonly chat: string;
  readonly turn: StartTurn;
  /** The options that the browser may choose, and the server's cap on tokens. */
  readonly options: SendOptions;
  /** The id under which front ends know the reply. */
  readonly messageId?: string;
  /** Of a dialect: see `DialectStart.before`. */
  readonly before?: readonly MessageChunk[] | undefined;
  /** The name of a client in the option `models`. Absent for the relay's own client. */
  readonly model?: string;
  /** Present when a program may ask for the reply later. */
  readonly kept?: KeptRun;
  /** Whether the log must not keep the request. */
  readonly isUnstored?: boolean;
}

/** The turn that the run answers: a conversation, or with a session store, the new part of it. */
type StartTurn =
  | {
      readonly type: "messages";
      readonly messages: readonly Message[];
      /** Decisions about the calls at the end of the messages, all of which have one or a result. */
      readonly approvals?: readonly CallApproval[];
      /** The run that has asked for the approvals. */
      readonly askedBy?: SignedOrigin;
    }
  | {
      readonly type: "message";
      readonly content: UserMessage["content"];
      readonly keep?: KeptHistory;
      readonly earlier?: readonly string[];
      readonly question?: string;
    }
  | ({ readonly type: "answers" } & CallAnswers)
  | { readonly type: "regenerate"; readonly keep?: KeptHistory };

/** The rules about a start, in addition to the policy. */
export interface StartRules {
  readonly policy: Policy;
  readonly user: string;
  /** Of the option `secret`. */
  readonly signer: Signer | undefined;
  /** The names of the server's tools, which a browser's tools may not take. */
  readonly toolNames: readonly string[];
}

const MAX_CLIENT_TOOLS = 32;
const MAX_SCHEMA_LENGTH = 16_000;

/**
 * Checks a start. Fields that it does not know are ignored.
 * @throws {Refusal} 400
 */
export async function checkedStartOf(body: Unchecked<StartRequest>, rules: StartRules): Promise<CheckedStart> {
  const { policy, user, signer } = rules;
  const { limits, history, trustHistory, attachmentUrl } = policy;
  const run = checkedRunId(body.run);
  const chat = body.chat === undefined ? run : checkedChatId(body.chat);
  const turn = await turnOf(body, { limits, history, trustHistory, attachmentUrl, user, signer });
  const options = checkedObject(body.options ?? {}, "`options`");
  const model = modelOf(options, policy);
  const messageId = body.messageId === undefined ? undefined : checkedMessageId(body.messageId);
  return {
    run,
    chat,
    turn,
    options: optionsOf(options, rules),
    ...(model !== undefined && { model }),
    ...(messageId !== undefined && { messageId }),
  };
}

/**
 * Checks a stop.
 * @throws {Refusal} 400
 */
export function stopRequestOf(body: unknown): StopRequest {
  const { run } = checkedObject(body ?? {}, "The body");
  return run === undefined ? {} : { run: checkedRunId(run) };
}

async function turnOf(body: Unchecked<StartRequest>, rules: TurnRules): Promise<StartTurn> {
  const { messages, message, results, answers, regenerate } = body;
  if (rules.history !== "server") {
    if (messages === undefined && [message, results, answers, regenerate].some((field) => field !== undefined)) {
      throw badRequest("This relay keeps no conversations (`sessions`). Send the complete one as `messages`.");
    }
    return conversationOf(messages, answers, rules);
  }
  if (messages !== undefined) {
    throw badRequest("`messages` is not taken: the server keeps the conversation. Send the new turn as `message`.");
  }
  if ([message, results ?? answers, regenerate || undefined].filter((field) => field !== undefined).length !== 1) {
    throw badRequest("The body must hold one of `message`, `results` with `answers`, and `regenerate`.");
  }
  const kept = body.keep === undefined ? {} : { keep: checkedKeep(body.keep) };
  if (message !== undefined) {
    const earlier = body.earlier === undefined ? {} : { earlier: checkedEarlier(body.earlier, rules) };
    const question = body.question === undefined ? {} : { question: checkedMessageId(body.question, "question") };
    return { type: "message", content: checkedContent(message, rules), ...kept, ...earlier, ...question };
  }
  if (results === undefined && answers === undefined) return { type: "regenerate", ...kept };
  if (body.keep !== undefined) throw badRequest("`keep` goes with `message` or `regenerate`.");
  return {
    type: "answers",
    results: results === undefined ? [] : checkedResults(results, rules),
    approvals: answers === undefined ? [] : checkedApprovals(answers, rules),
  };
}

/** Calls run only when this relay has signed them, also where it trusts the history of a browser. */
async function conversationOf(
  value: unknown,
  answers: unknown,
  rules: TurnRules,
): Promise<Extract<StartTurn, { readonly type: "messages" }>> {
  const messages = await checkedMessages(value, rules);
  if (answers === undefined) return { type: "messages", messages };
  const approvals = checkedApprovals(answers, rules);
  const askedBy = await checkSignedEnd(value, messages, rules);
  const waiting = pendingCalls(messages);
  checkAnswers({ results: [], approvals }, waiting, []);
  const left = waiting.find(({ id }) => !approvals.some(({ toolCallId }) => toolCallId === id));
  if (left) throw badRequest(`The tool call ${left.id} still waits for an answer.`);
  return { type: "messages", messages, approvals, askedBy };
}

function checkedKeep(keep: unknown): KeptHistory {
  if (isCount(keep)) return keep;
  if (isJsonObject(keep) && isCount(keep.turns)) return { turns: keep.turns };
  throw badRequest("`keep` must be a number of messages, or { turns } with a number of questions.");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function checkedEarlier(earlier: unknown, { limits }: TurnRules): readonly string[] {
  if (
    Array.isArray(earlier) &&
    earlier.length <= limits.messages &&
    earlier.every((text) => typeof text === "string")
  ) {
    return earlier;
  }
  throw badRequest(`\`earlier\` must be an array of at most ${limits.messages} strings.`);
}

function modelOf({ model }: JsonObject, { allow, models }: Policy): string | undefined {
  if (model === undefined || !allow.includes("model")) return undefined;
  if (typeof model === "string" && Object.hasOwn(models, model)) return model;
  throw badRequest(`\`options.model\` must be one of ${Object.keys(models).join(", ")}.`);
}

function optionsOf(given: JsonObject, { policy, toolNames }: StartRules): SendOptions {
  const { allow, limits, clientTools } = policy;
  const chosen: Record<string, unknown> = {};
  for (const name of allow) {
    if (name !== "model" && Object.hasOwn(given, name) && given[name] !== null) chosen[name] = given[name];
  }
  if (clientTools && given.tools !== undefined) chosen.tools = toolsOf(given.tools, toolNames);
  const fault = optionsFault(chosen);
  if (fault !== undefined) throw badRequest(fault);
  const options = chosen as SendOptions; // as `optionsFault` says
  if (limits.maxOutputTokens === undefined) return options;
  return { ...options, maxOutputTokens: Math.min(options.maxOutputTokens ?? Infinity, limits.maxOutputTokens) };
}

/** Tools without `run`: their calls go to the browser. */
function toolsOf(value: unknown, taken: readonly string[]): readonly Tool[] {
  if (!Array.isArray(value) || value.length > MAX_CLIENT_TOOLS) {
    throw badRequest(`\`options.tools\` must be an array of at most ${MAX_CLIENT_TOOLS} tools.`);
  }
  return value.map((item: unknown, index) => {
    const subject = `\`options.tools[${index}]\``;
    const { name, description, parameters } = checkedObject(item, subject);
    if (typeof name !== "string") throw badRequest(`${subject} has no name.`);
    if (taken.includes(name)) throw badRequest(`${subject} has the name of a tool of the server.`);
    if (parameters !== undefined && !isJsonObject(parameters)) {
      throw badRequest(`${subject} has \`parameters\` that are not a JSON Schema.`);
    }
    const length = JSON.stringify(parameters ?? {}).length + (typeof description === "string" ? description.length : 0);
    if (length > MAX_SCHEMA_LENGTH) {
      throw badRequest(`${subject} must have at most ${MAX_SCHEMA_LENGTH} characters of description and schema.`);
    }
    return {
      name,
      ...(typeof description === "string" && { description }),
      ...(parameters !== undefined && { parameters }),
    };
  });
}

/** An object of which only the names of the fields are known. */
type Unchecked<Shape> = { readonly [Name in keyof Shape]?: unknown };

function checkedObject(value: unknown, subject: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw badRequest(`${subject} must be an object.`);
}
