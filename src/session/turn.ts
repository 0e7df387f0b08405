/** One turn: its requests, from the first to its end, and the ways to end it from outside. */

import type { TypedClient } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, AssistantTurn, Message, ToolCall, ToolMessage } from "../contract/message.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { openRest } from "../stream/rest-of-reply.ts";
import { refusalOf } from "../stream/transfer.ts";
import { withWaitBefore } from "../stream/wait-before.ts";
import { type Ask, askNonStreamed, askStreamed } from "./ask.ts";
import type { BegunTurn, ContinuedTurn } from "./begun-turn.ts";
import { BudgetMeter } from "./budget-meter.ts";
import type { Conversation } from "./conversation.ts";
import type { TurnReports } from "./execute-tool.ts";
import { hasRunnableTool, type SessionOptions, toolsOf } from "./options.ts";
import { inCallOrder, resumedCalls } from "./reducer.ts";
import type { Fitted } from "./trimming.ts";
import { TurnTimeout } from "./turn-timeout.ts";

/**
 * A client that hears a signal ends at once (law 5). A client or store that does not is waited for this long, in
 * milliseconds.
 */
const GRACE_MS = 1_000;

/**
 * A turn under way. It has a signal of its own, which fires when the caller's signal does and when the turn is left
 * from outside; all its requests hear of both that way.
 */
export class Turn<Output = unknown> {
  readonly client: TypedClient;
  readonly tools: readonly Tool[];
  readonly maxSteps: number;
  /** Absent in a turn without a budget. */
  readonly budget: BudgetMeter | undefined;
  readonly startedAt: number;
  /** Limits the turn, its tools included; `undefined` without tools, where the limit of the one request is enough. */
  readonly timeout: TurnTimeout | undefined;
  readonly conversation: Conversation;
  /**
   * The answered calls of a turn that continues: those to run, and the results of the others. Absent in a turn that
   * begins with a reply.
   */
  readonly resumed: { readonly calls: readonly ToolCall[]; readonly results: readonly ToolMessage[] } | undefined;
  /** Present in a turn that another process has begun. */
  readonly continued: ContinuedTurn | undefined;
  readonly reports: TurnReports | undefined;
  /** The stream that the caller reads, once the client has answered. */
  stream: MessageStream | undefined;
  readonly #ask: Ask;
  readonly #options: SendOptions<Output>;
  readonly #effective: SendOptions;
  readonly #systemPrompt: string | undefined;
  readonly #onToolError: SessionOptions["onToolError"];
  /** The request that was sent last. */
  #request: Fitted;
  /** The limit of the turn, also where its one request has the same limit as its own. */
  readonly #limit: TurnTimeout;
  readonly #caller: AbortSignal | undefined;
  readonly #leaving = new AbortController();
  readonly #onAbort = (): void => this.#leaving.abort(this.#caller?.reason);
  readonly #ended: Promise<void>;
  #resolveEnded: (() => void) | undefined;

