/** One turn of a stored session, as the reply of a run. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { ClientWrapper } from "../../contract/client.ts";
import { withFacts } from "../../contract/error-copies.ts";
import { SendError } from "../../contract/errors.ts";
import type { AssistantMessage, Message, UserMessage } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import { badRequest } from "../../dialects/refusal.ts";
import { sleep } from "../../platform/sleep.ts";
import type { TurnReports } from "../../session/execute-tool.ts";
import type { TurnInput } from "../../session/history.ts";
import { openLeft } from "../../session/left-session.ts";
import type { SeenTurn } from "../../session/left-turn.ts";
import type { OpenOptions } from "../../session/options.ts";
import { SessionOpening } from "../../session/recalled-turn.ts";
import type { SavedSession } from "../../session/saved-session.ts";
import { type LLMSession, sessionParts } from "../../session/session.ts";
import { streamOf } from "../../stream/complete-source.ts";
import { MessageStream } from "../../stream/message-stream.ts";
import { producerLost } from "../../stream/rest-of-reply.ts";
import { sendErrorOf } from "../../stream/transfer.ts";
import type { CallAnswers, KeptHistory, TurnRequest } from "../log/turn-request.ts";
import { checkAnswers, giveAnswers, newAnswers, waitingReply } from "../request/call-answers.ts";
import type { RunSource } from "./run-source.ts";

/** How a relay opens its sessions: the options of `LLMSession.open` without those that the relay sets. */
export interface SessionSetup extends Omit<OpenOptions, "client" | "id" | "maxTokens"> {
  /** As in `LLMSession.open`; or a function of the client that answers, where there are several (`models`). */
  readonly maxTokens?: number | ((client: ClientWrapper) => number | undefined) | undefined;
}

/** A turn that another process has begun, as its log has it. */
export interface LeftSoFar {
  readonly seen: SeenTurn;
  readonly message: AssistantMessage;
}

/** The parts of a turn. */
interface SessionTurnParts {
  /** The id of its run: the store keeps it with the turn. */
  readonly id: string;
  readonly request: TurnRequest;
  readonly options: SendOptions;
  /** Present when another process has begun the turn. */
  readonly left?: LeftSoFar | undefined;
}

/** A message of the user, with the id under which front ends know it. */
type Question = Pick<UserMessage, "content" | "id">;

/** How often and how long a session that another has is tried, in milliseconds. */
interface Patience {
  readonly pauseMs: number;
  readonly maxMs: number;
}

/** A session whose process has died is free when its lease has passed. */
const UNTIL_EXPIRED: Patience = { pauseMs: 250, maxMs: 60_000 };

/** A start that has lost its chat to this one is about to give the session back. */
const UNTIL_RELEASED: Patience = { pauseMs: 25, maxMs: 1_000 };

/** Opens a session, sends one turn, and closes the session when its reply is over. */
export class SessionTurn implements RunSource {
  /** Its store lends the session to one process. */
  readonly isExclusive = true;
  readonly #setup: OpenOptions;
  readonly #turn: SessionTurnParts;
  #opening: SessionOpening | undefined;
  #session: LLMSession | undefined;
  #soFar: readonly MessageChunk[] | undefined;
  /** The conversation before its last reply was removed. */
  #before: SavedSession | undefined;
  #leaving: Promise<void> | undefined;

  constructor(setup: OpenOptions, turn: SessionTurnParts) {
    this.#setup = setup;
    this.#turn = turn;
  }

  /** Returns the chunks so far of a turn that another process has begun. */
  get soFar(): readonly MessageChunk[] | undefined {
    return this.#soFar;
  }

  async recall(): Promise<AssistantMessage | undefined> {
    return this.#openingOf().recall();
  }

  async open(signal: AbortSignal, reports: TurnReports): Promise<MessageStream> {
    const { left } = this.#turn;
    if (left) return this.#continueLeft(left, signal, reports);
    const opening = this.#openingOf();
    const { session, left: lost } = await claimed(() => opening.open(), signal, UNTIL_RELEASED);
    this.#session = session;
    if (lost) throw producerLost(lost);
    return this.#begin(session, signal, reports);
  }

