/** The parts of a client that a call needs: its protocol and transport, schemas, and the recovery of replies. */

import { Deadlines } from "../call/deadlines.ts";
import { withFacts } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import { loadPart } from "../contract/load-part.ts";
import type { SendOptions } from "../contract/options.ts";
import { type CallLimits, timeoutText } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { Clock } from "../platform/clock.ts";
import type { LazyPart } from "../platform/lazy-part.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { lacksSchemaEngine, schemaEngine } from "../schema/load-engine.ts";
import { lacksRecovery, recovery } from "../stream/load-recovery.ts";
import { lacksValidation, validation } from "../stream/load-validation.ts";
import type { Transport } from "../transport/transport.ts";
import type { ProviderDefinition } from "./definition.ts";

/** The parts of a call that end its wait. */
interface WaitingCall {
  readonly limits: CallLimits;
  readonly signal: AbortSignal | undefined;
  readonly now: Clock;
}

/** The options of a call that need more than the protocol. */
type Needs = Pick<SendOptions, "tools" | "output" | "recover">;

/** Loads a protocol once for all calls of a client. A failure counts for the calls that wait; the next loads again. */
export class ProtocolLoader {
  /** No request is sent before the protocol is there. */
  readonly #facts: { readonly provider: string; readonly model: string; readonly attempts: readonly [] };
  readonly #load: () => Protocol | Promise<Protocol>;
  /** Loads the other parts that each call of the client needs. */
  readonly #others: readonly (() => Promise<unknown>)[];
  #loaded: Protocol | undefined;
  #loading: Promise<SendError | undefined> | undefined;

  constructor(
    { provider, protocol }: ProviderDefinition,
    model: string,
    transport: Transport,
    parts: readonly LazyPart<unknown>[],
  ) {
    this.#facts = { provider, model, attempts: [] };
    this.#load = typeof protocol === "function" ? protocol : () => protocol;
    this.#others = [
      ...(transport.load ? [async () => transport.load?.()] : []),
      ...parts.filter((part) => !part.isLoaded).map((part) => () => loadPart(part)),
    ];
    void this.#begin();
  }

  /** Returns the protocol; `undefined` as long as a call with these options and defaults must wait. */
  loadedFor(options: Needs, defaults: Needs = {}): Protocol | undefined {
    return lacksPart(options) || lacksPart(defaults) ? undefined : this.#loaded;
  }

  /**
   * Resolves when all that a call with these options needs is there.
   * @throws {SendError} when it cannot be loaded, or when the call's signal or limits end the wait
   */
  wait({ limits, signal, now }: WaitingCall, options: Needs): Promise<void> {
    const facts = this.#facts;
    return new Promise((resolve, reject) => {
      const end = (error: SendError | undefined) => {
        deadlines.clear();
        offAbort(signal, abort);
        if (error) reject(error);
        else resolve();
      };
      const abort = () =>
        end(new SendError("aborted", "The caller's signal ended the call.", { ...facts, cause: signal?.reason }));
      const deadlines = new Deadlines(limits, now, (phase, waitedMs) =>
        end(new SendError("timeout", timeoutText(facts.provider, phase, waitedMs), { ...facts, phase, waitedMs })),
      );
      if (signal?.aborted) return abort();
      onAbort(signal, abort);
      deadlines.between(); // no request is sent: only the limits of the complete call run
      void this.#loadFor(options).then(end);
    });
  }

  /** Resolves with the failure, if there is one, as all of these. */
  async #loadFor(options: Needs): Promise<SendError | undefined> {
    const failures = missingParts(options).map((part) => this.#loadPart(part)); // all at the same time
    return (await this.#begin()) ?? (await Promise.all(failures)).find((failure) => failure !== undefined);
  }

  async #loadPart(part: LazyPart<unknown>): Promise<SendError | undefined> {
    try {
      await part.load();
      return undefined;
    } catch (error) {
      return this.#failure(part.name, error);
    }
  }

  /** Never rejects: there may be no call yet that would see it. */
  async #begin(): Promise<SendError | undefined> {
    if (this.#loaded) return undefined;
    this.#loading ??= this.#attempt().finally(() => {
      this.#loading = undefined;
    });
    return await this.#loading;
  }

  async #attempt(): Promise<SendError | undefined> {
    try {
      const protocol = this.#load();
      const others = this.#others.map((load) => load()); // all at the same time
      if (others.length > 0) await Promise.all([protocol, ...others]);
      this.#loaded = "then" in protocol ? await protocol : protocol; // no promise where none is needed
      return undefined;
    } catch (error) {
      if (error instanceof SendError) return withFacts(error, this.#facts);
      return this.#failure(`The protocol of ${this.#facts.provider}`, error);
    }
  }

  #failure(what: string, error: unknown): SendError {
    const message = `${what} cannot be loaded: ${messageOf(error)}. Check that its file is there.`;
    return new SendError("unsupported", message, { ...this.#facts, cause: error });
  }
}

function lacksPart(options: Needs): boolean {
  return lacksSchemaEngine(options) || lacksValidation(options) || lacksRecovery(options);
}

function missingParts(options: Needs): readonly LazyPart<unknown>[] {
  return [
    ...(lacksSchemaEngine(options) ? [schemaEngine] : []),
    ...(lacksValidation(options) ? [validation] : []),
    ...(lacksRecovery(options) ? [recovery] : []),
  ];
}
