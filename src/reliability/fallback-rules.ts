/** The rules of a fallback's races: whom to ask next, and what each client's result says about it. */

import type { ClientWrapper } from "../contract/client.ts";
import type { SendErrorKind } from "../contract/error-kind.ts";
import type { SendError } from "../contract/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { askComplete, askStreamed } from "./ask.ts";
import type { Circuit } from "./circuit-breaker.ts";
import type { RaceRules } from "./race.ts";

/** The clients of a fallback, with what all of its calls share. */
export interface FallbackMembers {
  readonly clients: readonly [ClientWrapper, ...ClientWrapper[]];
  /** The circuit of each client; false: it has none. */
  readonly circuits: ReadonlyMap<ClientWrapper, Circuit | false>;
  readonly firstChunkWithinMs: number | undefined;
  readonly shouldFallBack: (error: SendError) => boolean;
  readonly now: Clock;
}

/** The clients that one race may ask. */
export interface FallbackOrder {
  readonly order: readonly ClientWrapper[];
  readonly streamed: boolean;
  /** Whether another client would continue a reply that breaks with this error. Default: none would. */
  readonly canContinue?: ((error: SendError) => boolean) | undefined;
}

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

/** Returns how long until a client may be asked, in milliseconds. */
export function waitMsOf({ circuits, now }: FallbackMembers, client: ClientWrapper): number {
  const circuit = circuits.get(client);
  return circuit ? circuit.waitMs(now()) : 0;
}

/** Returns the rules of one race: the clients are asked in the given order. */
export function fallbackRules(members: FallbackMembers, { order, streamed, canContinue }: FallbackOrder): RaceRules {
  const { clients, circuits, firstChunkWithinMs, shouldFallBack, now } = members;
  const waiting = [...order];
  const last = order.at(-1);
  const trials = new Set<ClientWrapper>();
  return {
    ask: streamed ? askStreamed : askComplete,
    slow: "drop",
    startsNext: shouldFallBack,
    next() {
      for (let client = waiting.shift(); client; client = waiting.shift()) {
        const circuit = circuits.get(client);
        const entry = circuit ? circuit.enter(now()) : "closed";
        if (entry === "trial") trials.add(client);
        if (entry) return client;
      }
      return undefined;
    },
    hasIdle(error, hasWinner) {
      if (hasWinner) return canContinue?.(error) ?? false;
      return shouldFallBack(error) && waiting.some((client) => waitMsOf(members, client) === 0);
    },
    patienceMs: (client) => (streamed && client !== last ? firstChunkWithinMs : undefined),
    report(client, result) {
      const circuit = circuits.get(client);
      // A client that begins well may yet break off; one whose caller left has done its part.
      if (!circuit || result.status === "first") return;
      const wasTrial = trials.delete(client);
      if (result.status === "done") circuit.succeeded();
      else if ("error" in result && isClientFault(result.error)) circuit.failed(now(), wasTrial);
      else circuit.abandoned(wasTrial);
    },
    retryAfterMs: () => Math.min(...clients.map((client) => waitMsOf(members, client))),
  };
}

/**
 * `total` is the caller's limit, and includes the caller's own pauses. A call of which nothing was sent says nothing,
 * such as one that a `rateLimit` within the fallback has refused.
 */
function isClientFault({ kind, phase, attempts }: SendError): boolean {
  return CLIENT_FAULTS.includes(kind) && phase !== "total" && attempts?.length !== 0;
}
