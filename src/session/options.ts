/** The options of a session and of its turns, and their validation. */

import type { ClientWrapper, ReplyTo } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message, ToolCall } from "../contract/message.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { optionNamesFault, optionsFault } from "../contract/validate.ts";
import { hasFields } from "../platform/json-object.ts";
import { typeText } from "../platform/received.ts";
import { withoutUndefined } from "../platform/without-undefined.ts";
import type { TokenCounter } from "../tokens/estimate.ts";
import type { SessionStore } from "./store.ts";
import { budgetFault, type TurnBudget } from "./turn-budget.ts";

/** The options of `new LLMSession`. */
export interface SessionOptions {
  /** The client that the session asks: a provider's, a wrapper, or any other `ClientWrapper`. */
  readonly client: ClientWrapper;
  /** The system prompt, sent first with every request. It is not part of the history. */
  readonly systemPrompt?: string | undefined;
  /**
   * Maximum number of tokens of one request and its reply: the model's context window, or less. If the conversation is
   * longer, its oldest complete exchanges are not sent; the history keeps them. The reply reserves `maxOutputTokens`,
   * or a quarter of `maxTokens` if the call has none.
   * @default no limit
   */
  readonly maxTokens?: number | undefined;
  /**
   * Counts tokens for `maxTokens`. `"provider"`: the default, and near the limit the provider's own count. A request
   * that fills four fifths of its room, or leaves out exchanges, then waits for one `countTokens` of the client; the
   * others wait for nothing. Where the client cannot count, or fails to, the estimate decides.
   * @default an estimate that learns from the counts that the provider reports
   */
  readonly counter?: TokenCounter | "provider" | undefined;
  /**
   * How a turn ends whose reply was stopped, was aborted or failed. `"keep"`: the history keeps the text so far, marked
   * `interrupted`. `"discard"`: the whole turn is removed.
   * @default "keep"
   */
  readonly onInterrupt?: "keep" | "discard" | undefined;
  /**
   * Maximum number of replies in one turn. While a reply calls tools that have a `run`, the session runs them and asks
   * again. The last reply is returned as received, with its calls unanswered.
   * @default 8
   */
  readonly maxSteps?: number | undefined;
  /**
   * Maximum tokens and dollars of one turn.
   * @default no limit
   */
  readonly budget?: TurnBudget | undefined;
  /**
   * Maximum time without a consumer that takes a chunk of a turn's stream or waits for one, in milliseconds; 0 turns
   * the limit off. A forgotten stream would otherwise keep its session `busy` for ever. When the limit passes, the turn
   * ends as by the caller's signal. The history keeps the text so far as `interrupted`, and calls that were not run are
   * closed. A late consumer gets a `SendError` of kind `aborted`.
   * @default 600_000
   */
  readonly unreadTimeoutMs?: number | undefined;
  /**
   * Called when a tool fails, with the value that it threw. After a passed limit, or a result that is not JSON, the
   * value is an error that names the cause. The model has received the message as an error result, and the turn
   * continues. Errors that this function throws are ignored.
   */
  readonly onToolError?: ((error: unknown, call: ToolCall) => void) | undefined;
  /**
   * The tools of every turn that names none itself. They take precedence over those of `defaults` and of the client.
   */
  readonly tools?: readonly Tool[] | undefined;
  /**
   * Options of every turn, such as `temperature`, `maxOutputTokens` or `reasoning`; a turn's own options take
   * precedence. `toJSON` and stores do not keep them.
   */
  readonly defaults?: Omit<SendOptions, "signal"> | undefined;
  /**
   * An earlier conversation, without its system prompt.
   * @default []
   */
  readonly history?: readonly Message[] | undefined;
}

/** The options of `LLMSession.open`. */
export interface OpenOptions extends Omit<SessionOptions, "history"> {
  /** Where the session is kept: a `MemoryStore`, a `FileStore` (from `cloudllm/store/file`), or your own. */
  readonly store: SessionStore;
  /** The session's name in the store. A new name begins a new session. */
  readonly id: string;
  /**
   * Replaces the stored system prompt.
   * @default the stored one
   */
  readonly systemPrompt?: string | undefined;
  /**
   * Interval at which the text of a streamed reply is written to the store, in milliseconds. A crash loses at most the
   * text of one interval.
   * @default 100
   */
  readonly flushIntervalMs?: number | undefined;
}

