/** The options of a relay, and their validation. */

import type { ClientWrapper } from "../contract/client.ts";
import type { SendError } from "../contract/errors.ts";
import { type Fault, isFunction } from "../contract/option-faults.ts";
import type { Tool } from "../contract/options.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { native } from "../dialects/native/dialect.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { receivedText } from "../platform/received.ts";
import { checkOpenNames } from "../session/options.ts";
import { budgetFault, type TurnBudget } from "../session/turn-budget.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import type { ReplyLog, RunEnd, RunHead } from "./log/log.ts";
import { withDeadlines } from "./log/log-deadline.ts";
import { memoryLog } from "./log/memory-log.ts";
import { lingerMsOf } from "./policy/linger.ts";
import { type Policy, policyOf } from "./policy/policy.ts";
import type { PolicyOptions } from "./policy/policy-options.ts";
import type { SessionSetup } from "./run/session-turn.ts";

/** The options of `createRelay`. */
export interface RelayOptions extends PolicyOptions {
  /** The client that answers: a provider's, or a wrapper. */
  readonly client: ClientWrapper;
  /**
   * Keeps running and ended replies, so that viewers can come back: `memoryLog`, `sqliteLog` or `redisLog`.
   * @default a small log in memory, so that a request that is sent twice is answered once
   */
  readonly log?: ReplyLog | undefined;
  /**
   * Keeps the conversations: a store, and options of `LLMSession.open`. The server's history is the only one then, and
   * a browser sends what is new.
   * @default none: a browser sends the conversation each time
   */
  readonly sessions?: SessionSetup | undefined;
  /** The system prompt of every conversation. */
  readonly systemPrompt?: string | undefined;
  /** The tools of every reply. Those with a `run` are run here. */
  readonly tools?: readonly Tool[] | undefined;
  /**
   * Maximum tokens and dollars of one turn: of the reply to a request, with those after its tools. The turn ends with
   * `finishReason: "budget"`. `sessions.budget` comes before it. A reply that continues the one at the end of its
   * messages has none. A turn that another process continues counts the replies before, as far as the log or the store
   * has their usage.
   * @default no limit
   */
  readonly budget?: TurnBudget | undefined;
  /**
   * How long a run continues after its last viewer has left: `"stop"` for not at all, `"continue"` for to its end, or
   * milliseconds. A run that is stopped keeps its text. Cloudflare Workers, Vercel and AWS Lambda freeze a function
   * after its response: without `waitUntil`, only `"stop"` is valid there.
   * @default "stop" without `log`, else 300_000 (5 minutes); "stop" where the platform allows no other, and `onError`
   * says so
   */
  readonly linger?: "stop" | "continue" | number | undefined;
  /**
   * The fate of a run whose process has died. `"continue"`: another process of a shared log, and of a shared store with
   * `sessions`, continues where nothing can happen twice. The log keeps the requests for that. A tool begins when the
   * log knows that it does; `docs/relay.md` lists what is continued.
   * @default none: the run ends as `truncated`, with its text
   */
  readonly recover?: "continue" | undefined;
  /**
   * The fate of a new turn while the chat's last run continues. `"reject"`: it is refused with 409, kind `busy`.
   * `"replace"`: the last run is stopped first.
   * @default "reject"; "replace" for front ends of `aiSdk`, whose stop does not reach a server
   */
  readonly onBusy?: "reject" | "replace" | undefined;
  /**
   * How long a new run waits for the provider before its response begins, in milliseconds. A refusal in that time has a
   * status of its own; a later one is reported inside the reply.
   * @default 5_000
   */
  readonly headersWithinMs?: number | undefined;
  /**
   * The front ends that `handle` answers: `native` for `cloudllm/web`, `aiSdk`, `agUi`. For several, see
   * `Relay.handlerFor`.
   * @default native
   */
  readonly dialect?: Dialect | undefined;
  /**
   * The path of the relay, such as `/api/chat`. Requests to other paths are answered with 404.
   * @default any: the routes are read from the end of the path
   */
  readonly path?: string | undefined;
  /** Keeps a function alive after its response: `after` of Next.js, or `ctx.waitUntil` of Workers. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /**
   * Called with each failure: of the provider, the log, the session store, or this program. The error is not masked.
   * `run` is absent when the failure is not that of a run.
   */
  readonly onError?: ((error: SendError, run: RunHead | undefined) => void) | undefined;
  /** Called when a run has ended in this process, before its log has the end: for bills and figures. */
  readonly onRunEnd?: ((end: RunEnd, run: RunHead) => void) | undefined;
}

/** The options with their defaults. */
export interface RelaySettings {
  readonly client: ClientWrapper;
  readonly policy: Policy;
  readonly log: ReplyLog;
  readonly sessions: SessionSetup | undefined;
  readonly systemPrompt: string | undefined;
  readonly tools: readonly Tool[];
  readonly budget: TurnBudget | undefined;
  readonly lingerMs: number;
  readonly continues: boolean;
  /** Absent: the dialect's default. */
  readonly onBusy: "reject" | "replace" | undefined;
  readonly headersWithinMs: number;
  readonly dialect: Dialect;
  readonly path: string | undefined;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly onError: (error: SendError, run: RunHead | undefined) => void;
  readonly onRunEnd: (end: RunEnd, run: RunHead) => void;
}

