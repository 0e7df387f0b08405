/** The options of a gateway, and their validation. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { SendError } from "../../contract/errors.ts";
import { allNames, checkNames } from "../../contract/unknown-option.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { receivedText, typeText } from "../../platform/received.ts";
import { withoutUndefined } from "../../platform/without-undefined.ts";
import type { ReplyLog } from "../log/log.ts";
import { memoryLog } from "../log/memory-log.ts";
import type { PolicyOptions, RelayLimits } from "../policy/policy-options.ts";
import { type RelayOptions, type RelaySettings, settingsOf } from "../relay-options.ts";
import { GatewayModels } from "./models.ts";

/** The bounds of a gateway. Each one overrides its default alone. */
export interface GatewayLimits {
  /**
   * Maximum number of running replies of one user. More are refused with 429.
   * @default 64
   */
  readonly runsPerUser?: number | undefined;
  /**
   * Maximum number of connections that read one kept reply in this process while it is written. More are refused with
   * 429, unless one of them has taken nothing for 30 seconds.
   * @default 16
   */
  readonly viewersPerRun?: number | undefined;
  /**
   * Maximum size of a request's body, in bytes. A larger one is refused with 413.
   * @default 33_554_432 (32 MiB)
   */
  readonly bodyBytes?: number | undefined;
  /**
   * Maximum time to read a request's body, in milliseconds. A slower one is refused with 408.
   * @default 60_000
   */
  readonly bodyMs?: number | undefined;
  /**
   * Maximum depth of a request's JSON.
   * @default 128
   */
  readonly depth?: number | undefined;
  /**
   * Maximum number of tokens of a reply, also for a request that asks for more.
   * @default none: the request's, or the client's own
   */
  readonly maxOutputTokens?: number | undefined;
  /**
   * Maximum time of a reply, in milliseconds.
   * @default 3_600_000 (1 hour)
   */
  readonly totalMs?: number | undefined;
}

/** The options of `createGateway`: `client` or `models`, and `authorize`. */
export interface GatewayOptions
  extends Pick<PolicyOptions, "authorize" | "origins" | "limit" | "describe">,
    Pick<RelayOptions, "recover" | "path" | "headersWithinMs" | "waitUntil" | "onError" | "onRunEnd"> {
  /** Answers requests for any model that `models` does not name: a provider's client, or a wrapper. */
  readonly client?: ClientWrapper | undefined;
  /**
   * Clients by the names under which programs choose them. Without `client`, any other name is answered with 404.
   * @default none
   */
  readonly models?: Readonly<Record<string, ClientWrapper>> | undefined;
  /**
   * Keeps replies that programs ask for later (Responses with `store`, which is their default), and the conversations
   * that they may continue: `memoryLog`, `sqliteLog` or `redisLog`.
   * @default a log in memory, which keeps a reply for an hour and forgets the oldest beyond 64 MiB
   */
  readonly log?: ReplyLog | undefined;
  /** Bounds on requests and replies. */
  readonly limits?: GatewayLimits | undefined;
  /**
   * The treatment of a parameter that the model does not have, such as a `temperature` or a `stop`. `"ignore"` leaves
   * it out, since many programs always send some; `"error"` answers 400.
   * @default "ignore"
   */
  readonly unsupported?: "ignore" | "error" | undefined;
}

/** The options with their defaults. */
export interface GatewaySettings {
  readonly relay: RelaySettings;
  readonly models: GatewayModels;
  readonly unsupported: "ignore" | "error";
  readonly path: string | undefined;
}

const DEFAULT_LIMITS = {
  runsPerUser: 64,
  viewersPerRun: 16,
  bodyBytes: 33_554_432,
  bodyMs: 60_000,
  depth: 128,
  totalMs: 3_600_000,
} as const satisfies RelayLimits;

/** Of the log of a gateway that was given none. */
const OWN_LOG = { keepMs: 3_600_000 } as const;

const NAMES = /* @__PURE__ */ allNames<GatewayOptions>({
  client: true,
  models: true,
  authorize: true,
  origins: true,
  limits: true,
  limit: true,
  describe: true,
  unsupported: true,
  log: true,
  recover: true,
  path: true,
  headersWithinMs: true,
  waitUntil: true,
  onError: true,
  onRunEnd: true,
});

const LIMIT_NAMES = /* @__PURE__ */ allNames<GatewayLimits>({
  runsPerUser: true,
  viewersPerRun: true,
  bodyBytes: true,
  bodyMs: true,
  depth: true,
  maxOutputTokens: true,
  totalMs: true,
});

/** A program with a key of ours sees everything that a reply says. Provider ids, limits and attempts stay here. */
const EXPOSED = { reasoning: true, usage: true, toolResults: true, providerTools: true, logprobs: true } as const;

/**
 * Returns the options with their defaults.
 * @throws {TypeError} when an option is missing, unknown or malformed
 */
export function gatewaySettings(options: GatewayOptions): GatewaySettings {
  if (!isJsonObject(options)) throw new TypeError(`The gateway needs an object of options, not ${typeText(options)}.`);
  checkNames(options, NAMES);
  const { client, models = {}, unsupported = "ignore", limits = {}, describe, ...others } = options;
  const first = client ?? Object.values(models)[0];
  if (first === undefined) {
    throw new TypeError("The gateway needs the option `client`, or `models` with a client for each name.");
  }
  if (options.authorize === undefined) {
    throw new TypeError(
      "The gateway needs the option `authorize`. Give `bearerKey(…)`, or a function that returns { user } for a " +
        'request. `authorize: "public"` admits every caller.',
    );
  }
  if (unsupported !== "ignore" && unsupported !== "error") {
    throw new TypeError(`The option \`unsupported\` must be "ignore" or "error", not ${receivedText(unsupported)}.`);
  }
  if (!isJsonObject(limits)) throw new TypeError(`The option \`limits\` must be an object, not ${typeText(limits)}.`);
  checkNames(limits, LIMIT_NAMES, "limits.");
  const relay = settingsOf({
    ...others,
    client: first,
    log: options.log ?? memoryLog(OWN_LOG),
    ...(Object.keys(models).length > 0 && { models, allow: ["model"] }),
    limits: { ...DEFAULT_LIMITS, ...withoutUndefined(limits) },
    history: "client",
    expose: EXPOSED,
    linger: "stop",
    describe: (error) => describe?.(error) ?? ownWords(error),
  });
  return { relay, models: new GatewayModels(client, models), unsupported, path: relay.path };
}

/**
 * Returns the message of a failure that is this library's own: the request was refused before anything was sent, so
 * no provider has put its words into it.
 */
function ownWords({ kind, message, status, attempts = [] }: SendError): string | undefined {
  const isOwn = status === undefined && attempts.length === 0;
  return isOwn && (kind === "invalidRequest" || kind === "unsupported") ? message : undefined;
}