/**
 * The options of one turn. Timeouts and retries apply to each of its replies, except `timeouts.total`, which limits the
 * whole turn, its tools included.
 */
export interface TurnOptions<Output = unknown> extends SendOptions<Output> {
  /**
   * Maximum number of replies in this turn.
   * @default `SessionOptions.maxSteps`
   */
  readonly maxSteps?: number | undefined;
  /**
   * Maximum tokens and dollars of this turn.
   * @default `SessionOptions.budget`
   */
  readonly budget?: TurnBudget | undefined;
}

/** The named options, which `SessionOptions` types: so a session's type knows which ones it was given. */
export type Named<Names extends PropertyKey> = { readonly [Name in Names]?: unknown };

/**
 * The reply to a turn of a session that was given these options. With `output`, and without `tools` in the turn, the
 * session or its `defaults`, it has the value, or the turn has failed. A client with tools of its own may still ask for
 * those.
 */
export type SessionReply<Output, Tools, Given> = [Given & ("tools" | "defaults")] extends [never]
  ? ReplyTo<Output, Tools>
  : AssistantMessage<Output>;

/** The options of `new LLMSession`. */
const OPTION_NAMES = /* @__PURE__ */ allNames<SessionOptions>({
  client: true,
  systemPrompt: true,
  maxTokens: true,
  counter: true,
  onInterrupt: true,
  maxSteps: true,
  budget: true,
  unreadTimeoutMs: true,
  onToolError: true,
  tools: true,
  defaults: true,
  history: true,
});

/** The options of `LLMSession.open` that `new LLMSession` does not take. */
const STORE_NAMES = /* @__PURE__ */ allNames<Omit<OpenOptions, keyof SessionOptions>>({
  store: true,
  id: true,
  flushIntervalMs: true,
});

/**
 * Checks the names of the options of `LLMSession.open`.
 * @param without those that its caller sets
 * @param path what precedes every name, such as `sessions.`
 * @throws {TypeError} for one that does not exist
 */
export function checkOpenNames(options: object, without: readonly (keyof OpenOptions)[] = [], path = ""): void {
  const names = [...STORE_NAMES, ...OPTION_NAMES.filter((name) => name !== "history")];
  checkNames(
    options,
    names.filter((name) => !(without as readonly string[]).includes(name)),
    path,
  );
}

/** The options of a turn that `SendOptions` does not have. */
const TURN_NAMES = /* @__PURE__ */ allNames<Omit<TurnOptions, keyof SendOptions>>({ maxSteps: true, budget: true });

/** Returns a sentence about the first option of a turn that does not exist; `undefined` if all do. */
export function turnNamesFault(options: TurnOptions): string | undefined {
  return optionNamesFault(options, TURN_NAMES);
}

/** @throws {TypeError} that names the invalid option */
export function checkOptions(options: SessionOptions): void {
  checkNames(options, OPTION_NAMES);
  const { client, systemPrompt, maxTokens, counter, onInterrupt, maxSteps, unreadTimeoutMs, onToolError } = options;
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw new TypeError(`\`maxTokens\` must be an integer above 0. Received ${String(maxTokens)}.`);
  }
  if (counter !== undefined && counter !== "provider" && typeof counter?.count !== "function") {
    throw new TypeError('`counter` must be "provider", or an object with a method `count(text)`.');
  }
  if (onInterrupt !== undefined && onInterrupt !== "keep" && onInterrupt !== "discard") {
    throw new TypeError('`onInterrupt` must be "keep" or "discard".');
  }
  if (unreadTimeoutMs !== undefined && !(typeof unreadTimeoutMs === "number" && unreadTimeoutMs >= 0)) {
    throw new TypeError(
      `\`unreadTimeoutMs\` must be a number of milliseconds, at least 0. Received ${String(unreadTimeoutMs)}.`,
    );
  }
  if (onToolError !== undefined && typeof onToolError !== "function") {
    throw new TypeError("`onToolError` must be a function.");
  }
  if (options.defaults !== undefined && !hasFields(options.defaults))
    throw new TypeError(`The option \`defaults\` must be an object, not ${typeText(options.defaults)}.`);
  checkedClient(client);
  checkedPrompt(systemPrompt);
  const fault = maxStepsFault(maxSteps) ?? budgetFault(options.budget) ?? optionsFault({ ...turnDefaults(options) });
  if (fault) throw new TypeError(fault);
}

