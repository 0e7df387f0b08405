/** A conversation: a client, a system prompt, the history, and how many tokens of it may be sent. */

import type { ClientWrapper, SendOptions } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantMessage, Message, SystemMessage, UserMessage } from "../message.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { createTokenCounter, type TokenCounter } from "../token-estimate.ts";
import { type Fitted, TokenBudget } from "./budget.ts";
import { checkedHistory, keptOf, lastExchangeOf, messagesOf, type TurnInput } from "./history.ts";
import { plainMessages, readSession, type SavedSession } from "./saved-session.ts";
import { type SessionUsage, sessionUsageOf, type TurnUsage, turnUsageOf } from "./usage.ts";

/** How a session is made. */
export interface SessionOptions {
  /** Who answers. */
  readonly client: ClientWrapper;
  /** Goes ahead of every request; not part of the history. */
  readonly systemPrompt?: string;
  /**
   * Most tokens of one request and its reply: the model's context window, or less. Where the conversation outgrows it, its
   * oldest whole exchanges are not sent; the history keeps them. `maxOutputTokens` is kept free for the reply, or a quarter
   * where the call has none. Default: no limit.
   */
  readonly maxTokens?: number;
  /** Counts tokens for `maxTokens`. Default: an estimate that learns from what the provider reports. */
  readonly counter?: TokenCounter;
  /**
   * What becomes of a reply that was stopped, aborted or failed on the way. `keep` (default): its text stays, marked
   * `interrupted`. `discard`: the whole turn is taken back.
   */
  readonly onInterrupt?: "keep" | "discard";
  /** An earlier conversation, without its system prompt. */
  readonly history?: readonly Message[];
}

/** A turn under way. */
interface Turn {
  readonly client: ClientWrapper;
  readonly added: readonly Message[];
  readonly request: Fitted;
}

const OPTION_NAMES = ["client", "systemPrompt", "maxTokens", "counter", "onInterrupt", "history"];

/**
 * A conversation that keeps its own history. One turn at a time; however a turn ends, the history is complete, legal to
 * send again, and up to date before the caller learns of the end:
 *
 * - a whole reply is kept with the turn it answers;
 * - of a reply that was stopped, aborted or failed, the text that came is kept, marked `interrupted` (or see `onInterrupt`);
 * - when no text came, what the user said is taken back, too. So is an empty reply with its question.
 *
 * A stream that is neither read to its end nor left is a turn that is still under way.
 *
 * @example
 * ```ts
 * import { LLMSession, OpenAIClient, OpenAIModel } from "cloudllm";
 *
 * export async function talk(): Promise<void> {
 *   const client = new OpenAIClient({ model: OpenAIModel.GPT5Nano });
 *   const session = new LLMSession({ client, systemPrompt: "You are a poet.", maxTokens: 8_192 });
 *   for await (const chunk of await session.sendMessageStream("Write a poem")) process.stdout.write(chunk.content);
 *   const { content } = await session.sendMessage("And its title?");
 *   console.log(content, session.history.length, session.tokenUsage().totalTokens);
 * }
 * ```
 */
export class LLMSession {
  readonly #onInterrupt: "keep" | "discard";
  readonly #budget: TokenBudget | undefined;
  #client: ClientWrapper;
  #systemPrompt: string | undefined;
  /** Replaced, never changed: whoever holds it has the conversation as it was. */
  #history: readonly Message[];
  #turns: readonly TurnUsage[] = [];
  #isBusy = false;

