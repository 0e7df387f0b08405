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
import { lacksRecovery, openRecovering, recovery } from "../stream/load-recovery.ts";
import { clientOf, openStream } from "../stream/open-stream.ts";
import type { RecoverableCall } from "../stream/recovering-source.ts";
import { Circuit, type CircuitOptions } from "./circuit-breaker.ts";
import type { Race, RaceRules } from "./race.ts";
import { askComplete, askStreamed, checkedClients, countingBy, jointDefaults, raceOf } from "./race-client.ts";

/** When the next client is asked. */
export interface FallbackOptions {
  /**
   * Whether a failure lets the next client try. Default: every kind but `aborted`, `invalidRequest`, `contentFilter`,
   * `invalidOutput` and `busy`, which would also fail there. If the function throws, the call fails with the failure in
   * question.
   */
  readonly shouldFallBack?: ((error: SendError) => boolean) | undefined;
  /**
   * Maximum wait for a client's first chunk, in milliseconds. Then the next client is asked, and the slow one released.
   * Only time in which the caller waits counts. The last client has no such limit, nor has a non-streamed reply.
   * Default: off.
   */
  readonly firstChunkWithinMs?: number | undefined;
  /**
   * How to recover a reply that breaks after its first chunk, for calls that do not set it: see `Recovery`. Default:
   * the call fails.
   */
  readonly recover?: Recovery | undefined;
  /**
   * A client that keeps failing is left out for a while. Only the kinds `server`, `overloaded`, `network`, `timeout`
   * (but for the caller's own `timeouts.total`), `truncated`, `protocol` and `rateLimit` count: other kinds say nothing
   * about the client for other callers. Default: 5 failures, 30 000 ms; `false` turns it off.
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

/**
 * Failures that say something about the client, and not about one caller's request or key: they count for its circuit.
 */
const CLIENT_FAULTS: readonly SendErrorKind[] = [
  "server",
  "overloaded",
  "network",
  "timeout",
  "truncated",
  "protocol",
  "rateLimit",
];

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
  const { shouldFallBack: asked = fallsBackByDefault, firstChunkWithinMs, circuit = {} } = options;
  const circuits = new Map(list.map((client) => [client, circuit && new Circuit(circuit)]));
  const now = systemClock();
  const { provider, model } = list[0];

  function shouldFallBack(error: SendError): boolean {
    try {
      return asked(error);
    } catch {
      return false;
    }
  }

  /** Returns how long until a client may be asked, in milliseconds. */
  function waitMsFor(client: ClientWrapper): number {
    const own = circuits.get(client);
    return own ? own.waitMs(now()) : 0;
  }

  /** Asks the clients in the given order. */
  function rulesFor(
    order: readonly ClientWrapper[],
    streamed: boolean,
    mayGoOn: (error: SendError) => boolean = () => false,
  ): RaceRules {
    const waiting = [...order];
    const last = order.at(-1);
    const trials = new Set<ClientWrapper>();
    return {
      ask: streamed ? askStreamed : askComplete,
      slow: "drop",
      startsNext: shouldFallBack,
      next() {
        for (let client = waiting.shift(); client; client = waiting.shift()) {
          const own = circuits.get(client);
          const way = own ? own.enter(now()) : "closed";
          if (way === "trial") trials.add(client);
          if (way) return client;
        }
        return undefined;
      },
      hasIdle(error, hasWinner) {
        if (hasWinner) return mayGoOn(error);
        return shouldFallBack(error) && waiting.some((client) => waitMsFor(client) === 0);
      },
      patienceMs: (client) => (streamed && client !== last ? firstChunkWithinMs : undefined),
      report(client, result) {
        const own = circuits.get(client);
        if (!own) return;
        // A client that begins well may yet break off; one whose caller left has done its part.
        if (result.status === "first") return;
        const wasTrial = trials.delete(client);
        if (result.status === "done") own.succeeded();
        else if ("error" in result && isClientFault(result.error)) own.failed(now(), wasTrial);
        else own.abandoned(wasTrial);
      },
      retryAfterMs: () => Math.min(...list.map(waitMsFor)),
    };
  }

  /** All other clients come first when a reply is to be continued. */
  async function recovering<Output>(
    given: readonly Message[],
    its: SendOptions<Output> & { readonly recover: Recovery },
  ) {
    const startedAt = now();
    const messages = Array.isArray(given) ? [...given] : given; // a copy: the caller may change its own meanwhile
    if (lacksRecovery(its)) await loadPart(recovery);
    let recovered = 0;
    let race: Race | undefined;
    const others = () => list.filter((client) => client !== race?.winner);
    const mayGoOn = (error: SendError): boolean =>
      shouldFallBack(error) && recovered < list.length - 1 && others().some((client) => waitMsFor(client) === 0);
    const opened = (more: readonly Message[], theirs: SendOptions, order: readonly ClientWrapper[]) => {
      const opening = raceOf(more, theirs, rulesFor(order, true, mayGoOn));
      return openStream(opening).then((stream) => {
        race = opening;
        return stream;
      });
    };
    const first = await opened(messages, its, list);
    const call: RecoverableCall = {
      messages,
      options: its,
      open(more, theirs) {
        recovered++;
        return opened(more, theirs, others());
      },
      delayMs: (error) => (mayGoOn(error) ? 0 : undefined),
      now,
      startedAt,
    };
    return openRecovering<Output>(call, first);
  }

  const wrapper = clientOf({
    provider,
    model,
    defaults: jointDefaults(list),
    open<Output>(messages: readonly Message[], its: SendOptions<Output>, streamed: boolean) {
      const { recover = options.recover } = its;
      if (recover) return recovering(messages, { ...its, recover });
      return openStream<Output>(raceOf(messages, its, rulesFor(list, streamed)));
    },
  });
  return countingBy(list[0], wrapper);
}

/**
 * `total` is the caller's limit, and includes the caller's own pauses. A call of which nothing was sent says nothing,
 * such as one that a `rateLimit` within the fallback has refused.
 */
function isClientFault({ kind, phase, attempts }: SendError): boolean {
  return CLIENT_FAULTS.includes(kind) && phase !== "total" && attempts?.length !== 0;
}

function fallsBackByDefault({ kind }: SendError): boolean {
  return !REQUEST_FAULTS.includes(kind);
}
