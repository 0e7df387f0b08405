/** A conversation: a client, a system prompt, the history, and how many tokens of it may be sent. */

import type { ClientWrapper, TypedClient } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message, SystemMessage, ToolCall, UserMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { streamOf } from "../stream/complete-source.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import { createTokenCounter, estimateInputTokens, estimateTokens } from "../tokens/estimate.ts";
import { type Fitted, TokenBudget } from "./budget.ts";
import { errorResult } from "./execute-tool.ts";
import { checkedHistory, lastExchangeOf, messagesOf, pendingCalls, replyFault, type TurnInput } from "./history.ts";
import {
  checkedClient,
  checkedPrompt,
  checkOptions,
  checkPlace,
  maxStepsFault,
  type OpenOptions,
  type RestoreOptions,
  type SessionOptions,
  type TurnOptions,
  turnDefaults,
} from "./options.ts";
import type { OpenTurn, SessionRecord, SessionState } from "./record.ts";
import { endRecordOf, inCallOrder, reduce, replay } from "./reducer.ts";
import { plainMessages, readSession, type SavedSession } from "./saved-session.ts";
import { SessionLog, storageError } from "./session-log.ts";
import { type SessionSnapshot, snapshotOf } from "./snapshot.ts";
import { Turn } from "./turn.ts";
import { type TurnKeeper, TurnSource } from "./turn-source.ts";
import { isTurnUsage, type SessionUsage, sessionUsageOf, type TurnUsage, turnUsageOf } from "./usage.ts";

/** Asks for one reply: whole, or as it is written. */
type Ask = <Output>(
  client: TypedClient,
  messages: readonly Message[],
  options: SendOptions<Output>,
) => Promise<MessageStream<Output>>;

const askStreamed: Ask = async (client, messages, options) => {
  const stream = await client.sendMessageStream(messages, options);
  if (typeof stream?.onEnd === "function") return stream;
  throw new SendError("protocol", "The client's `sendMessageStream` gave no MessageStream.");
};

const askWhole: Ask = async (client, messages, options) => streamOf(await replyOf(client, messages, options));

async function replyOf<Output>(
  client: TypedClient,
  messages: readonly Message[],
  options: SendOptions<Output>,
): Promise<AssistantMessage<Output>> {
  const reply = await client.sendMessage(messages, options);
  const fault = replyFault(reply);
  if (!fault) return reply;
  throw new SendError("protocol", `The client's \`sendMessage\` gave no reply: it ${fault}.`);
}

const DEFAULT_MAX_STEPS = 8;
const FLUSH_INTERVAL_MS = 100;
/** Longer than a person thinks about a call, shorter than a session should be lost to a stream that was forgotten. */
const UNREAD_TIMEOUT_MS = 600_000;

