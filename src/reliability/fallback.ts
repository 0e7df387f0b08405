/** The next client when one fails. */

import type { ClientWrapper } from "../client.ts";
import type { SendError, SendErrorKind } from "../errors.ts";
import { Circuit, type CircuitOptions } from "./circuit.ts";
import { askStreamed, askWhole, checkedClients, raceClient } from "./race-client.ts";

/** When the next client is asked. */
export interface FallbackOptions {
  /**
   * Whether a failure lets the next client try. Default: every kind but `aborted`, `invalidRequest`, `contentFilter` and
   * `invalidOutput`, which would fail there, too.
   */
  readonly when?: ((error: SendError) => boolean) | undefined;
  /**
   * Longest wait for a client's first chunk before the next is asked and the slow one let go, in milliseconds; only time in
   * which the caller waits counts. The last client has no such limit. Default: off.
   */
  readonly firstChunkWithinMs?: number | undefined;
  /** A client that keeps failing is left out for a while. Default: 5 failures, 30 000 ms; `false` turns it off. */
  readonly circuit?: CircuitOptions | false | undefined;
}

/** Failures that belong to the request, not to the client. */
const REQUEST_FAULTS: readonly SendErrorKind[] = [
  "aborted",
  "invalidRequest",
  "contentFilter",
  "invalidOutput",
  "busy",
];

/**
 * A client that asks the first of `clients`, and the next one when it fails before its first chunk. Each does its own
 * retries before. After the first chunk a failure is a failure: nobody wants another beginning below the first.
 * `provider` and `model` of the reply say who answered; `metrics.attempts` lists everybody who was asked.
 *
 * @throws {TypeError} when `clients` is empty or an option is senseless
 * @example
 * ```ts
 * import { ClaudeClient, fallback, OpenAIClient } from "cloudllm";
 *
 * export const client = fallback(
 *   [new ClaudeClient({ model: "claude-sonnet-4-5" }), new OpenAIClient({ model: "gpt-5" })],
 *   { firstChunkWithinMs: 5_000 },
 * );
 * ```
 */
export function fallback(clients: readonly ClientWrapper[], options: FallbackOptions = {}): ClientWrapper {
  const { when = isClientsFault, firstChunkWithinMs, circuit = {} } = options;
  const list = checkedClients(clients);
  if (firstChunkWithinMs !== undefined && !(firstChunkWithinMs > 0))
    throw new TypeError("`firstChunkWithinMs` must be milliseconds above 0.");
  const circuits = new Map(list.map((client) => [client, circuit && new Circuit(circuit)]));
  const now = () => performance.now();

  return raceClient(list, (whole) => {
    const waiting = [...list];
    const last = list.at(-1);
    return {
      ask: whole ? askWhole : askStreamed,
      slow: "drop",
      goesOn: when,
      next() {
        for (let client = waiting.shift(); client; client = waiting.shift()) {
          const own = circuits.get(client);
          if (!own || own.enter(now())) return client;
        }
        return undefined;
      },
      patienceMs: (client) => (whole || client === last ? undefined : firstChunkWithinMs),
      told(client, result) {
        const own = circuits.get(client);
        if (!own) return;
        if (result.status === "first") own.succeeded();
        else if (result.status === "failed" && when(result.error)) own.failed(now());
        else own.abandoned();
      },
      retryAfterMs: () => Math.min(...[...circuits.values()].map((own) => (own ? own.waitMs(now()) : 0))),
    };
  });
}

function isClientsFault({ kind }: SendError): boolean {
  return !REQUEST_FAULTS.includes(kind);
}
