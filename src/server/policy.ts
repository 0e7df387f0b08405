/**
 * The relay's rules: who may use it, what a browser may say, and what it sees. One table of options with safe defaults.
 */

import type { ClientWrapper } from "../contract/client.ts";
import type { SendError } from "../contract/errors.ts";
import type { SendOptions } from "../contract/options.ts";
import { unknownOption } from "../contract/unknown-option.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { receivedText, typeText } from "../platform/received.ts";

/** The user behind a request. */
export interface Caller {
  /**
   * A name that belongs to one user for ever, such as the key of a table. It owns the runs and chats that it starts.
   */
  readonly user: string;
}

/**
 * Resolves with the caller of a request; with `undefined` for 401; with a `Response` that is sent as it is, such as a
 * redirect. A rejection is answered with 500.
 */
export type Authorize = (request: Request) => Caller | Response | undefined | Promise<Caller | Response | undefined>;

/** The bounds of one relay. Each one overrides its default alone. */
export interface RelayLimits {
  /**
   * Maximum number of running replies of one user. More are refused with 429.
   * @default 4
   */
  readonly runsPerUser?: number | undefined;
  /**
   * Maximum number of connections that watch one run in this process. More are refused with 429.
   * @default 16
   */
  readonly viewersPerRun?: number | undefined;
  /**
   * Maximum size of a request's body, in bytes. A larger one is refused with 413.
   * @default 1 048 576 (1 MiB)
   */
  readonly bodyBytes?: number | undefined;
  /**
   * Maximum time to read a request's body, in milliseconds. A slower one is refused with 408.
   * @default 30 000
   */
  readonly bodyMs?: number | undefined;
  /**
   * Maximum depth of a request's JSON.
   * @default 64
   */
  readonly depth?: number | undefined;
  /**
   * Maximum number of messages in a request.
   * @default 500
   */
  readonly messages?: number | undefined;
  /**
   * Maximum number of parts in a message: texts, images and files, or tool calls.
   * @default 64
   */
  readonly parts?: number | undefined;
  /**
   * Maximum text of one message, in UTF-16 units.
   * @default 200 000
   */
  readonly textLength?: number | undefined;
  /**
   * Maximum number of tokens of a reply: sent to the provider with each request, and the most that a browser may ask
   * for.
   * @default none: the client's own
   */
  readonly maxOutputTokens?: number | undefined;
  /**
   * Maximum time of a run, in milliseconds.
   * @default 600 000 (10 minutes)
   */
  readonly totalMs?: number | undefined;
}

/** Parts of a reply that a browser sees in addition to its text, calls, sources, media and finish reason. */
export interface Exposure {
  /**
   * The model's thinking.
   * @default false
   */
  readonly reasoning?: boolean | undefined;
  /**
   * Token counts, without the provider's own usage object.
   * @default true
   */
  readonly usage?: boolean | undefined;
  /**
   * The results of tools that the server ran. The text of a failure is never shown.
   * @default true
   */
  readonly toolResults?: boolean | undefined;
  /**
   * The tools that the provider ran, with their arguments and results.
   * @default false
   */
  readonly providerTools?: boolean | undefined;
  /**
   * Log probabilities of tokens.
   * @default false
   */
  readonly logprobs?: boolean | undefined;
}

/** The options of a call that `allow` may name. */
export type AllowedOption =
  | "model"
  | Extract<
      keyof SendOptions,
      "maxOutputTokens" | "temperature" | "topP" | "stop" | "seed" | "toolChoice" | "reasoning" | "output" | "search"
    >;

/** The others decide about time, money, headers and tools. */
const ALLOWABLE: readonly AllowedOption[] = [
  "model",
  "maxOutputTokens",
  "temperature",
  "topP",
  "stop",
  "seed",
  "toolChoice",
  "reasoning",
  "output",
  "search",
];