/**
 * A conversation that keeps its own history. One turn at a time; however a turn ends, the history is complete, legal to
 * send again, and up to date before the caller learns of the end:
 *
 * - a whole reply is kept with the turn it answers;
 * - of a reply that was stopped, aborted or failed, the text that came is kept, marked `interrupted` (or see `onInterrupt`);
 * - when no text came, what the user said is taken back, too. So is an empty reply with its question.
 *
 * Tools with a `run` (the call's, or else those that the client was made with) are run, and what they answered goes back, until
 * the model is done (or `maxSteps`): all replies come in one stream, with a `toolResult` chunk for each answer, and as one message,
 * with the single replies on `steps`. The tools of a reply start when the consumer has taken its last `toolCall` and asks for more
 * (`sendMessage` and `finalMessage` always do): leaving the stream at a call is a veto. If a tool throws, is unknown, exceeds its
 * `timeoutMs` or gets invalid arguments, the model receives an error result and continues. Calls of tools without a `run` end the turn and are left to the caller. When a turn is stopped or fails on the way,
 * the replies and answers before that stay; calls without an answer are closed.
 *
 * A stream that is neither read to its end nor left is a turn that is still under way, until nobody has read it for ten minutes
 * (`unreadTimeoutMs`).
 *
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
export class LLMSession implements AsyncDisposable {
  readonly #onInterrupt: "keep" | "discard";
  readonly #budget: TokenBudget | undefined;
  readonly #maxSteps: number | undefined;
  readonly #onToolError: SessionOptions["onToolError"];
  readonly #unreadTimeoutMs: number;
  readonly #defaults: SendOptions;
  #client: ClientWrapper;
  /** Replaced, never changed: whoever holds its history has the conversation as it was. */
  #state: SessionState;
  #log: SessionLog | undefined;
  #turn: Turn | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {TypeError} when an option is senseless, or the history could not be sent. */
  constructor(options: SessionOptions) {
    checkOptions(options);
    const {
      client,
      systemPrompt,
      maxTokens,
      counter,
      onInterrupt = "keep",
      maxSteps,
      onToolError,
      history = [],
    } = options;
    this.#client = client;
    this.#onToolError = onToolError;
    this.#unreadTimeoutMs = options.unreadTimeoutMs ?? UNREAD_TIMEOUT_MS;
    this.#maxSteps = maxSteps;
    this.#defaults = turnDefaults(options);
    this.#budget = maxTokens === undefined ? undefined : new TokenBudget(maxTokens, counter ?? createTokenCounter());
    this.#onInterrupt = onInterrupt;
    this.#state = { systemPrompt: checkedPrompt(systemPrompt), history: checkedHistory(history), turns: [] };
  }

  /**
   * The session that `toJSON` wrote down, with its history, usage and settings.
   * @throws {TypeError} when it is something else
   */
  static fromJSON(json: unknown, options: RestoreOptions): LLMSession {
    const { systemPrompt, maxTokens, onInterrupt, maxSteps, history, turns } = readSession(json);
    const session = new LLMSession({
      ...options,
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...(maxSteps !== undefined && { maxSteps }),
      onInterrupt,
      history,
    });
    session.#state = { ...session.#state, turns };
    return session;
  }

  /**
   * The session that a store keeps under this id, or a new one. Every turn is written down before it is sent, its reply as it
   * streams, what tools answer, and the whole reply before the caller has its end. When the process is killed, the session opens again
   * with every turn that had ended whole; of a turn that had not, the text that was written down is kept, marked `interrupted`
   * (or see `onInterrupt`), calls without an answer are closed, and what that reply has cost counts as an estimate. A store that fails does not spoil a reply: it is told by the
   * next `sendMessage…` or `close`, which try again.
   *
   * `maxTokens`, `onInterrupt`, `maxSteps`, `tools`, `defaults` and the client are not kept: give them each time.
   * @throws {SendError} kind `busy` when another process (or another session here) has it, `storage` when it cannot be read
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
  static async open({ store, id, flushIntervalMs = FLUSH_INTERVAL_MS, ...options }: OpenOptions): Promise<LLMSession> {
    const session = new LLMSession(options);
    checkPlace(store, id);
    try {
      await store.claim?.(id);
    } catch (error) {
      throw storageError(error);
    }
    try {
      const records = await store.load(id);
      session.#resume(replay(records), new SessionLog(store, id, flushIntervalMs, records.length > 0));
      if (options.systemPrompt !== undefined) session.setSystemPrompt(options.systemPrompt);
      return session;
    } catch (error) {
      await released(store, id);
      throw storageError(error);
    }
  }

  /**
   * The conversation that a store keeps under this id, as it is now: read without opening it, also while this or another process has it
   * open and a turn runs. Nothing is locked or written. An id that is not there has an empty history.
   * @throws {SendError} kind `storage` when it cannot be read
   */
  static async peek({ store, id }: Pick<OpenOptions, "store" | "id">): Promise<SessionSnapshot> {
    checkPlace(store, id);
    return snapshotOf(store, id);
  }

  /** Who answers. Another client may take over between two turns. */
  get client(): ClientWrapper {
    return this.#client;
  }

  /** @throws {SendError} kind `busy` while a turn is under way. */
  set client(client: ClientWrapper) {
    this.#mustBeIdle("change the client");
    this.#client = checkedClient(client);
  }

  get systemPrompt(): string | undefined {
    return this.#state.systemPrompt;
  }

  /**
   * The conversation so far, without the system prompt; all of it, whatever was sent. A turn under way is not in it. The list is
   * frozen: what is said is for `sendMessage…` to add, and `undo` or `clear` to take away.
   */
  get history(): readonly Message[] {
    return Object.freeze(this.#state.history);
  }

  /** What the user said last, when nothing came back, so that it was taken out of the history; else `undefined`. */
  get unanswered(): UserMessage["content"] | undefined {
    return this.#state.unanswered;
  }

  /** Replaces the system prompt from the next turn on; `undefined` or `""` takes it away. */
  setSystemPrompt(systemPrompt: string | undefined): void {
    this.#mustBeOpen();
    const checked = checkedPrompt(systemPrompt);
    if (checked === this.#state.systemPrompt) return;
    this.#record({ type: "prompt", ...(checked !== undefined && { systemPrompt: checked }) });
  }

  /**
   * Says something and resolves with the whole reply. `input` is text, parts with images and files, or the results of all
   * tool calls that wait for one (`ToolMessage[]`); whoever says something else instead leaves those calls unanswered. An empty
   * list asks for the reply to tool results that stand at the end of the history, as after a failure.
   * @throws {SendError} kind `busy` while a turn is under way, `contextLength` when this turn alone is over `maxTokens`,
   * and whatever the client throws
   */
  async sendMessage<Output = unknown>(
    input: TurnInput,
    options: TurnOptions<Output> = {},
  ): Promise<AssistantMessage<Output>> {
    const turn = this.#begin(input, options);
    if (hasRun(turn.carried)) return (await this.#open(turn, askWhole)).finalMessage();
    const reply = await this.#asked(turn, () => replyOf(turn.client, turn.request.messages, turn.options));
    this.#end(turn, reply, false);
    await this.#saved(turn);
    return reply;
  }

  /** The same, and resolves with the reply as it is written. The turn ends with the stream. */
  async sendMessageStream<Output = unknown>(
    input: TurnInput,
    options: TurnOptions<Output> = {},
  ): Promise<MessageStream<Output>> {
    return this.#open(this.#begin(input, options), askStreamed);
  }

  /** What the conversation has cost, turns that were taken back included. */
  tokenUsage(): SessionUsage {
    return sessionUsageOf(this.#state.turns);
  }

  /**
   * Takes the last exchange back: what the user said, and everything since. Send what it returns to try again. A store has it until
   * `clear`.
   * @returns what the user said; `undefined` when the history is empty
   * @throws {SendError} kind `busy` while a turn is under way
   */
  undo(): UserMessage["content"] | undefined {
    this.#mustBeIdle("take the last exchange back");
    const { history } = this.#state;
    const length = lastExchangeOf(history);
    const said = history[length];
    if (said?.role !== "user") return undefined;
    this.#record({ type: "cut", length });
    return said.content;
  }

  /**
   * Forgets the conversation, here at once. The system prompt stays, and so does what was paid. Resolves when the store has forgotten
   * it, too: nothing that was said is kept, if the store can replace what it has (`SessionStore.replace`; both of ours can).
   * @throws {SendError} kind `busy` while a turn is under way; rejects with kind `storage` when the store fails, and the next call
   * tries again
   */
  clear(): Promise<void> {
    this.#mustBeIdle("forget the conversation");
    const record = { type: "cut", length: 0 } as const;
    this.#state = reduce(this.#state, record);
    const cleared = this.#log?.replace({ type: "saved", session: this.toJSON() }, record) ?? Promise.resolve();
    cleared.catch(() => undefined); // it need not be awaited; the next call tells of it
    return cleared;
  }

  /**
   * Makes this the conversation that `toJSON` wrote down: its history, its system prompt, and what it has cost.
   * @throws {TypeError} when it is something else
   * @throws {SendError} kind `busy` while a turn is under way
   */
  restore(json: unknown): void {
    this.#mustBeIdle("restore another conversation");
    const { systemPrompt: given, ...saved } = readSession(json);
    const systemPrompt = checkedPrompt(given);
    const session = {
      ...saved,
      ...(systemPrompt !== undefined && { systemPrompt }),
      history: checkedHistory(saved.history),
    };
    this.#record({ type: "saved", session });
  }

  /**
   * Ends a session that a store keeps: resolves when everything is written, and lets others open it. A turn under way is
   * an error here; leaving an `await using` block stops it.
   * @throws {SendError} kind `busy` while a turn is under way, `storage` when the store fails
   */
  async close(): Promise<void> {
    if (!this.#closing) this.#mustBeIdle("close the session");
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /**
   * `await using session = …` closes it when the block is left. A turn under way is stopped: its request ends at once, and
   * what came of the reply is kept, as after `stream.stop()`.
   * @throws {SendError} kind `storage` when the store fails
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#leave(this.#turn).then(() => this.#close());
    await this.#closing;
  }

  /** Plain data for `JSON.stringify`; a turn under way is not in it. `LLMSession.fromJSON` makes a session of it again. */
  toJSON(): SavedSession {
    const { systemPrompt, history, turns } = this.#state;
    return {
      version: 1,
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(this.#budget && { maxTokens: this.#budget.maxTokens }),
      onInterrupt: this.#onInterrupt,
      ...(this.#maxSteps !== undefined && { maxSteps: this.#maxSteps }),
      history: plainMessages(history),
      turns,
    };
  }

  #begin<Output>(
    input: TurnInput,
    { maxSteps = this.#maxSteps ?? DEFAULT_MAX_STEPS, ...its }: TurnOptions<Output>,
  ): Turn<Output> {
    this.#mustBeIdle("send another message");
    const added = messagesOf(input, this.#state.history);
    const fault = maxStepsFault(maxSteps);
    if (fault) throw new SendError("invalidRequest", fault);
    const { systemPrompt } = this.#state;
    // What the schema has let through is of the schema's type, whoever was asked.
    const client = this.#client as TypedClient;
    // What the session's default for `output` lets through is not typed: nobody asked for it with this turn.
    const limits = this.#defaults.timeouts;
    const timeouts = limits && its.timeouts ? { ...limits, ...its.timeouts } : its.timeouts; // name by name, as a client does it
    const options = { ...this.#defaults, ...withoutUndefined({ ...its, timeouts }) } as SendOptions<Output>;
    const carried: SendOptions = { ...client.defaults, ...options };
    const request = this.#requestOf(systemPrompt, added, carried);
    const { provider, model } = client;
    this.#record({ type: "said", messages: added, asked: { provider, model } });
    // The model is told of arguments that do not fit, so that it can mend them.
    const tolerant = hasRun(carried) && carried.invalidArguments === undefined;
    const sent: SendOptions<Output> = tolerant ? { ...options, invalidArguments: "deliver" } : options;
    const totalMs = options.timeouts?.total ?? client.defaults?.timeouts?.total;
    const turn = new Turn({ client, systemPrompt, options: sent, carried, maxSteps, request, totalMs });
    this.#turn = turn;
    return turn;
  }

  #requestOf(content: string | undefined, added: readonly Message[], options: SendOptions): Fitted {
    const conversation = [...this.#state.history, ...added];
    const system: readonly SystemMessage[] = content === undefined ? [] : [{ role: "system", content }];
    return this.#budget?.fit(system, conversation, options) ?? { messages: [...system, ...conversation] };
  }

  async #open<Output>(turn: Turn<Output>, ask: Ask): Promise<MessageStream<Output>> {
    const { client, options, request, startedAt } = turn;
    const first = await this.#asked(turn, () => ask(client, request.messages, options));
    if (turn.isOver) {
      void first.stop();
      const { provider, model } = client;
      throw new SendError("aborted", "The session was closed before the reply began.", { provider, model });
    }
    const isPlain = !hasRun(turn.carried) && !this.#log;
    const stream = isPlain
      ? first
      : new MessageStream<Output>(new TurnSource(this.#keeperOf(turn, ask), first), { startedAt });
    turn.stream = stream;
    const unreadMs = this.#unreadTimeoutMs;
    if (unreadMs > 0) stream.onUnread?.(unreadMs, () => void this.#abandon(turn, unreadMs));
    if (isPlain) first.onEnd((reply, error) => this.#end(turn, reply, error !== undefined));
    return stream;
  }

  /** The client's answer; a turn that has none ends here. */
  async #asked<T>(turn: Turn, ask: () => Promise<T>): Promise<T> {
    try {
      await turn.before(this.#log?.flush());
      return await ask();
    } catch (error) {
      this.#end(turn, sendErrorOf(error).partial, true);
      await this.#saved(turn);
      throw error; // what a client of somebody else's throws is its own affair
    }
  }

  #keeperOf(turn: Turn, ask: Ask): TurnKeeper {
    const { client, systemPrompt, options, carried, maxSteps } = turn;
    const { tools = [], toolChoice } = carried;
    const { signal } = options;
    // A choice that held for ever would be a loop without end.
    const choice = isForced(toolChoice) && { toolChoice: "auto" as const };
    const later = { ...options, ...choice };
    return {
      client,
      tools,
      maxSteps,
      signal,
      ...(hasRun(carried) && { limit: turn.limit }), // without tools a client's own limit is enough
      ask: (signal) => {
        const added = inCallOrder(this.#state.turn?.messages ?? []);
        turn.request = this.#requestOf(systemPrompt, added, { ...carried, ...choice });
        return ask(client, turn.request.messages, { ...later, ...turn.limit.timeouts(options.timeouts), signal });
      },
      arrived: (chunk) => this.#log?.arrived(chunk),
      replied: (reply) => {
        const usage = this.#paid(turn, reply);
        this.#record({ type: "reply", message: reply, ...(usage && { usage }) });
      },
      answered: (message) => this.#record({ type: "result", message }),
      toolFailed: (error, call) => this.#tellToolError(error, call),
      ended: (reply, interrupted) => this.#end(turn, reply, interrupted),
      saved: () => this.#saved(turn),
    };
  }

  /** Every turn that began ends here, once. */
  #end(turn: Turn, reply: AssistantMessage | undefined, failed: boolean): void {
    const open = this.#state.turn;
    if (!open || turn.isOver) return;
    turn.end();
    this.#turn = undefined;
    const sound = replyFault(reply) ? undefined : reply;
    const interrupted = failed || sound?.interrupted === true || sound !== reply;
    const usage = sound && this.#paid(turn, sound);
    this.#record(endRecordOf(open, sound, { interrupted, discards: this.#onInterrupt === "discard", usage }));
  }

  #tellToolError(error: unknown, call: ToolCall): void {
    try {
      const told: unknown = this.#onToolError?.(error, call);
      if (told instanceof Promise) told.catch(() => undefined);
    } catch {
      // A hook that fails is not the turn's affair.
    }
  }

  /** What a reply cost, and what the token counter learns from it. */
  #paid({ request: { estimatedTokens } }: Turn, reply: AssistantMessage): TurnUsage | undefined {
    const paid = turnUsageOf(reply);
    if (!isTurnUsage(paid)) return undefined;
    if (paid.usage?.inputTokens && estimatedTokens) this.#budget?.learn(estimatedTokens, paid.usage.inputTokens);
    return paid;
  }

  #record(record: SessionRecord): void {
    this.#state = reduce(this.#state, record);
    this.#log?.add(record);
  }

  /** What the log does not have then, the next turn's `flush` tells. */
  async #saved(turn: Turn): Promise<void> {
    if (this.#log) await turn.after(this.#log.flush().catch(() => undefined));
  }

  /** Goes on where a log ends; a turn that is under way there was cut by the end of its process. */
  #resume(state: SessionState, log: SessionLog): void {
    this.#state = state;
    this.#log = log;
    const { turn } = state;
    if (!turn) return;
    const { asked, reply } = turn;
    const paid = reply && { ...asked, estimatedUsage: this.#estimateOf(turn, reply) };
    const usage = isTurnUsage(paid) ? paid : undefined; // what wrote the log may not have said who was asked
    for (const call of pendingCalls(turn.messages)) {
      this.#record({ type: "result", message: errorResult(call, "The program ended before this call had a result.") });
    }
    const { text = "", media } = reply ?? {};
    const message =
      text || media ? ({ role: "assistant", content: text, ...(media && { media }) } as const) : undefined;
    const discards = this.#onInterrupt === "discard";
    this.#record(endRecordOf(this.#state.turn ?? turn, message, { interrupted: true, discards, usage }));
  }

  /** What the provider was sent for a reply that the end of the process cut, and what of the reply was recorded. */
  #estimateOf({ messages }: OpenTurn, { text, unseenTokens }: NonNullable<OpenTurn["reply"]>): TokenUsage {
    const inputTokens = estimateInputTokens(this.#sentWith(messages));
    const outputTokens = estimateTokens(text) + unseenTokens;
    return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  }

  /** As far as this session's `maxTokens` tell; the one that sent it may have had others. */
  #sentWith(messages: readonly Message[]): readonly Message[] {
    try {
      return this.#requestOf(this.#state.systemPrompt, messages, {}).messages;
    } catch {
      return [...this.#state.history, ...messages];
    }
  }

  /** Ends a turn that nobody will end. */
  async #leave(turn: Turn | undefined): Promise<void> {
    if (!turn) return;
    await turn.leave();
    this.#end(turn, undefined, true);
  }

  /** Ends a turn whose stream nobody reads. */
  async #abandon(turn: Turn, unreadMs: number): Promise<void> {
    await turn.abandon(unreadMs);
    this.#end(turn, turn.stream?.partial, true);
  }

  async #close(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new SendError("invalidRequest", "The session is closed: open it again.");
  }

  #mustBeIdle(what: string): void {
    this.#mustBeOpen();
    if (!this.#state.turn) return;
    const message = `A turn is under way: read its stream to the end, or stop it, before you ${what}.`;
    throw new SendError("busy", message, { provider: this.#client.provider, model: this.#client.model });
  }
}

function hasRun({ tools }: SendOptions): boolean {
  return Array.isArray(tools) && tools.some((tool) => typeof tool?.run === "function");
}

function withoutUndefined(options: SendOptions): SendOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function isForced(choice: SendOptions["toolChoice"]): boolean {
  return choice !== undefined && choice !== "auto" && choice !== "none";
}

/** A store that does not let go either has failed once already, for the reason that is told. */
async function released(store: OpenOptions["store"], id: string): Promise<void> {
  try {
    await store.release?.(id);
  } catch {
    // see above
  }
}