  /** The process ends, and another one continues the turn: the store keeps it as one that is under way. */
  leave(): void {
    if (this.#session) this.#leaving ??= sessionParts(this.#session).conversation.close();
    this.#leaving?.catch(() => undefined); // `close` reports it
  }

  #openingOf(): SessionOpening {
    this.#opening ??= new SessionOpening(this.#setup, this.#turn.id);
    return this.#opening;
  }

  #begin(session: LLMSession, signal: AbortSignal, reports: TurnReports): Promise<MessageStream> {
    mustGoOn(signal);
    const { id, request, options: own } = this.#turn;
    const options = { ...own, signal };
    const send = (input: TurnInput, question?: string) =>
      sessionParts(session).begin(input, options, { id, reports, question });
    if (request.type === "answers") return this.#answer(session, request, send);
    const { content, id: question } = this.#question(session, request);
    return send(content, question);
  }

  /** Continues the turn, when the lease of its process has passed. */
  async #continueLeft({ seen, message }: LeftSoFar, signal: AbortSignal, reports: TurnReports): Promise<MessageStream> {
    const { id, options } = this.#turn;
    const open = () => openLeft(this.#setup, { id, seen, options, signal, reports });
    const opened = claimed(open, signal, UNTIL_EXPIRED);
    const { session, outcome } = await opened.catch((error: unknown) => {
      throw withPartial(sendErrorOf(error), message);
    });
    this.#session = session;
    switch (outcome.type) {
      case "unsent":
        return this.#begin(session, signal, reports);
      case "open":
        this.#soFar = outcome.chunks;
        return outcome.stream;
      case "complete":
        this.#soFar = outcome.chunks;
        return MessageStream.from(completeChunks(outcome));
      case "lost":
        throw producerLost(message, `The process that wrote the reply has ended. ${outcome.why}`);
    }
  }

  /**
   * Keeps the answers. The turn continues when no call waits any more; until then, the reply is the calls that wait.
   */
  async #answer(
    session: LLMSession,
    given: CallAnswers,
    send: (input: TurnInput) => Promise<MessageStream>,
  ): Promise<MessageStream> {
    const { waiting } = session;
    const answers = newAnswers(given, session.history);
    const { client } = this.#setup;
    const tools = this.#setup.tools ?? this.#setup.defaults?.tools ?? client.defaults?.tools ?? [];
    const kept = session.toJSON().answers ?? [];
    checkAnswers(answers, waiting, tools, (id) => kept.some(({ toolCallId }) => toolCallId === id));
    const isAllResults = answers.approvals.length === 0 && kept.length === 0 && answers.results.length > 0;
    if (isAllResults && answers.results.length === waiting.length) {
      return send(answers.results); // a refusal takes them back
    }
    await giveAnswers(session, answers);
    const last = session.history.at(-1);
    if (waiting.length === 0 && kept.length === 0 && last?.role !== "tool") {
      throw badRequest("No tool call waits for an answer.");
    }
    if (session.waiting.length > 0) return streamOf(waitingReply(client, session.waiting));
    return send([]);
  }

  async close(): Promise<void> {
    const session = this.#session;
    if (!session) await this.#opening?.release();
    await this.#leaving;
    if (session && this.#before && session.unanswered !== undefined) {
      session.restore({ ...this.#before, turns: session.toJSON().turns }); // the new reply has brought nothing
    }
    await session?.[Symbol.asyncDispose]();
  }

  /** Returns the question of the turn, with the id under which front ends know it. */
  #question(session: LLMSession, request: Exclude<TurnRequest, { readonly type: "answers" }>): Question {
    if (request.type === "turn") {
      const { input, question, keep = replacedBy(session.history, request) } = request;
      if (keep !== undefined) this.#takeBack(session, lengthOf(keep, session.history));
      return { content: input, id: question };
    }
    const { keep } = request;
    const question = keep === undefined ? this.#lastQuestion(session) : this.#questionIn(session, keep);
    if (question !== undefined) return question;
    throw new SendError("invalidRequest", "The conversation is empty: it has no reply to write again.");
  }

  /** Takes back the last of the exchanges that stay, and those behind it. Returns its question. */
  #questionIn(session: LLMSession, keep: KeptHistory): Question | undefined {
    const before = typeof keep === "number" ? keep - 1 : { turns: Math.max(0, keep.turns - 1) };
    return this.#takeBack(session, lengthOf(before, session.history));
  }

  #lastQuestion(session: LLMSession): Question | undefined {
    const { unanswered } = sessionParts(session).conversation.state;
    if (unanswered) return unanswered;
    this.#before = session.toJSON();
    return undone(session);
  }

  /**
   * Takes exchanges back until `length` messages are left. Returns the question after them. The exchanges go for good
   * when the next reply has begun.
   * @throws {SendError} kind `invalidRequest` when no question follows so many messages
   */
  #takeBack(session: LLMSession, length: number): Question | undefined {
    if (length === session.history.length) return undefined;
    const before = session.toJSON();
    let question: Question | undefined;
    while (session.history.length > Math.max(0, length)) question = undone(session);
    if (session.history.length !== length) {
      session.restore(before);
      throw new SendError("invalidRequest", "The conversation has no question after so many messages.");
    }
    this.#before = before;
    return question;
  }
}