/**
 * Which earlier turns count: see `PolicyOptions.history`.
 * - `server`: those of the session store. A request with `messages` is refused.
 * - `signed`: those of the request. Assistant turns are plain text; tool calls need the relay's signature.
 * - `client`: those of the request, as the browser says.
 */
export type HistoryRule = "server" | "signed" | "client";

/** The options of a relay that decide who may do what. */
export interface PolicyOptions {
  /**
   * Resolves with the caller of a request. Everything that belongs to another user is answered with 404.
   *
   * `"public"` admits every caller. All of them are one user then: a chat is open to those who know its id, and the
   * limits count everybody together.
   */
  readonly authorize: "public" | Authorize;
  /**
   * Origins of other sites whose pages may use the relay, such as `https://app.example.com`. Compared exactly.
   * @default none: pages of the relay's own origin only
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * Whether pages of `origins` send cookies.
   * @default false
   */
  readonly credentials?: boolean | undefined;
  /** Bounds on requests and runs. */
  readonly limits?: RelayLimits | undefined;
  /**
   * Called before a run starts, for limits of your own, such as a number of replies a day. Resolves with nothing when
   * the run may start; with how long to wait, in milliseconds, when it may not: the answer is 429 with `Retry-After`.
   */
  readonly limit?: ((caller: Caller) => LimitAnswer | Promise<LimitAnswer>) | undefined;
  /**
   * Options of a call that a browser may choose. All others in a request are ignored.
   * @default none
   */
  readonly allow?: readonly AllowedOption[] | undefined;
  /**
   * Clients by the names under which a browser may choose them. Needs `allow: ["model"]`.
   * @default none
   */
  readonly models?: Readonly<Record<string, ClientWrapper>> | undefined;
  /**
   * Which earlier turns count: `server` (those of the session store), `signed` (those of the request; tool calls only
   * with the relay's signature, which needs `secret`), or `client` (those of the request, unchecked).
   * @default "server" with a session store, else "signed"
   */
  readonly history?: HistoryRule | undefined;
  /**
   * Signs the tool calls of replies, so that a relay without a session store recognizes them when they come back. At
   * least 32 characters, random, the same in each process.
   * @default none: tool calls that come back are refused
   */
  readonly secret?: string | undefined;
  /**
   * Whether system turns and file ids of a request are taken as the server's own.
   * @default false: both are refused
   */
  readonly trustHistory?: boolean | undefined;
  /**
   * Whether a request may declare tools, which run in the browser: at most 32, their schemas at most 16 kB each, under
   * other names than the server's.
   * @default false: they are ignored
   */
  readonly clientTools?: boolean | undefined;
  /**
   * Decides about the `https` or `http` address of an image or file, in the place of the default. The relay itself
   * fetches nothing; the provider may.
   * @default `https` on port 443 of a public host name, without credentials
   */
  readonly attachmentUrl?: ((url: URL) => boolean) | undefined;
  /** The parts of a reply that a browser sees. */
  readonly expose?: Exposure | undefined;
  /**
   * Returns the sentence about a failure that the browser sees; `undefined` for the relay's own. The error holds the
   * provider's message, which may name hosts, models and accounts.
   */
  readonly describe?: ((error: SendError) => string | undefined) | undefined;
}

/** Nothing, or how long to wait before the next request, in milliseconds. */
export type LimitAnswer = { readonly retryAfterMs: number } | undefined;

/** The options with their defaults. */
export interface Policy {
  readonly authorize: Authorize;
  readonly origins: readonly string[];
  readonly credentials: boolean;
  readonly limits: Limits;
  readonly limit: PolicyOptions["limit"];
  readonly allow: readonly AllowedOption[];
  readonly models: Readonly<Record<string, ClientWrapper>>;
  readonly history: HistoryRule;
  readonly secret: string | undefined;
  readonly trustHistory: boolean;
  readonly clientTools: boolean;
  readonly attachmentUrl: ((url: URL) => boolean) | undefined;
  readonly expose: { readonly [Name in keyof Exposure]-?: boolean };
  readonly describe: PolicyOptions["describe"];
}

