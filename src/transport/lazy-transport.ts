/** Lazy loading of a transport: a file of its own, which programs read only when they use it. */

import type { Exchange, HttpRequest, Receiver, Transport } from "./transport.ts";

/** Loads a transport once. A failure counts for the calls that wait; the next loads again. */
export class LazyTransport implements Transport {
  readonly #load: () => Promise<Transport>;
  #loading: Promise<Transport> | undefined;
  #loaded: Transport | undefined;

  constructor(load: () => Promise<Transport>) {
    this.#load = load;
  }

  async load(): Promise<void> {
    await this.#transport();
  }

  open(request: HttpRequest, receiver: Receiver): Exchange {
    if (!this.#loaded) throw new Error("the transport is not loaded yet");
    return this.#loaded.open(request, receiver);
  }

  async warm(url: string): Promise<void> {
    await (await this.#transport()).warm(url);
  }

  #transport(): Promise<Transport> {
    this.#loading ??= this.#load().then(
      (transport) => {
        this.#loaded = transport;
        return transport;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }
}