  /** @throws {TypeError} when an option is senseless, or the history could not be sent. */
  constructor(options: SessionOptions) {
    const { client, systemPrompt, maxTokens, counter, onInterrupt = "keep", history = [] } = options;
    const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name));
    if (unknown) throw new TypeError(`There is no option \`${unknown}\`; there are ${OPTION_NAMES.join(", ")}.`);
    if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
      throw new TypeError(`\`maxTokens\` must be a whole number above 0, not ${String(maxTokens)}.`);
    }
    if (counter !== undefined && typeof counter?.count !== "function") {
      throw new TypeError("`counter` must have a method `count(text)`.");
    }
    if (onInterrupt !== "keep" && onInterrupt !== "discard") {
      throw new TypeError('`onInterrupt` must be "keep" or "discard".');
    }
    this.#client = checkedClient(client);
    this.#systemPrompt = checkedPrompt(systemPrompt);
    this.#budget = maxTokens === undefined ? undefined : new TokenBudget(maxTokens, counter ?? createTokenCounter());
    this.#onInterrupt = onInterrupt;
    this.#history = checkedHistory(history);
  }

  /**
   * The session that `toJSON` wrote down, with its history, usage and settings.
   * @throws {TypeError} when it is something else
   */
  static fromJSON(json: unknown, options: Pick<SessionOptions, "client" | "counter">): LLMSession {
    const { systemPrompt, maxTokens, onInterrupt, history, turns } = readSession(json);
    const session = new LLMSession({
      ...options,
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(maxTokens !== undefined && { maxTokens }),
      onInterrupt,
      history,
    });
    session.#turns = turns;
    return session;
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
    return this.#systemPrompt;
  }

  /** The conversation so far, without the system prompt; all of it, whatever was sent. A turn under way is not in it. */
  get history(): readonly Message[] {
    return this.#history;
  }

  /** Replaces the system prompt from the next turn on; `undefined` or `""` takes it away. */
  setSystemPrompt(systemPrompt: string | undefined): void {
    this.#systemPrompt = checkedPrompt(systemPrompt);
  }

  /**
   * Says something and resolves with the whole reply. `input` is text, parts with images and files, or the results of all
   * tool calls of the last reply (`ToolMessage[]`); whoever says something else instead leaves those calls unanswered.
   * @throws {SendError} kind `busy` while a turn is under way, `contextLength` when this turn alone is over `maxTokens`,
   * and whatever the client throws
   */
  async sendMessage(input: TurnInput, options: SendOptions = {}): Promise<AssistantMessage> {
    const turn = this.#begin(input, options);
    let reply: AssistantMessage;
    try {
      reply = await turn.client.sendMessage(turn.request.messages, options);
    } catch (error) {
      this.#end(turn, partialOf(error), true);
      throw error;
    }
    this.#end(turn, reply, false);
    return reply;
  }

  /** The same, and resolves with the reply as it is written. The turn ends with the stream. */
  async sendMessageStream(input: TurnInput, options: SendOptions = {}): Promise<MessageStream> {
    const turn = this.#begin(input, options);
    try {
      const stream = await turn.client.sendMessageStream(turn.request.messages, options);
      stream.onEnd((reply, error) => this.#end(turn, reply, error !== undefined));
      return stream;
    } catch (error) {
      this.#end(turn, partialOf(error), true);
      throw error;
    }
  }

  /** What the conversation has cost, turns that were taken back included. */
  tokenUsage(): SessionUsage {
    return sessionUsageOf(this.#turns);
  }

  /**
   * Takes the last exchange back: what the user said, and everything since. Send what it returns to try again.
   * @returns what the user said; `undefined` when the history is empty
   * @throws {SendError} kind `busy` while a turn is under way
   */
  undo(): UserMessage["content"] | undefined {
    this.#mustBeIdle("take the last exchange back");
    const start = lastExchangeOf(this.#history);
    const said = this.#history[start];
    if (said?.role !== "user") return undefined;
    this.#history = this.#history.slice(0, start);
    return said.content;
  }

  /**
   * Forgets the conversation. The system prompt stays, and so does what was paid.
   * @throws {SendError} kind `busy` while a turn is under way
   */
  clear(): void {
    this.#mustBeIdle("forget the conversation");
    this.#history = [];
  }

  /** Plain data for `JSON.stringify`; a turn under way is not in it. `LLMSession.fromJSON` makes a session of it again. */
  toJSON(): SavedSession {
    return {
      version: 1,
      ...(this.#systemPrompt !== undefined && { systemPrompt: this.#systemPrompt }),
      ...(this.#budget && { maxTokens: this.#budget.maxTokens }),
      onInterrupt: this.#onInterrupt,
      history: plainMessages(this.#history),
      turns: this.#turns,
    };
  }

  #begin(input: TurnInput, options: SendOptions): Turn {
    this.#mustBeIdle("send another message");
    const added = messagesOf(input, this.#history);
    const conversation = [...this.#history, ...added];
    const content = this.#systemPrompt;
    const system: readonly SystemMessage[] = content === undefined ? [] : [{ role: "system", content }];
    const request = this.#budget?.fit(system, conversation, options) ?? { messages: [...system, ...conversation] };
    this.#isBusy = true;
    return { client: this.#client, added, request };
  }

  /** Every turn that began ends here, once. */
  #end(turn: Turn, reply: AssistantMessage | undefined, failed: boolean): void {
    this.#isBusy = false;
    const interrupted = failed || reply?.interrupted === true;
    const kept = !reply || (interrupted && this.#onInterrupt === "discard") ? [] : keptOf(reply, interrupted);
    // The model has read tool results even when it had nothing to say to them.
    const isRead = !interrupted && turn.added.at(-1)?.role === "tool";
    if (kept.length > 0 || isRead) this.#history = [...this.#history, ...turn.added, ...kept];
    const usage = reply && turnUsageOf(reply);
    if (usage) this.#turns = [...this.#turns, usage];
    const { estimatedTokens } = turn.request;
    if (reply?.usage?.inputTokens && estimatedTokens) this.#budget?.learn(estimatedTokens, reply.usage.inputTokens);
  }

  #mustBeIdle(what: string): void {
    if (!this.#isBusy) return;
    const message = `A turn is under way: read its stream to the end, or stop it, before you ${what}.`;
    throw new SendError("busy", message, { provider: this.#client.provider, model: this.#client.model });
  }
}

function checkedClient(client: ClientWrapper): ClientWrapper {
  if (typeof client?.sendMessage === "function" && typeof client.sendMessageStream === "function") return client;
  throw new TypeError("`client` must be a client: something with `sendMessage` and `sendMessageStream`.");
}

function checkedPrompt(systemPrompt: string | undefined): string | undefined {
  if (systemPrompt === undefined || systemPrompt === "") return undefined;
  if (typeof systemPrompt === "string") return systemPrompt;
  throw new TypeError("`systemPrompt` must be a text.");
}

function partialOf(error: unknown): AssistantMessage | undefined {
  return error instanceof SendError ? error.partial : undefined;
}