/** Returns the options that a session adds to each of its turns. */
export function turnDefaults({ tools, defaults }: Pick<SessionOptions, "tools" | "defaults">): SendOptions {
  return tools === undefined ? { ...defaults } : { ...defaults, tools };
}

/** The options of `LLMSession.fromJSON`: the settings that `toJSON` does not keep. */
export type RestoreOptions = Pick<
  SessionOptions,
  "client" | "counter" | "budget" | "unreadTimeoutMs" | "onToolError" | "tools" | "defaults"
>;

/** @throws {TypeError} when the value is not a client */
export function checkedClient(client: ClientWrapper): ClientWrapper {
  if (typeof client?.sendMessage === "function" && typeof client.sendMessageStream === "function") return client;
  throw new TypeError("`client` must be an object with methods `sendMessage` and `sendMessageStream`.");
}

/**
 * Returns the system prompt; `undefined` for an empty one.
 * @throws {TypeError} when it is not a string
 */
export function checkedPrompt(systemPrompt: string | undefined): string | undefined {
  if (systemPrompt === undefined || systemPrompt === "") return undefined;
  if (typeof systemPrompt === "string") return systemPrompt;
  throw new TypeError("`systemPrompt` must be a string.");
}

/** @throws {TypeError} when `store` is not a store, or `id` is not a string */
export function checkPlace(store: SessionStore, id: string): void {
  if (typeof store?.append !== "function" || typeof store.load !== "function") {
    throw new TypeError("`store` must be an object with methods `append`, `load` and `list`.");
  }
  if (typeof id !== "string") throw new TypeError("`id` must be a string: the session's name in its store.");
}

/** Returns what is wrong with `maxSteps`, as a sentence; `undefined` when it is valid. */
export function maxStepsFault(maxSteps: number | undefined): string | undefined {
  if (maxSteps === undefined || (Number.isInteger(maxSteps) && maxSteps > 0)) return undefined;
  return `\`maxSteps\` must be an integer above 0. Received ${String(maxSteps)}.`;
}

/**
 * Returns the options of one turn: the session's defaults, then the turn's own. A turn's `undefined` does not replace a
 * default.
 */
export function turnOptionsOf<Output>(defaults: SendOptions, own: SendOptions<Output>): SendOptions<Output> {
  const limits = defaults.timeouts;
  const timeouts = limits && own.timeouts ? { ...limits, ...own.timeouts } : own.timeouts; // name by name, as a client merges them
  // A default for `output` validates to an unknown type: the turn did not ask for it.
  return { ...defaults, ...withoutUndefined({ ...own, timeouts }) } as SendOptions<Output>;
}

/**
 * Checks a turn that runs calls before its first request, so that nothing is wrong with it after a tool has run.
 * @throws {SendError} kind `invalidRequest` for an invalid option, and for a call whose tool is not there
 */
export function checkResumed(calls: readonly ToolCall[], options: SendOptions): void {
  const fault = optionsFault({ ...options });
  if (fault) throw new SendError("invalidRequest", fault);
  const runnable = new Set(toolsOf(options).flatMap(({ name, run }) => (run ? name : [])));
  const lost = calls.find(({ name }) => !runnable.has(name));
  if (!lost) return;
  const message = `The call ${lost.id} may run, but this turn has no tool ${lost.name} with a \`run\`. Pass \`tools\`.`;
  throw new SendError("invalidRequest", message);
}

/** Returns the tools of options that no client has validated yet. */
export function toolsOf({ tools }: SendOptions): readonly Tool[] {
  return Array.isArray(tools) ? tools.filter((tool) => typeof tool === "object" && tool !== null) : [];
}

/** Returns whether a tool of a call has a `run`. */
export function hasRunnableTool(options: SendOptions): boolean {
  return toolsOf(options).some(({ run }) => typeof run === "function");
}