/** Takes the last exchange back. Returns its question; `undefined` when the history is empty. */
function undone(session: LLMSession): Question | undefined {
  const question = session.history.findLast((message) => message.role === "user");
  session.undo();
  return question;
}

/** Tries again while another has the session. */
async function claimed<T>(open: () => Promise<T>, signal: AbortSignal, { pauseMs, maxMs }: Patience): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof SendError) || error.kind !== "busy" || waitedMs >= maxMs) throw error;
    }
    mustGoOn(signal);
    await sleep(pauseMs);
  }
}

/** @throws {SendError} kind `aborted` when the run was stopped, or is handed over, before its turn was open */
function mustGoOn(signal: AbortSignal): void {
  if (signal.aborted) throw new SendError("aborted", "The run was stopped.");
}

/** Returns the error with the part of the reply that viewers have seen. */
function withPartial(error: SendError, message: AssistantMessage): SendError {
  const isShown = error.partial === undefined && message.content !== "";
  return isShown ? withFacts(error, { partial: message }) : error;
}

async function* completeChunks({
  chunks,
  message,
}: {
  readonly chunks: readonly MessageChunk[];
  readonly message: AssistantMessage;
}): AsyncGenerator<MessageChunk> {
  yield* chunks;
  yield { type: "final", content: "", message, isFinal: true };
}

/** Returns the index of the turn of the user that a request replaces; `undefined` when it replaces none. */
function replacedBy(
  history: readonly Message[],
  { input, earlier, question }: Extract<TurnRequest, { readonly type: "turn" }>,
): number | undefined {
  if (question !== undefined) {
    const at = history.findLastIndex((message) => message.role === "user" && message.id === question);
    if (at >= 0) return at;
    // A page that shows a part of the history names the message by its place there.
    const place = earlier?.length === 0 ? Number(PLACE.exec(question)?.[1]) - 1 : Number.NaN;
    const there = history[place];
    if (there?.role === "user" && questionText(there.content) === questionText(input)) return place;
  }
  return earlier && replacedAt(history, earlier, input);
}

/** The id that a message has in the history that front ends load: its number. */
const PLACE = /^m([1-9]\d*)$/;

/**
 * Returns the index of the turn of the user that `input` replaces; `undefined` when it replaces none. A front end that
 * shows no earlier turn may not know the history: it replaces the only turn there is, when it repeats that.
 */
function replacedAt(
  history: readonly Message[],
  earlier: readonly string[],
  input: UserMessage["content"],
): number | undefined {
  const turns = history.flatMap((message, index) =>
    message.role === "user" ? [{ index, text: questionText(message.content) }] : [],
  );
  const replaced = turns[earlier.length];
  if (!replaced || earlier.some((text, at) => text !== turns[at]?.text)) return undefined;
  const isRepeated = turns.length === 1 && replaced.text === questionText(input);
  return earlier.length > 0 || isRepeated ? replaced.index : undefined;
}

function questionText(content: UserMessage["content"]): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Returns the number of messages that stay: all of them when the history has fewer questions. */
function lengthOf(keep: KeptHistory, history: readonly Message[]): number {
  if (typeof keep === "number") return keep;
  const questions = history.flatMap(({ role }, index) => (role === "user" ? [index] : []));
  return [...questions, history.length][keep.turns] ?? history.length;
}
