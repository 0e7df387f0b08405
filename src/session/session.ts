/**
 * `LLMSession`: a client, a system prompt, the history, and a limit of the tokens that are sent. The file is long
 * because it is the public face of sessions: half of it is documentation, and the work is in the files that it imports.
 */

import { type ClientWrapper, type TypedClient, typedReply } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import { loadPart } from "../contract/load-part.ts";
import type { Message, ToolCall, UserMessage } from "../contract/message.ts";
import { checkGiven } from "../contract/option-faults.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { type BegunTurn, beginTurn, type TurnDefinition } from "./begun-turn.ts";
import { type CallAnswer, checkAnswer, isSameAnswer, storedAnswerOf } from "./call-answer.ts";
import { Conversation } from "./conversation.ts";
import {
  checkedHistory,
  lastExchangeOf,
  messagesOf,
  pendingCalls,
  type TurnInput,
  tailOf,
  waitingCalls,
} from "./history.ts";
import { storedSessions } from "./load-stored-session.ts";
import { turnSource } from "./load-turn-source.ts";
import {
  checkedClient,
  checkedPrompt,
  checkOpenNames,
  checkOptions,
  checkPlace,
  checkResumed,
  hasRunnableTool,
  maxStepsFault,
  type Named,
  type OpenOptions,
  type RestoreOptions,
  type SessionOptions,
  type SessionReply,
  type TurnOptions,
  turnDefaults,
  turnNamesFault,
  turnOptionsOf,
} from "./options.ts";
import { plainMessages, readSession, type SavedSession } from "./saved-session.ts";
import type { SessionSnapshot } from "./snapshot.ts";
import type { Left, ReservedSession } from "./stored-session.ts";
import { TokenBudget } from "./trimming.ts";
import type { Turn } from "./turn.ts";
import { budgetFault, type TurnBudget } from "./turn-budget.ts";
import { type SessionUsage, sessionUsageOf } from "./usage.ts";

const DEFAULT_MAX_STEPS = 8;
/**
 * Longer than a person needs to decide about a call; short enough that a forgotten stream does not block a session for
 * good.
 */
const DEFAULT_UNREAD_TIMEOUT_MS = 600_000;

/** The private parts of each session. A static block of the class would do, but then every page carries the class. */
const PARTS = /* @__PURE__ */ new WeakMap<object, SessionParts>();

/**
 * A conversation that keeps its own history, one turn at a time. However a turn ends, the history is complete, can be
 * sent again, and is up to date before the caller learns of the end:
 *
 * - After a complete reply, the history has the user message and the reply.
 * - After a reply that was stopped, aborted or failed, the history has the text so far, marked `interrupted` (see
 *   `onInterrupt`).
 * - If no text arrived, or the reply is empty, the user message is removed again.
 *
 * The session runs tools that have a `run`, sends their results, and asks again until the model is done or `maxSteps`
 * is reached. The tools are those of the call, or else those of the session or the client. All replies come in one
 * stream, with a `toolResult` chunk for each result, and as one message, with the single replies on `steps`. The tools
 * of a reply start when the consumer has taken its last `toolCall` chunk and asks for more; `sendMessage` and
 * `finalMessage` always do. A consumer that leaves the stream at a call prevents the tools from running. If a tool
 * throws, is unknown, exceeds its `timeoutMs` or gets invalid arguments, the model receives an error result and
 * continues. Calls of tools without a `run` end the turn and are left to the caller. If a turn is stopped or fails
 * between two replies, the history keeps the replies and results before that point. Calls without a result are closed.
 *
 * A stream that is neither read to its end nor left keeps its turn under way, until it has not been read for ten
 * minutes (`unreadTimeoutMs`).
 *
 * @typeParam Given the names of the options that the session was made with, which the compiler infers. A session
 * without `tools` and `defaults` types `message.output` as present. Every session is assignable to an `LLMSession`
 * @example
 * ```ts
 * import { LLMSession, OpenAIClient, OpenAIModel } from "cloudllm";
 *
 * export async function talk(): Promise<void> {
 *   const client = new OpenAIClient({ model: OpenAIModel.GPT6Luna });
 *   const session = new LLMSession({ client, systemPrompt: "You are a poet.", maxTokens: 8_192 });
 *   for await (const chunk of await session.sendMessageStream("Write a poem")) process.stdout.write(chunk.content);
 *   const { content } = await session.sendMessage("And its title?");
 *   console.log(content, session.history.length, session.tokenUsage().totalTokens);
 * }
 * ```
 */
