/** The next client when one fails. */

import type { ClientWrapper, Recovery, SendOptions, TypedClient } from "../client.ts";
import type { SendError, SendErrorKind } from "../errors.ts";
import type { Message } from "../message.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { systemClock } from "../stream/metrics.ts";
import { type RecoverableCall, RecoveringSource } from "../stream/recovering-source.ts";
import { Circuit, type CircuitOptions } from "./circuit.ts";
import type { RaceResult, RaceRules } from "./race.ts";
import { askStreamed, askWhole, checkedClients, jointDefaults, openRace } from "./race-client.ts";

/** When the next client is asked. */
export interface FallbackOptions {
  /**
   * Whether a failure lets the next client try. Default: every kind but `aborted`, `invalidRequest`, `contentFilter`,
   * `invalidOutput` and `busy`, which would fail there, too. If it throws, the call fails with the failure it was asked about.
   */
  readonly when?: ((error: SendError) => boolean) | undefined;
  /**
   * Longest wait for a client's first chunk before the next is asked and the slow one let go, in milliseconds; only time in
   * which the caller waits counts. The last client has no such limit, and neither has a whole reply. Default: off.
   */
  readonly firstChunkWithinMs?: number | undefined;
  /** What is done when a reply breaks after its first chunk, for calls that do not say: see `Recovery`. Default: the call fails. */
  readonly recover?: Recovery | undefined;
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
 * retries before. After the first chunk a failure is a failure, nobody wants another beginning below the first, unless it is
 * said how to `recover`: then the next client goes on, or begins again, once the first has tried by itself.
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
export function fallback(clients: readonly ClientWrapper[], options: FallbackOptions = {}): TypedClient {
  const list = checkedClients(clients);
  const { when: asked = isClientsFault, firstChunkWithinMs, circuit = {} } = options;
  if (typeof asked !== "function") throw new TypeError("`when` must be a function.");
  if (firstChunkWithinMs !== undefined && !(firstChunkWithinMs > 0))
    throw new TypeError("`firstChunkWithinMs` must be milliseconds above 0.");
  const circuits = new Map(list.map((client) => [client, circuit && new Circuit(circuit)]));
  const now = systemClock();
  const { provider, model } = list[0];

  function when(error: SendError): boolean {
    try {
      return asked(error);
    } catch {
      return false;
    }
  }

  /** A reply that was begun and did not end within the limit on the whole call may have had a slow reader. */
  function isItsFault(result: RaceResult): boolean {
    if (result.status === "broke") return when(result.error) && result.error.phase !== "total";
    return result.status === "failed" && when(result.error);
  }

  /** Until a client may be asked. */
  function waitMsFor(client: ClientWrapper): number {
    const own = circuits.get(client);
    return own ? own.waitMs(now()) : 0;
  }

  /** Asks the clients in the given order. */
  function rulesFor(order: readonly ClientWrapper[], whole: boolean): RaceRules {
    const waiting = [...order];
    const last = order.at(-1);
    const trials = new Set<ClientWrapper>();
    return {
      ask: whole ? askWhole : askStreamed,
      slow: "drop",
      goesOn: when,
      next() {
        for (let client = waiting.shift(); client; client = waiting.shift()) {
          const own = circuits.get(client);
          const way = own ? own.enter(now()) : "closed";
          if (way === "trial") trials.add(client);
          if (way) return client;
        }
        return undefined;
      },
      patienceMs: (client) => (whole || client === last ? undefined : firstChunkWithinMs),
      told(client, result) {
        const own = circuits.get(client);
        if (!own) return;
        // Who begins well may yet break off; who is left alone by the caller has done its part.
        if (result.status === "first") return;
        const wasTrial = trials.delete(client);
        if (result.status === "done") own.succeeded();
        else if (isItsFault(result)) own.failed(now(), wasTrial);
        else own.abandoned(wasTrial);
      },
      retryAfterMs: () => Math.min(...list.map(waitMsFor)),
    };
  }

  /** Everybody else goes first when a reply is to be brought to its end. */
  async function recovering<Output>(
    messages: readonly Message[],
    its: SendOptions<Output> & { readonly recover: Recovery },
  ) {
    const startedAt = now();
    let { stream, race } = await openRace<unknown>(messages, its, rulesFor(list, false));
    const others = () => list.filter((client) => client !== race.winner);
    const call: RecoverableCall = {
      messages,
      options: its,
      async open(more, theirs) {
        ({ stream, race } = await openRace(more, theirs, rulesFor(others(), false)));
        return stream;
      },
      delayMs(error, recoveries) {
        const mayGoOn = when(error) && recoveries < list.length - 1;
        return mayGoOn && others().some((client) => waitMsFor(client) === 0) ? 0 : undefined;
      },
      now,
      startedAt,
    };
    return new MessageStream<Output>((sink) => new RecoveringSource(call, stream, sink), { now, startedAt });
  }

  return {
    provider,
    model,
    defaults: jointDefaults(list),
    async sendMessage<Output>(messages: readonly Message[], its: SendOptions<Output> = {}) {
      const { recover = options.recover } = its;
      if (recover) return (await recovering(messages, { ...its, recover })).finalMessage();
      return (await openRace(messages, its, rulesFor(list, true))).stream.finalMessage();
    },
    async sendMessageStream<Output>(messages: readonly Message[], its: SendOptions<Output> = {}) {
      const { recover = options.recover } = its;
      if (recover) return recovering(messages, { ...its, recover });
      return (await openRace(messages, its, rulesFor(list, false))).stream;
    },
  };
}

function isClientsFault({ kind }: SendError): boolean {
  return !REQUEST_FAULTS.includes(kind);
}
