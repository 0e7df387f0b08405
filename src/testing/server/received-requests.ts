/** The requests that the loopback server has received. */

import type { IncomingHttpHeaders } from "node:http";
import type { Sent } from "./delivery.ts";

/** One request that the server received. */
export interface ProviderRequest {
  /** The number of the request, counted from 0. */
  readonly index: number;
  readonly method: string;
  /** The path of the request, with its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body, parsed as JSON; the text itself if it is not JSON. */
  readonly body: unknown;
  /** The part of the answer that has left so far. */
  readonly sent: Sent;
  /** Resolves when the connection that the request came on is closed, by either side. */
  readonly closed: Promise<void>;
}

/** Requests in the order of their arrival. */
export class ReceivedRequests {
  readonly all: ProviderRequest[] = [];
  readonly #listeners = new Map<number, ((request: ProviderRequest) => void)[]>();

  add(request: ProviderRequest): void {
    this.all.push(request);
    for (const listener of this.#listeners.get(request.index) ?? []) listener(request);
  }

  /** Resolves with a request once it has arrived. */
  request(index: number): Promise<ProviderRequest> {
    const request = this.all[index];
    if (request) return Promise.resolve(request);
    return new Promise((resolve) => {
      this.#listeners.set(index, [...(this.#listeners.get(index) ?? []), resolve]);
    });
  }
}