export class LLMSession<Given extends keyof SessionOptions = keyof SessionOptions> implements AsyncDisposable {
  readonly #conversation: Conversation;
  readonly #maxSteps: number | undefined;
  readonly #budget: TurnBudget | undefined;
  readonly #onToolError: SessionOptions["onToolError"];
  readonly #unreadTimeoutMs: number;
  readonly #defaults: SendOptions;
  #client: ClientWrapper;
  /** The last turn, or its loading. */
  #turn: Turn | Promise<Turn> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {TypeError} when an option is invalid, or the history could not be sent */
  constructor(options: SessionOptions & Named<Given>) {
    checkOptions(options);
    const { client, systemPrompt, maxTokens, counter, onInterrupt = "keep", maxSteps, history = [] } = options;
    this.#client = client;
    this.#onToolError = options.onToolError;
    this.#unreadTimeoutMs = options.unreadTimeoutMs ?? DEFAULT_UNREAD_TIMEOUT_MS;
    this.#maxSteps = maxSteps;
    this.#budget = options.budget;
    this.#defaults = turnDefaults(options);
    const budget = maxTokens === undefined ? undefined : new TokenBudget(maxTokens, counter);
    const state = { systemPrompt: checkedPrompt(systemPrompt), history: checkedHistory(history), turns: [] };
    this.#conversation = new Conversation(state, budget, onInterrupt);
    PARTS.set(this, {
      conversation: this.#conversation,
      reserve: async (options) => {
        checkPlace(options.store, options.id);
        return (await loadPart(storedSessions)).reserveStored(options);
      },
      load: (options, left, reserved) => this.#load(options, left, reserved),
      begin: (input, options, more) => this.#open(this.#begin(input, options, true, more)),
      continueTurn: (options, more) => this.#open(this.#turnOf(options, true, more)),
    });
  }

  /**
   * Returns the session that `toJSON` described, with its history, usage and settings.
   * @throws {TypeError} when `json` is not a saved session
   */
  static fromJSON<Given extends keyof RestoreOptions = keyof RestoreOptions>(
    json: unknown,
    options: RestoreOptions & Named<Given>,
  ): LLMSession<Given> {
    const { systemPrompt, maxTokens, onInterrupt, maxSteps, history, turns, answers } = readSession(json);
    const session = new LLMSession<Given>({
      ...options,
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...(maxSteps !== undefined && { maxSteps }),
      onInterrupt,
      history,
    });
    session.#conversation.restore({ turns, answers });
    return session;
  }

  /**
   * Opens the session that a store keeps under an id, or a new one. The store gets every turn before it is sent, its
   * reply as it streams, the results of tools, and the complete reply before the caller has its end. If the process is
   * killed, the session opens again with every turn that had ended. Of a turn that had not, the history keeps the
   * stored text, marked `interrupted` (see `onInterrupt`); calls without a result are closed, and the usage of that
   * reply counts as an estimate. A failure of the store does not fail a reply: the next `sendMessage…` or `close` tries
   * again and reports it.
   *
   * The store does not keep `maxTokens`, `onInterrupt`, `maxSteps`, `budget`, `tools`, `defaults` and the client: pass
   * them each time.
   * @throws {SendError} kind `busy` when another process, or another session of this one, has it open; `storage` when
   * it cannot be read
   * @example
   * ```ts
   * import { LLMSession, MemoryStore, OpenAIClient, OpenAIModel } from "cloudllm";
   *
   * const store = new MemoryStore(); // or: new FileStore("sessions"), from "cloudllm/store/file"
   * const client = new OpenAIClient({ model: OpenAIModel.GPT6Luna });
   * await using session = await LLMSession.open({ client, store, id: "poems" });
   * console.log((await session.sendMessage("Write a poem")).content);
   * ```
   */
  static async open<Given extends keyof OpenOptions = keyof OpenOptions>(
    options: OpenOptions & Named<Given>,
  ): Promise<LLMSession<Extract<Given, keyof SessionOptions>>> {
    const session = new LLMSession<Extract<Given, keyof SessionOptions>>(sessionOptionsOf(options));
    await session.#load(options);
    return session;
  }

  async #load(options: OpenOptions, left?: Left, reserved?: ReservedSession): Promise<void> {
    checkPlace(options.store, options.id);
    const { openStored } = await loadPart(storedSessions);
    await openStored(this.#conversation, options, left, reserved);
    if (options.systemPrompt !== undefined) this.setSystemPrompt(options.systemPrompt);
  }

