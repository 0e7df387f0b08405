/** One response on its way to the client: packets that really leave one by one, and the ways to end badly. */

import type { ServerResponse } from "node:http";
import { type Pause, passed, type Sleep } from "../pause.ts";

/** How much of a response has left the server. */
export interface Sent {
  readonly packets: number;
  /** Of the body, before chunked encoding. */
  readonly bytes: number;
}

/** Sends one response. Nothing is sent, and nothing waits, once the client has gone. */
export class Delivery {
  readonly sent: { packets: number; bytes: number } = { packets: 0, bytes: 0 };
  readonly #response: ServerResponse;
  readonly #sleep: Sleep;
  readonly #gone = new AbortController();
  #raw = false;
  /** Lets go of a wait that only the client's leaving ends. */
  #release: () => void = () => undefined;

  constructor(response: ServerResponse, sleep: Sleep) {
    this.#response = response;
    this.#sleep = sleep;
    response.on("close", () => {
      this.#gone.abort();
      this.#release();
    });
    response.on("error", () => undefined); // the client left in the middle of a write; `close` follows
  }

  /** False once the client has gone. */
  get open(): boolean {
    return !this.#gone.signal.aborted;
  }

  /** `headers` without a length are sent as a chunked body; `connection: close` makes it a body without either. */
  head(status: number, headers: Readonly<Record<string, string>>): void {
    if (!this.open) return;
    if (headers.connection === "close") this.#response.removeHeader("transfer-encoding");
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
  }

  /** Sends bytes of the connection itself from now on: the status line and the headers are among them. */
  raw(): void {
    this.#raw = true;
  }

  pause(pause: Pause | undefined): Promise<void> {
    return passed(pause, this.#gone.signal, this.#sleep);
  }

  /**
   * As long as a client in this process needs to read what was sent: its socket is looked at once between two turns.
   */
  async tick(): Promise<void> {
    for (let turn = 0; turn < 3 && this.open; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Resolves when the packet has left: a client that does not read holds it up. */
  async send(packet: string | Uint8Array): Promise<void> {
    if (!this.open || packet.length === 0) return;
    const target = this.#raw ? this.#response.socket : this.#response;
    await new Promise<void>((resolve) => {
      this.#release = resolve;
      target?.write(packet, () => resolve());
    });
    if (!this.open) return;
    this.sent.packets += 1;
    this.sent.bytes += typeof packet === "string" ? Buffer.byteLength(packet) : packet.length;
  }

  /** The response is complete. */
  end(): void {
    if (this.#raw) this.#response.socket?.end();
    else this.#response.end();
  }

  /** Closes the connection in the middle of the response. */
  async disconnect(): Promise<void> {
    await this.tick();
    this.#response.socket?.end();
  }

  /** Breaks the connection, once the client has had the time to read what was sent: a reset may overtake data. */
  async reset(): Promise<void> {
    await this.tick();
    this.#response.socket?.resetAndDestroy();
  }

  /** Nothing more comes. Resolves when the client leaves. */
  async hang(): Promise<void> {
    if (!this.open) return;
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
  }
}