const DEFAULT_HEADERS_MS = 5_000;

/** Of the log of a relay that was given none. */
const OWN_LOG = { maxBytes: 16_777_216, keepMs: 60_000 } as const;

const hasMethods =
  (...names: readonly string[]): Fault =>
  (value) => {
    const object = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
    if (names.every((name) => typeof object[name] === "function")) return undefined;
    return `must be an object with ${names.map((name) => `\`${name}\``).join(", ")}`;
  };

/** Returns whether a value is a store itself. */
const isStore = (value: unknown): boolean => hasMethods("append", "load")(value) === undefined;

function pathFault(value: unknown): string | undefined {
  return typeof value === "string" && value.startsWith("/") ? undefined : 'must be a path, such as "/api/chat"';
}

const FAULTS: { readonly [Name in Exclude<keyof RelayOptions, keyof PolicyOptions>]-?: Fault } = {
  client: hasMethods("sendMessage", "sendMessageStream"),
  log: hasMethods("begin", "read", "seal", "takeOver", "head", "watch"),
  sessions: (value) => {
    if (isStore(value)) return "must be an object with that `store`";
    return isStore((value as Partial<SessionSetup> | null)?.store) ? undefined : "must have a `store`";
  },
  systemPrompt: (value) => (typeof value === "string" ? undefined : "must be a string"),
  tools: (value) => (Array.isArray(value) ? undefined : "must be an array of tools"),
  budget: () => undefined, // its faults are sentences of their own
  linger: (value) =>
    value === "stop" || value === "continue" || (typeof value === "number" && value >= 0)
      ? undefined
      : 'must be "stop", "continue" or milliseconds',
  recover: (value) => (value === "continue" ? undefined : 'must be "continue"'),
  onBusy: (value) => (value === "reject" || value === "replace" ? undefined : 'must be "reject" or "replace"'),
  headersWithinMs: (value) => (typeof value === "number" && value >= 0 ? undefined : "must be milliseconds"),
  dialect: hasMethods("routeOf", "startOf", "refusal"),
  path: pathFault,
  waitUntil: isFunction,
  onError: isFunction,
  onRunEnd: isFunction,
};

/**
 * Returns the options with their defaults.
 * @throws {TypeError} when an option is missing, unknown or malformed
 */
export function settingsOf(options: RelayOptions): RelaySettings {
  const hasSessions = options?.sessions !== undefined;
  const policy = policyOf(options, { hasSessions, otherOptions: Object.keys(FAULTS) });
  if (isJsonObject(options.sessions) && !isStore(options.sessions))
    checkOpenNames(options.sessions, ["client", "id"], "sessions.");
  for (const [name, faultOf] of Object.entries(FAULTS)) {
    const value = options[name as keyof typeof FAULTS];
    const fault = value === undefined && name !== "client" ? undefined : faultOf(value);
    if (fault) throw new TypeError(`The option \`${name}\` ${fault}, not ${receivedText(value)}.`);
  }
  const { client, log, sessions, systemPrompt, tools = [], budget, path, onError, onRunEnd, waitUntil } = options;
  const budgetIsWrong = budgetFault(budget);
  if (budgetIsWrong) throw new TypeError(budgetIsWrong);
  const reported = (error: SendError, run: RunHead | undefined): void => quietly(() => onError?.(error, run));
  const lingerFacts = { hasLog: log !== undefined, hasWaitUntil: waitUntil !== undefined };
  return {
    client,
    policy,
    log: withDeadlines(log ?? memoryLog(OWN_LOG)),
    sessions,
    systemPrompt,
    tools,
    budget,
    lingerMs: lingerMsOf(options.linger, lingerFacts, (error) => reported(error, undefined)),
    continues: options.recover === "continue",
    onBusy: options.onBusy,
    dialect: options.dialect ?? native,
    headersWithinMs: options.headersWithinMs ?? DEFAULT_HEADERS_MS,
    path: checkedPath(path),
    waitUntil: (work) => {
      try {
        waitUntil?.(work);
      } catch (error) {
        reported(sendErrorOf(error, "hook"), undefined); // the run continues
      }
    },
    onError: reported,
    onRunEnd: (end, run) => quietly(() => onRunEnd?.(end, run)),
  };
}

/**
 * Returns a path without a slash at its end.
 * @throws {TypeError} when it is not a path
 */
export function checkedPath(path: string | undefined): string | undefined {
  const fault = path === undefined ? undefined : pathFault(path);
  if (fault) throw new TypeError(`The option \`path\` ${fault}, not ${receivedText(path)}.`);
  return path?.replace(/\/$/, "");
}

/** Errors of a hook do not end a run. */
function quietly(hook: () => unknown): void {
  try {
    Promise.resolve(hook()).catch(() => undefined); // an unhandled rejection ends the process
  } catch {
    // the hook is the last to learn of errors
  }
}