  /**
   * Resolves with the conversation that a store keeps under an id, without opening it. This or another process may have
   * it open, with a turn under way. Nothing is locked or written. An unknown id has an empty history.
   * @throws {SendError} kind `storage` when it cannot be read
   */
  static async peek(place: Pick<OpenOptions, "store" | "id">): Promise<SessionSnapshot> {
    checkGiven(place);
    const { store, id } = place;
    checkPlace(store, id);
    const { snapshotOf } = await loadPart(storedSessions);
    return snapshotOf(store, id);
  }

  /** The client that the session asks. It may be replaced between two turns. */
  get client(): ClientWrapper {
    return this.#client;
  }

  /** @throws {SendError} kind `busy` while a turn is under way */
  set client(client: ClientWrapper) {
    this.#mustBeIdle("change the client");
    this.#client = checkedClient(client);
  }

  /** The system prompt; `undefined` if there is none. */
  get systemPrompt(): string | undefined {
    return this.#conversation.state.systemPrompt;
  }

  /**
   * The conversation so far, without the system prompt: all of it, also where `maxTokens` limits what is sent. It does
   * not contain a turn under way. The array is frozen: `sendMessage…` adds to the history, `undo` and `clear` remove
   * from it.
   */
  get history(): readonly Message[] {
    return Object.freeze(this.#conversation.state.history);
  }

  /** The last user message, if it got no reply and was removed from the history; else `undefined`. */
  get unanswered(): UserMessage["content"] | undefined {
    return this.#conversation.state.unanswered?.content;
  }

  /**
   * Replaces the system prompt from the next turn on; `undefined` or `""` removes it.
   * @throws {TypeError} when it is not a string
   */
  setSystemPrompt(systemPrompt: string | undefined): void {
    this.#mustBeOpen();
    const checked = checkedPrompt(systemPrompt);
    if (checked === this.systemPrompt) return;
    this.#conversation.record({ type: "prompt", ...(checked !== undefined && { systemPrompt: checked }) });
  }

  /**
   * Sends a turn and resolves with the complete reply. `input` is a string, an array of parts with images and files, or
   * the results of all tool calls that wait for one (`ToolMessage[]`); any other message closes those calls as
   * unanswered. An empty array asks for the reply to tool results at the end of the history, as after a failure.
   * @throws {SendError} kind `busy` while a turn is under way, `contextLength` when this turn alone exceeds
   * `maxTokens`, and any error of the client
   */
  async sendMessage<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    input: TurnInput,
    options: TurnOptions<Output> & { readonly tools?: Tools } = {},
  ): Promise<SessionReply<Output, Tools, Given>> {
    const reply = await (await this.#open(this.#begin(input, options, false))).finalMessage();
    return typedReply<Output, Tools>(reply);
  }

  /**
   * Sends a turn and resolves with the stream of its reply. The turn ends with the stream. `input` is that of
   * `sendMessage`.
   * @throws {SendError} as `sendMessage`, when the reply does not begin
   */
  async sendMessageStream<Output = unknown>(
    input: TurnInput,
    options: TurnOptions<Output> = {},
  ): Promise<MessageStream<Output>> {
    return this.#open(this.#begin(input, options, true));
  }

  /**
   * The calls at the end of the history that wait for an answer: those of tools without a `run`, and those that a
   * person must allow (`needsApproval`).
   */
  get waiting(): readonly ToolCall[] {
    const { history, answers } = this.#conversation.state;
    return waitingCalls(history, answers);
  }

  /**
   * Answers a call that waits (see `waiting`), and keeps the answer: also for another process, after a crash, and in
   * `toJSON`. When no call waits any more, `sendMessageStream([])` continues: it runs the calls that may run, gives the
   * model all results, and asks it for more. The same answer again does nothing.
   *
   * A call that may run is begun once. If the process ends after the turn has begun, the history closes the call with
   * an error result, because the tool may have run.
   * @param answer `true` lets the tool run, `false` or `{ deny: reason }` does not. `{ result }` is the result of a
   * tool that the caller runs
   * @returns how many calls still wait
   * @throws {SendError} kind `invalidRequest` for a call that does not wait, or has another answer; `busy` while a turn
   * is under way; `storage` when the store fails, and the next call tries again
   * @example
   * ```ts
   * import type { LLMSession } from "cloudllm";
   *
   * export async function continueTurn(session: LLMSession, allow: (name: string, args: unknown) => Promise<boolean>) {
   *   for (const call of session.waiting) await session.answer(call.id, await allow(call.name, call.arguments));
   *   return session.sendMessage([]);
   * }
   * ```
   */
  async answer(callId: string, answer: CallAnswer): Promise<number> {
    this.#mustBeIdle("answer a call");
    const stored = storedAnswerOf(answer);
    const { answers = [] } = this.#conversation.state;
    const earlier = answers.find(({ toolCallId }) => toolCallId === callId);
    if (!earlier) {
      checkAnswer(callId, stored, this.waiting);
      this.#conversation.record({ type: "answer", toolCallId: callId, answer: stored });
    } else if (!isSameAnswer(earlier.answer, stored)) {
      throw new SendError("invalidRequest", `The call ${callId} has another answer already.`);
    }
    await this.#conversation.flush();
    return this.waiting.length;
  }

  /** Returns the tokens that the conversation has used, including turns that were removed. */
  tokenUsage(): SessionUsage {
    return sessionUsageOf(this.#conversation.state.turns);
  }

  /**
   * Removes the last exchange: the last user message and all that follows it. Send the returned message to try again. A
   * store keeps it until `clear`.
   * @returns the content of that user message; `undefined` when the history is empty
   * @throws {SendError} kind `busy` while a turn is under way
   */
  undo(): UserMessage["content"] | undefined {
    this.#mustBeIdle("undo the last exchange");
    const { history } = this.#conversation.state;
    const length = lastExchangeOf(history);
    const message = history[length];
    if (message?.role !== "user") return undefined;
    this.#conversation.record({ type: "cut", length });
    return message.content;
  }

  /**
   * Removes all messages, here at once. The system prompt and the usage stay. Resolves when the store has also removed
   * them: nothing that was said is kept if the store can replace its records (`SessionStore.replace`; `MemoryStore` and
   * `FileStore` can).
   * @throws {SendError} kind `busy` while a turn is under way; rejects with kind `storage` when the store fails, and
   * the next call tries again
   */
  clear(): Promise<void> {
    this.#mustBeIdle("clear the conversation");
    const cleared = this.#conversation.clear(() => this.toJSON());
    cleared.catch(() => undefined); // the caller need not await it; the next call reports the failure
    return cleared;
  }

  /**
   * Replaces this conversation by the one that `toJSON` described: its history, system prompt and usage.
   * @throws {TypeError} when `json` is not a saved session
   * @throws {SendError} kind `busy` while a turn is under way
   */
  restore(json: unknown): void {
    this.#mustBeIdle("restore another conversation");
    const { systemPrompt: given, ...saved } = readSession(json);
    const systemPrompt = checkedPrompt(given);
    const history = checkedHistory(saved.history);
    const session = { ...saved, ...(systemPrompt !== undefined && { systemPrompt }), history };
    this.#conversation.record({ type: "saved", session });
  }

  /**
   * Closes the session: resolves when the store has everything, and lets other sessions open it. Use `await using` to
   * stop a turn under way first.
   * @throws {SendError} kind `busy` while a turn is under way, `storage` when the store fails
   */
  async close(): Promise<void> {
    if (!this.#closing) this.#mustBeIdle("close the session");
    this.#closing ??= this.#conversation.close();
    await this.#closing;
  }

  /**
   * Closes the session at the end of an `await using` block. A turn under way is stopped: its request ends at once, and
   * the history keeps the text so far, as after `stream.stop()`.
   * @throws {SendError} kind `storage` when the store fails
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#stopAndClose();
    await this.#closing;
  }

  /** Returns plain data for `JSON.stringify`, without a turn under way. `LLMSession.fromJSON` makes a session of it. */
  toJSON(): SavedSession {
    const { budget, onInterrupt, state } = this.#conversation;
    const { systemPrompt, history, turns, answers } = state;
    return {
      version: 1,
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(budget && { maxTokens: budget.maxTokens }),
      onInterrupt,
      ...(this.#maxSteps !== undefined && { maxSteps: this.#maxSteps }),
      history: plainMessages(history),
      turns,
      ...(answers && answers.length > 0 && { answers }),
    };
  }

  #begin<Output>(
    input: TurnInput,
    options: TurnOptions<Output>,
    streamed: boolean,
    more: NamedTurn = {},
  ): BegunTurn<Output> {
    this.#mustBeIdle("send another message");
    const { history, answers = [] } = this.#conversation.state;
    const { question } = more;
    const messages = messagesOf(input, history, answers).map((message) =>
      message.role === "user" && question !== undefined ? { ...message, id: question } : message,
    );
    const isResumed = answers.length > 0 && messages.every(({ role }) => role === "tool");
    return this.#turnOf(options, streamed, { ...more, messages, isResumed });
  }

  #turnOf<Output>(given: TurnOptions<Output>, streamed: boolean, more: TurnParts): BegunTurn<Output> {
    checkGiven(given);
    const { maxSteps = this.#maxSteps ?? DEFAULT_MAX_STEPS, budget = this.#budget, ...own } = given;
    const { messages, isResumed } = more;
    const fault = turnNamesFault(given) ?? maxStepsFault(maxSteps) ?? budgetFault(budget);
    if (fault) throw new SendError("invalidRequest", fault);
    // The schema validates the output of any client, so that its type holds.
    const client = this.#client as TypedClient;
    const options = turnOptionsOf(this.#defaults, own);
    const effective: SendOptions = { ...client.defaults, ...options };
    // A model that learns of invalid arguments can correct them.
    const isTolerant = hasRunnableTool(effective) && effective.invalidArguments === undefined;
    const { history } = this.#conversation.state;
    if (isResumed) checkResumed(pendingCalls([...tailOf(history), ...messages]), effective);
    return beginTurn({
      ...more,
      conversation: this.#conversation,
      client,
      streamed,
      options: isTolerant ? { ...options, invalidArguments: "deliver" } : options,
      effective,
      maxSteps,
      budget,
      onToolError: this.#onToolError,
    });
  }

  async #open<Output>(begun: BegunTurn<Output>): Promise<MessageStream<Output>> {
    const running = turnSource.isLoaded ? new turnSource.loaded.Turn(begun) : this.#loadTurn(begun);
    this.#turn = running;
    const turn = await running;
    if (this.#closing) void turn.leave(); // while it was loaded: nothing is sent
    const first = await turn.open();
    const { TurnSource } = turnSource.loaded;
    const stream = new MessageStream<Output>(new TurnSource(turn, first), { startedAt: turn.startedAt });
    turn.stream = stream;
    const unreadMs = this.#unreadTimeoutMs;
    if (unreadMs > 0) stream.onUnread(unreadMs, () => void turn.abandon(unreadMs));
    return stream;
  }

  /** Loads the rest of a turn. The turn ends if that cannot be loaded. */
  async #loadTurn<Output>(begun: BegunTurn<Output>): Promise<Turn<Output>> {
    try {
      const { Turn } = await loadPart(turnSource);
      return new Turn(begun);
    } catch (error) {
      this.#conversation.endTurn(undefined, true, begun.request);
      throw error;
    }
  }

  async #stopAndClose(): Promise<void> {
    const turn = await Promise.resolve(this.#turn).catch(() => undefined);
    if (turn && !turn.isOver) await turn.leave();
    await this.#conversation.close();
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new SendError("invalidRequest", "The session is closed. Open it again.");
  }

  #mustBeIdle(what: string): void {
    this.#mustBeOpen();
    if (!this.#conversation.state.turn) return;
    const message = `A turn is under way. Read its stream to the end, or stop it, before you ${what}.`;
    throw new SendError("busy", message, { provider: this.#client.provider, model: this.#client.model });
  }
}

/** The name of a turn, the id under which a front end knows its question, and what it reports. */
type NamedTurn = Pick<TurnDefinition<unknown>, "id" | "reports"> & { readonly question?: string | undefined };

/** The messages of a turn, and how it begins. */
type TurnParts = NamedTurn & Pick<TurnDefinition<unknown>, "messages" | "isResumed" | "continued">;

/** The parts of a session that continue the turn of another process. */
export interface SessionParts {
  readonly conversation: Conversation;
  /** Claims and reads the session. */
  reserve(options: OpenOptions): Promise<ReservedSession>;
  /** Resumes the session: by default, one that it claims and reads. */
  load(options: OpenOptions, left: Left, reserved?: ReservedSession): Promise<void>;
  /** Sends a turn whose name the store keeps. */
  begin(input: TurnInput, options: TurnOptions, more: NamedTurn): Promise<MessageStream>;
  /** Continues the turn that is under way in the conversation. */
  continueTurn(options: TurnOptions, more: TurnParts): Promise<MessageStream>;
}

/**
 * Returns the parts of a session, for `left-session.ts` and `recalled-turn.ts`.
 * @throws {TypeError} when it is not a session
 */
export function sessionParts(session: LLMSession): SessionParts {
  const parts = PARTS.get(session);
  if (!parts) throw new TypeError("Not a session: the value was not made by `LLMSession`.");
  return parts;
}

/** Returns the options of a session without its place in a store. */
export function sessionOptionsOf<Given extends keyof OpenOptions>(
  options: OpenOptions & Named<Given>,
): SessionOptions & Named<Extract<Given, keyof SessionOptions>> {
  checkOpenNames(options);
  const { store: _store, id: _id, flushIntervalMs: _interval, ...rest }: OpenOptions = options;
  return rest;
}