/** The bounds with their defaults. */
export type Limits = { readonly [Name in Exclude<keyof RelayLimits, "maxOutputTokens">]-?: number } & {
  readonly maxOutputTokens: number | undefined;
};

const DEFAULT_LIMITS: Limits = {
  runsPerUser: 4,
  viewersPerRun: 16,
  bodyBytes: 1_048_576,
  bodyMs: 30_000,
  depth: 64,
  messages: 500,
  parts: 64,
  textLength: 200_000,
  maxOutputTokens: undefined,
  totalMs: 600_000,
};

const DEFAULT_EXPOSURE: Policy["expose"] = {
  reasoning: false,
  usage: true,
  toolResults: true,
  providerTools: false,
  logprobs: false,
};

/** The caller of every request to a relay with `authorize: "public"`. */
const PUBLIC_CALLER: Caller = { user: "public" };

const MIN_SECRET_LENGTH = 32;

/** Returns the fault of a value, as the end of a sentence that names its option; `undefined` when there is none. */
type Fault = (value: unknown) => string | undefined;

const isFunction: Fault = (value) => (typeof value === "function" ? undefined : "must be a function");
const isBoolean: Fault = (value) => (typeof value === "boolean" ? undefined : "must be true or false");
const isObject: Fault = (value) => (isJsonObject(value) ? undefined : "must be an object");
const isCount: Fault = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 ? undefined : "must be an integer above 0";
const isTimer: Fault = (value) =>
  typeof value === "number" && value > 0 && value <= MAX_TIMER_MS
    ? undefined
    : `must be milliseconds, above 0 and at most ${MAX_TIMER_MS}`;

const FAULTS: { readonly [Name in keyof PolicyOptions]-?: Fault } = {
  authorize: (value) =>
    value === "public" || typeof value === "function" ? undefined : 'must be a function of the request, or "public"',
  origins: (value) =>
    Array.isArray(value) && value.every(isOrigin)
      ? undefined
      : 'must be an array of origins, such as "https://app.example.com"',
  credentials: isBoolean,
  limits: isObject,
  limit: isFunction,
  allow: (value) =>
    Array.isArray(value) && value.every((name: AllowedOption) => ALLOWABLE.includes(name))
      ? undefined
      : `must be an array of ${ALLOWABLE.join(", ")}`,
  models: (value) => (isJsonObject(value) && Object.values(value).every(isClient) ? undefined : "must hold clients"),
  history: (value) =>
    value === "server" || value === "signed" || value === "client"
      ? undefined
      : 'must be "server", "signed" or "client"',
  secret: (value) =>
    typeof value === "string" && value.length >= MIN_SECRET_LENGTH
      ? undefined
      : `must be a string of at least ${MIN_SECRET_LENGTH} characters`,
  trustHistory: isBoolean,
  clientTools: isBoolean,
  attachmentUrl: isFunction,
  expose: isObject,
  describe: isFunction,
};

const LIMIT_FAULTS: { readonly [Name in keyof RelayLimits]-?: Fault } = {
  runsPerUser: isCount,
  viewersPerRun: isCount,
  bodyBytes: isCount,
  bodyMs: isTimer,
  depth: isCount,
  messages: isCount,
  parts: isCount,
  textLength: isCount,
  maxOutputTokens: isCount,
  totalMs: isTimer,
};

const EXPOSURE_FAULTS: { readonly [Name in keyof Exposure]-?: Fault } = {
  reasoning: isBoolean,
  usage: isBoolean,
  toolResults: isBoolean,
  providerTools: isBoolean,
  logprobs: isBoolean,
};

/**
 * Returns the rules that the options say.
 * @param relay whether the relay has a session store, and the names of the options that are validated elsewhere
 * @throws {TypeError} for an option that is unknown, missing or malformed
 */