  constructor({
    conversation,
    client,
    streamed,
    messages,
    isResumed,
    options,
    effective,
    maxSteps,
    budget,
    onToolError,
    reports,
    continued,
    startedAt,
    systemPrompt,
    request,
  }: BegunTurn<Output>) {
    this.conversation = conversation;
    this.reports = reports;
    this.continued = continued;
    this.client = client;
    this.tools = toolsOf(effective);
    this.maxSteps = maxSteps;
    this.budget = budget && new BudgetMeter(budget);
    this.#onToolError = onToolError;
    this.#ask = streamed ? askStreamed : askNonStreamed;
    this.#effective = effective;
    this.#systemPrompt = systemPrompt;
    this.#request = request;
    this.startedAt = startedAt;
    const totalMs = options.timeouts?.total ?? client.defaults?.timeouts?.total;
    this.#limit = new TurnTimeout(totalMs, this.startedAt);
    this.timeout = hasRunnableTool(effective) ? this.#limit : undefined;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const { signal } = options;
    const isSignal = signal === undefined || signal instanceof AbortSignal;
    this.#options = isSignal ? { ...options, signal: this.#leaving.signal } : options; // the client refuses any other value
    const { turn } = conversation.state;
    const results = messages.filter((message): message is ToolMessage => message.role === "tool");
    this.resumed = isResumed ? { calls: turn ? resumedCalls(turn) : [], results } : undefined;
    if (!isSignal) return;
    this.#caller = signal;
    if (signal?.aborted) this.#onAbort();
    else onAbort(signal, this.#onAbort);
  }

  get isOver(): boolean {
    return this.#resolveEnded === undefined;
  }

  /** The time that had passed at the last request, of the store and of earlier steps. */
  get waitedBeforeMs(): number {
    return this.#limit.waitedBeforeMs;
  }

  /** Fires when the caller's signal does, or when the turn is left from outside. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  /**
   * Resolves with the first reply, or with `undefined` in a turn that continues after answers. The turn ends here if it
   * does not begin.
   * @throws {SendError} kind `aborted` when the turn is left meanwhile; any error of the client
   */
  async open(): Promise<MessageStream<Output> | undefined> {
    let first: MessageStream<Output> | undefined;
    const messages = this.conversation.state.turn?.messages ?? [];
    try {
      await this.#flushBefore();
      if (this.continued) first = await this.#rest(this.continued);
      else if (!this.resumed) {
        const count = this.#count(messages, this.#effective, this.signal);
        if (count) await count;
        first = await this.#ask(this.client, this.#request.messages, this.#optionsLeft({}));
      } else if (this.signal.aborted) throw abortError(this);
    } catch (error) {
      const refusal = withWaitBefore(refusalOf(error, this.client, this.signal), this.waitedBeforeMs);
      this.end(refusal.partial, true);
      await this.saved();
      throw refusal;
    }
    if (!this.isOver) return first;
    void first?.stop();
    const { provider, model } = this.client;
    throw new SendError("aborted", "The session was closed before the reply began.", { provider, model });
  }

  /** Resolves with the next reply, to the messages so far. Rejects as the client does. */
  next(signal: AbortSignal): Promise<MessageStream> {
    const { turn } = this.conversation.state;
    const added = turn ? inCallOrder(turn) : [];
    const choice = this.#choice(added);
    const effective = { ...this.#effective, ...choice };
    this.#request = this.conversation.requestOf(this.#systemPrompt, added, effective);
    const ask = () => this.#ask(this.client, this.#request.messages, { ...this.#optionsLeft(choice), signal });
    return this.#count(added, effective, signal)?.then(ask) ?? ask();
  }

  /** Opens the rest of a reply that broke off with its process. */
  async #rest({ reply }: ContinuedTurn): Promise<MessageStream<Output> | undefined> {
    if (!reply) return undefined;
    const { messages } = this.#request;
    const options: SendOptions = this.#optionsLeft(this.#choice(messages));
    const open = (more: readonly Message[], its: SendOptions) => this.#ask(this.client, more, its);
    const { defaults } = this.client;
    return (await openRest({ messages, options, defaults, open }, reply, this.signal)) as MessageStream<Output>;
  }

  /** A forced choice in every request would be a loop without end. */
  #choice(messages: readonly Message[]): Pick<SendOptions, "toolChoice"> {
    const isFirst = messages.at(-1)?.role === "user";
    return !isFirst && isForced(this.#effective.toolChoice) ? { toolChoice: "auto" } : {};
  }

  #optionsLeft(choice: Pick<SendOptions, "toolChoice">): SendOptions<Output> {
    return { ...this.#options, ...choice, ...this.#limit.timeouts(this.#options.timeouts) };
  }

  /**
   * Lets the provider count a request that is near its limit, and selects its exchanges again by that count.
   * `undefined`: there is nothing to count. A count that fails changes nothing.
   * @throws {SendError} kind `contextLength` when the turn alone exceeds the budget by the count
   */
  #count(added: readonly Message[], effective: SendOptions, signal: AbortSignal): Promise<void> | undefined {
    const { tokensNearLimit, messages } = this.#request;
    const { client, conversation } = this;
    if (!tokensNearLimit || !conversation.budget?.asksProvider || !client.countTokens) return undefined;
    return client.countTokens(messages, { ...effective, signal }).then(
      ({ inputTokens, source }) => {
        if (source === "estimate" || inputTokens === 0) return;
        const correction = inputTokens / tokensNearLimit;
        this.#request = conversation.requestOf(this.#systemPrompt, added, effective, correction);
      },
      () => undefined,
    );
  }

