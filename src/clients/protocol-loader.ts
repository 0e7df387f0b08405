/** The protocol of a client and its transport: there at once, or loaded while the first calls wait for them. */

import { Deadlines } from "../call/deadlines.ts";
import { SendError } from "../contract/errors.ts";
import { type CallLimits, timeoutText } from "../contract/timeouts.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { Clock } from "../platform/clock.ts";
import { messageOf } from "../platform/text-of.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { Transport } from "../transport/transport.ts";
import type { ProviderDefinition } from "./definition.ts";

/** The parts of a call that end its wait. */
interface WaitingCall {
  readonly limits: CallLimits;
  readonly signal: AbortSignal | undefined;
  readonly now: Clock;
}

/** Loads a protocol once for all calls of a client. A failure counts for the calls that wait; the next loads again. */
export class ProtocolLoader {
  /** No request is sent before the protocol is there. */
  readonly #facts: { readonly provider: string; readonly model: string; readonly attempts: readonly [] };
  readonly #load: () => Protocol | Promise<Protocol>;
  #loaded: Protocol | undefined;
  #loading: Promise<SendError | undefined> | undefined;

  constructor({ provider, protocol }: ProviderDefinition, model: string, transport: Transport) {
    this.#facts = { provider, model, attempts: [] };
    const load = typeof protocol === "function" ? protocol : () => protocol;
    this.#load = transport.load ? () => loadBoth(load, transport) : load;
    void this.#begin();
  }

  /** The protocol; absent as long as a call must wait for it. */
  get loaded(): Protocol | undefined {
    return this.#loaded;
  }

  /**
   * Resolves when the protocol is there.
   * @throws {SendError} when it cannot be loaded, or when the call's signal or limits end the wait
   */
  wait({ limits, signal, now }: WaitingCall): Promise<void> {
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
      void this.#begin().then(end);
    });
  }

  /** Resolves with the failure, if there is one. Never rejects: there may be no call yet that would see it. */
  #begin(): Promise<SendError | undefined> {
    this.#loading ??= this.#attempt().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #attempt(): Promise<SendError | undefined> {
    try {
      const protocol = this.#load();
      this.#loaded = "then" in protocol ? await protocol : protocol; // no promise where none is needed
      return undefined;
    } catch (error) {
      if (error instanceof SendError) return error.with(this.#facts);
      const message = `The protocol of ${this.#facts.provider} cannot be loaded: ${messageOf(error)}. Check that its file is there.`;
      return new SendError("unsupported", message, { ...this.#facts, cause: error });
    }
  }
}

async function loadBoth(load: () => Protocol | Promise<Protocol>, transport: Transport): Promise<Protocol> {
  const [protocol] = await Promise.all([load(), transport.load?.()]);
  return protocol;
}
