/** The rules of a relay: its options, validated, with safe defaults. */

import type { ClientWrapper } from "../../contract/client.ts";
import { type Fault, isBoolean, isFunction } from "../../contract/option-faults.ts";
import { checkNames } from "../../contract/unknown-option.ts";
import { MAX_TIMER_MS } from "../../platform/clock.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { receivedText, typeText } from "../../platform/received.ts";
import { withoutUndefined } from "../../platform/without-undefined.ts";
import type { Asked } from "../http/handler.ts";
import {
  type AllowedOption,
  type Authorize,
  type Caller,
  type Exposure,
  type HistoryRule,
  isResponse,
  type PolicyOptions,
  type RelayLimits,
} from "./policy-options.ts";

/** The options with their defaults. */
export interface Policy {
  readonly authorize: (request: Pick<Asked, "web">) => ReturnType<Authorize>;
  readonly canRead: PolicyOptions["canRead"];
  readonly origins: readonly string[];
  readonly credentials: boolean;
  readonly limits: CheckedLimits;
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
export type CheckedLimits = { readonly [Name in Exclude<keyof RelayLimits, "maxOutputTokens">]-?: number } & {
  readonly maxOutputTokens: number | undefined;
};

const DEFAULT_LIMITS: CheckedLimits = {
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

/** The options that a relay may allow a browser. The others decide about time, money, headers and tools. */
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

const MIN_SECRET_LENGTH = 32;

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
  canRead: isFunction,
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
  if (options.authorize === "public" && options.canRead !== undefined) {
    throw new TypeError(
      'The option `canRead` needs an `authorize` that names users. With "public", every caller has all chats.',
    );
  }
  checkFields(options.limits ?? {}, LIMIT_FAULTS, "limits.");
  checkFields(options.expose ?? {}, EXPOSURE_FAULTS, "expose.");
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
    canRead: options.canRead,
    origins: options.origins ?? [],
    credentials: options.credentials ?? false,
    limits: { ...DEFAULT_LIMITS, ...withoutUndefined(options.limits ?? {}) },
    limit: options.limit,
    allow,
    models,
    history,
    secret: options.secret,
    trustHistory: options.trustHistory ?? false,
    clientTools: options.clientTools ?? false,
    attachmentUrl: options.attachmentUrl,
    expose: { ...DEFAULT_EXPOSURE, ...withoutUndefined(options.expose ?? {}) },
    describe: options.describe,
  };
}

/**
 * A caller without a name would share the runs of all others without one. No address, file or database can hold half a
 * surrogate pair.
 */
function checked(authorize: Authorize): Policy["authorize"] {
  return async (request) => {
    const caller = await authorize(request.web());
    if (!caller || isResponse(caller)) return caller ?? undefined;
    if (typeof caller.user === "string" && caller.user !== "" && caller.user.isWellFormed()) return caller;
    throw new TypeError(
      `\`authorize\` must return { user } with a non-empty string of whole characters, not ${receivedText(caller.user)}. Return undefined to refuse a request.`,
    );
  };
}

/** Options whose values may hold secrets: messages name only the type of what was received. */
const MAY_BE_SECRET = ["secret"];

function checkFields(
  fields: object,
  faults: Readonly<Record<string, Fault>>,
  path: string,
  others: readonly string[] = [],
): void {
  checkNames(fields, [...Object.keys(faults), ...others], path);
  for (const [name, value] of Object.entries(fields) as readonly [string, unknown][]) {
    const fault = value === undefined ? undefined : faults[name]?.(value);
    const received = MAY_BE_SECRET.includes(name) ? typeText(value) : receivedText(value);
    if (fault) throw new TypeError(`The option \`${path}${name}\` ${fault}, not ${received}.`);
  }
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