  /** A reply is complete, and the turn continues: its tools run next. */
  replied(reply: AssistantMessage): void {
    this.conversation.addReply(reply, this.#request);
  }

  /** Returns the name of the tool of a call that the history left open. */
  nameOf(toolCallId: string): string {
    const { history } = this.conversation.state;
    const reply = history.findLast((message): message is AssistantTurn => message.role === "assistant");
    return reply?.toolCalls?.find(({ id }) => id === toolCallId)?.name ?? "";
  }

  /** A tool has failed. An error of the hook is ignored. */
  toolFailed(error: unknown, call: ToolCall): void {
    try {
      const result: unknown = this.#onToolError?.(error, call);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // see above
    }
  }

  /**
   * Ends the turn with its last reply; later calls do nothing. `failed`: that reply is partial, or the turn was left.
   */
  end(reply: AssistantMessage | undefined, failed: boolean): void {
    if (this.isOver) return;
    offAbort(this.#caller, this.#onAbort);
    this.conversation.endTurn(reply, failed, this.#request);
    this.#resolveEnded?.();
    this.#resolveEnded = undefined;
  }

  /**
   * Resolves when the store has the turn so far, or has failed: the `flush` of the next turn reports a failure. A store
   * that does not answer holds up no turn that is left, or whose limit has passed.
   */
  async saved(): Promise<void> {
    const work = this.conversation.flush()?.catch(() => undefined);
    if (work && !(await this.#isDone(work))) await withinGrace(work);
  }

  /** Ends a reply without a reader, as the caller's signal would. */
  async abandon(unreadMs: number): Promise<void> {
    this.#leaving.abort(new Error(`The stream was not read for ${unreadMs} ms (\`unreadTimeoutMs\`).`));
    await withinGrace(this.#ended);
    this.end(this.stream?.partial, true);
  }

  /** Stops the reply, or the request for it. */
  async leave(): Promise<void> {
    if (this.stream) void this.stream.stop();
    else {
      this.#leaving.abort(new Error("The session was closed."));
      await withinGrace(this.#ended);
    }
    this.end(undefined, true);
  }

  /**
   * @throws {SendError} kind `aborted` as soon as the turn is left; `timeout` when its limit passes; `storage` when the
   * store fails
   */
  async #flushBefore(): Promise<void> {
    const work = this.conversation.flush();
    if (!work || this.signal.aborted) return; // the client refuses an aborted call
    if (await this.#isDone(work)) return;
    throw this.signal.aborted ? abortError(this) : this.#limit.error("The store of the session");
  }

  /** Resolves with true when the work is done, and with false when the turn is left first, or its limit passes. */
  async #isDone(work: Promise<void>): Promise<boolean> {
    if (this.signal.aborted || this.#caller?.aborted || this.#limit.isOver) return false;
    let leave: () => void = () => undefined;
    const left = new Promise<false>((resolve) => {
      leave = () => resolve(false);
    });
    // A turn that has ended does not listen to its caller any more.
    onAbort(this.signal, leave);
    onAbort(this.#caller, leave);
    const timer = this.#limit.timer(leave);
    try {
      return await Promise.race([work.then(() => true), left]);
    } finally {
      clearTimeout(timer);
      offAbort(this.signal, leave);
      offAbort(this.#caller, leave);
    }
  }
}

function abortError({ client: { provider, model }, signal }: Pick<Turn, "client" | "signal">): SendError {
  const cause: unknown = signal.reason;
  return new SendError("aborted", "The caller's signal ended the call.", { provider, model, cause });
}

function isForced(choice: SendOptions["toolChoice"]): boolean {
  return choice !== undefined && choice !== "auto" && choice !== "none";
}

async function withinGrace(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GRACE_MS);
  });
  await Promise.race([work, grace]).finally(() => clearTimeout(timer));
}
