/** What may be said when a session is made, and with each of its turns; senseless options are refused at once. */

import type { ClientWrapper, SendOptions, Tool } from "../contract/client.ts";
import type { Message, ToolCall } from "../contract/message.ts";
import { optionsFault } from "../contract/validate.ts";
import type { TokenCounter } from "../tokens/estimate.ts";
import type { SessionStore } from "./store.ts";

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
  /**
   * Most replies of one turn: as long as a reply asks for tools that have a `run`, they are run and the model is asked again.
   * The last reply is returned as it is, its calls unanswered. Default 8.
   */
  readonly maxSteps?: number;
  /**
   * Maximum time for which nobody takes a chunk of a turn's stream or waits for one, in milliseconds; 0 turns the limit off. A stream that
   * was forgotten would keep its session `busy` for ever. After it the turn is ended as by the caller's signal: what came is kept as
   * `interrupted`, calls that were not run are closed, and a late reader gets a `SendError` of kind `aborted`.
   * @default 600 000
   */
  readonly unreadTimeoutMs?: number | undefined;
  /**
   * Called when a tool has failed: with what it threw, or the error that says which limit passed or why its result is not JSON.
   * The model has received the message as an error result, and the turn goes on. What this function throws is ignored.
   */
  readonly onToolError?: ((error: unknown, call: ToolCall) => void) | undefined;
  /** Tools of every turn that names none itself. They go before those of `defaults` and of the client. */
  readonly tools?: readonly Tool[] | undefined;
  /** What every turn carries unless it says otherwise: temperature, `maxOutputTokens`, `reasoning` … Not written down by `toJSON` or a store. */
  readonly defaults?: Omit<SendOptions, "signal"> | undefined;
  /** An earlier conversation, without its system prompt. */
  readonly history?: readonly Message[];
}

/** How a session is opened that a store keeps. */
export interface OpenOptions extends Omit<SessionOptions, "history"> {
  readonly store: SessionStore;
  /** Under which the store keeps it; a session that is not there begins anew. */
  readonly id: string;
  /** Goes before the one that was kept. Default: that one. */
  readonly systemPrompt?: string;
  /** How often the text of a reply is written down while it streams, in milliseconds: what a crash may cost. Default 100. */
  readonly flushIntervalMs?: number;
}

/** What may be said with one turn. Timeouts and retries hold for each of its replies; `timeouts.total` for the whole turn. */
export interface TurnOptions<Output = unknown> extends SendOptions<Output> {
  /** Most replies of this turn; see `SessionOptions`. */
  readonly maxSteps?: number | undefined;
}

const OPTION_NAMES = [
  "client",
  "systemPrompt",
  "maxTokens",
  "counter",
  "onInterrupt",
  "maxSteps",
  "unreadTimeoutMs",
  "onToolError",
  "tools",
  "defaults",
  "history",
];

/** @throws {TypeError} that names the option which makes no sense */
export function checkOptions(options: SessionOptions): void {
  const { client, systemPrompt, maxTokens, counter, onInterrupt, maxSteps, unreadTimeoutMs, onToolError } = options;
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name));
  if (unknown) throw new TypeError(`There is no option \`${unknown}\`; there are ${OPTION_NAMES.join(", ")}.`);
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw new TypeError(`\`maxTokens\` must be a whole number above 0, not ${String(maxTokens)}.`);
  }
  if (counter !== undefined && typeof counter?.count !== "function") {
    throw new TypeError("`counter` must have a method `count(text)`.");
  }
  if (onInterrupt !== undefined && onInterrupt !== "keep" && onInterrupt !== "discard") {
    throw new TypeError('`onInterrupt` must be "keep" or "discard".');
  }
  if (unreadTimeoutMs !== undefined && !(typeof unreadTimeoutMs === "number" && unreadTimeoutMs >= 0)) {
    throw new TypeError(
      `\`unreadTimeoutMs\` must be a number of milliseconds, 0 or more, not ${String(unreadTimeoutMs)}.`,
    );
  }
  if (onToolError !== undefined && typeof onToolError !== "function") {
    throw new TypeError("`onToolError` must be a function.");
  }
  checkedClient(client);
  checkedPrompt(systemPrompt);
  const fault = maxStepsFault(maxSteps) ?? optionsFault({ ...turnDefaults(options) });
  if (fault) throw new TypeError(fault);
}

/** What a session's turns carry unless they say otherwise. */
export function turnDefaults({ tools, defaults }: Pick<SessionOptions, "tools" | "defaults">): SendOptions {
  return tools === undefined ? { ...defaults } : { ...defaults, tools };
}

/** What a session needs again where it is made of what was written down. */
export type RestoreOptions = Pick<
  SessionOptions,
  "client" | "counter" | "unreadTimeoutMs" | "onToolError" | "tools" | "defaults"
>;

export function checkedClient(client: ClientWrapper): ClientWrapper {
  if (typeof client?.sendMessage === "function" && typeof client.sendMessageStream === "function") return client;
  throw new TypeError("`client` must be a client: something with `sendMessage` and `sendMessageStream`.");
}

export function checkedPrompt(systemPrompt: string | undefined): string | undefined {
  if (systemPrompt === undefined || systemPrompt === "") return undefined;
  if (typeof systemPrompt === "string") return systemPrompt;
  throw new TypeError("`systemPrompt` must be a text.");
}

/** @throws {TypeError} when that is no place where a session could be kept */
export function checkPlace(store: SessionStore, id: string): void {
  if (typeof store?.append !== "function" || typeof store.load !== "function") {
    throw new TypeError("`store` must be a store: something with `append`, `load` and `list`.");
  }
  if (typeof id !== "string") throw new TypeError("`id` must be a text: the session's name in its store.");
}

/** What is wrong with the number of a turn's replies, as a sentence; `undefined` when nothing is. */
export function maxStepsFault(maxSteps: number | undefined): string | undefined {
  if (maxSteps === undefined || (Number.isInteger(maxSteps) && maxSteps > 0)) return undefined;
  return `\`maxSteps\` must be a whole number above 0, not ${String(maxSteps)}.`;
}
