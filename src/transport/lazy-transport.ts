/** Lazy loading of a transport: a file of its own, which programs read only when they use it. */

import { LazyPart } from "../platform/lazy-part.ts";
import type { Exchange, HttpRequest, Receiver, Transport } from "./transport.ts";

/** Loads a transport once. A failure counts for the calls that wait; the next loads again. */
export class LazyTransport implements Transport {
  readonly #transport: LazyPart<Transport>;

  constructor(load: () => Promise<Transport>) {
    this.#transport = new LazyPart("The transport", load);
  }

  async load(): Promise<void> {
    await this.#transport.load();
  }

  open(request: HttpRequest, receiver: Receiver): Exchange {
    return this.#transport.loaded.open(request, receiver);
  }

  async warm(url: string): Promise<void> {
    await (await this.#transport.load()).warm(url);
  }
}