export function policyOf(
  options: PolicyOptions,
  { hasSessions, otherOptions = [] }: { readonly hasSessions: boolean; readonly otherOptions?: readonly string[] },
): Policy {
  if (!isJsonObject(options)) throw new TypeError(`The relay needs an object of options, not ${typeText(options)}.`);
  checkFields(options, FAULTS, "", otherOptions);
  if (options.authorize === undefined) {
    throw new TypeError(
      "The relay needs the option `authorize`. Give a function that returns { user } for a request, or undefined to " +
        'refuse it. `authorize: "public"` admits every caller.',
    );
  }
  checkFields(options.limits, LIMIT_FAULTS, "limits.");
  checkFields(options.expose, EXPOSURE_FAULTS, "expose.");
  const { authorize, allow = [], models = {} } = options;
  const history = options.history ?? (hasSessions ? "server" : "signed");
  if (hasSessions !== (history === "server")) {
    throw new TypeError(
      hasSessions
        ? `The option \`history\` must be "server" in a relay with \`sessions\`, not ${receivedText(history)}. The store has the history.`
        : 'The option `history` needs `sessions` to be "server". Without a session store, choose "signed" or "client".',
    );
  }
  if (allow.includes("model") !== Object.keys(models).length > 0) {
    throw new TypeError('`allow: ["model"]` and the option `models` need each other. Give both, or neither.');
  }
  return {
    authorize: authorize === "public" ? () => PUBLIC_CALLER : checked(authorize),
    origins: options.origins ?? [],
    credentials: options.credentials ?? false,
    limits: { ...DEFAULT_LIMITS, ...present(options.limits) },
    limit: options.limit,
    allow,
    models,
    history,
    secret: options.secret,
    trustHistory: options.trustHistory ?? false,
    clientTools: options.clientTools ?? false,
    attachmentUrl: options.attachmentUrl,
    expose: { ...DEFAULT_EXPOSURE, ...present(options.expose) },
    describe: options.describe,
  };
}

/** A caller without a name would share the runs of all others without one. */
function checked(authorize: Authorize): Authorize {
  return async (request) => {
    const caller = await authorize(request);
    if (!caller || caller instanceof Response) return caller ?? undefined;
    if (typeof caller.user === "string" && caller.user !== "") return caller;
    throw new TypeError(
      `\`authorize\` must return { user } with a non-empty string, not ${receivedText(caller.user)}. Return undefined to refuse a request.`,
    );
  };
}

/** Options whose values may hold secrets: messages name only the type of what was received. */
const MAY_BE_SECRET = ["secret"];

function checkFields(
  fields: object | undefined,
  faults: Readonly<Record<string, Fault>>,
  path: string,
  others: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(fields ?? {}) as readonly [string, unknown][]) {
    if (value === undefined || others.includes(name)) continue;
    const faultOf = Object.hasOwn(faults, name) ? faults[name] : undefined;
    if (!faultOf) throw new TypeError(unknownOption(name, [...Object.keys(faults), ...others], path));
    const fault = faultOf(value);
    const received = MAY_BE_SECRET.includes(name) ? typeText(value) : receivedText(value);
    if (fault) throw new TypeError(`The option \`${path}${name}\` ${fault}, not ${received}.`);
  }
}

/** The fields that are not `undefined`: such a field leaves the default as it is. */
function present<Fields extends object>(
  fields: Fields | undefined,
): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  const entries = Object.entries(fields ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}

/** An origin as a browser sends it: without a path, not even `/`. Pages in apps have schemes of their own. */
function isOrigin(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const { origin, protocol, host } = new URL(value);
  return value === (origin === "null" && host !== "" ? `${protocol}//${host}` : origin);
}

function isClient(value: unknown): boolean {
  return isJsonObject(value) && "sendMessageStream" in value;
}
