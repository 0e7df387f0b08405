/** The next client when one fails. */

import type { ClientWrapper, TypedClient } from "../contract/client.ts";
import type { SendErrorKind } from "../contract/error-kind.ts";
import type { SendError } from "../contract/errors.ts";
import { loadPart } from "../contract/load-part.ts";
import type { Message } from "../contract/message.ts";
import { checkSettings, type Fault, isBetween, isFunction } from "../contract/option-faults.ts";
import type { Recovery, SendOptions } from "../contract/options.ts";
import { isRecovery } from "../contract/validate.ts";
import { systemClock } from "../platform/clock.ts";
import { hasFields } from "../platform/json-object.ts";
import { clientOf, openStream } from "../stream/open-stream.ts";
import { Circuit, type CircuitOptions } from "./circuit-breaker.ts";
import type { FallbackMembers } from "./fallback-rules.ts";
import { races } from "./load-races.ts";
import { checkedClients, countingBy, jointDefaults } from "./race-client.ts";

/** When the next client is asked. */
export interface FallbackOptions {
  /**
   * Whether a failure lets the next client try. If the function throws, the call fails with the failure in question.
   * @default every kind but `aborted`, `invalidRequest`, `contentFilter`, `invalidOutput` and `busy`, which would also
   * fail there
   */
  readonly shouldFallBack?: ((error: SendError) => boolean) | undefined;
  /**
   * Maximum wait for a client's first chunk, in milliseconds. Then the next client is asked, and the slow one released.
   * Only time in which the caller waits counts. The last client has no such limit, nor has a non-streamed reply.
   * @default off
   */
  readonly firstChunkWithinMs?: number | undefined;
  /**
   * How to recover a reply that breaks after its first chunk, for calls that do not set it: see `Recovery`.
   * @default none: the call fails
   */
  readonly recover?: Recovery | undefined;
  /**
   * A client that keeps failing is left out for a while. Only the kinds `server`, `overloaded`, `network`, `timeout`
   * (but for the caller's own `timeouts.total`), `truncated`, `protocol` and `rateLimit` count: other kinds say nothing
   * about the client for other callers. `false` turns it off.
   * @default 5 failures, 30_000 ms
   */
  readonly circuit?: CircuitOptions | false | undefined;
}

const OPTION_FAULTS: { readonly [Name in keyof FallbackOptions]-?: Fault } = {
  shouldFallBack: isFunction,
  firstChunkWithinMs: (value) =>
    isBetween(value, Number.MIN_VALUE, Number.POSITIVE_INFINITY) ? undefined : "must be milliseconds above 0",
  recover: isRecovery,
  circuit: (value) => (value === false || hasFields(value) ? undefined : "must be an object of settings or false"),
};

/** Failures that belong to the request, not to the client. */
const REQUEST_FAULTS: readonly SendErrorKind[] = [
  "aborted",
  "invalidRequest",
  "contentFilter",
  "invalidOutput",
  "busy",
];

/**
 * Returns a client that asks the first of `clients`, and the next one when that fails before its first chunk. Each does
 * its own retries before, but waits longer than a second (`Retry-After`, back-off, its turn in a `rateLimit`) only
 * while no other client is idle: the call moves to that one at once, and only the last one waits. A failure after the
 * first chunk fails the call, unless `recover` is set: then the next client continues, or begins again, once the first
 * has made its own attempts. `provider` and `model` of the reply say who answered; `metrics.attempts` lists the
 * attempts at all clients.
 *
 * @throws {TypeError} when `clients` is empty or an option is invalid
 * @example
 * ```ts
 * import { ClaudeClient, fallback, OpenAIClient } from "cloudllm";
 *
 * export const client = fallback(
 *   [new ClaudeClient({ model: "claude-sonnet-5-5" }), new OpenAIClient({ model: "gpt-6-sol" })],
 *   { firstChunkWithinMs: 5_000 },
 * );
 * ```
 */
export function fallback(clients: readonly ClientWrapper[], options: FallbackOptions = {}): TypedClient {
  const list = checkedClients(clients);
  checkSettings(options, OPTION_FAULTS);
  const { shouldFallBack = fallsBackByDefault, firstChunkWithinMs, circuit = {} } = options;
  const members: FallbackMembers = {
    clients: list,
    circuits: new Map(list.map((client) => [client, circuit && new Circuit(circuit)])),
    firstChunkWithinMs,
    shouldFallBack: falseWhenThrown(shouldFallBack),
    now: systemClock(),
  };
  const [{ provider, model }] = list;
  const wrapper = clientOf({
    provider,
    model,
    defaults: jointDefaults(list),
    async open<Output>(messages: readonly Message[], its: SendOptions<Output>, streamed: boolean) {
      const { fallbackRules, openRecoverable, raceOf } = races.isLoaded ? races.loaded : await loadPart(races);
      const { recover = options.recover } = its;
      if (recover) return openRecoverable<Output>(members, messages, { ...its, recover });
      return openStream<Output>(raceOf(messages, its, fallbackRules(members, { order: list, streamed })));
    },
  });
  return countingBy(list[0], wrapper);
}

function fallsBackByDefault({ kind }: SendError): boolean {
  return !REQUEST_FAULTS.includes(kind);
}

function falseWhenThrown(decide: (error: SendError) => boolean): (error: SendError) => boolean {
  return (error) => {
    try {
      return decide(error);
    } catch {
      return false;
    }
  };
}
