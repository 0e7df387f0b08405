/** Replies in packets of this process: Node's HTTP and a caller's `fetch` get them without the kernel's sockets. */

import { Agent } from "node:http";
import { Duplex } from "node:stream";

/** The server's side of a connection: a socket is one as well. */
export interface PacketSink {
  readonly destroyed: boolean;
  write(packet: string | Uint8Array): unknown;
}

/** Sends packets one by one, a turn of the loop between two of them, so that each arrives by itself. */
export function sendApart(connection: PacketSink, packets: Iterable<string | Uint8Array>, then?: () => void): void {
  const rest = packets[Symbol.iterator]();
  const send = (): void => {
    if (connection.destroyed) return;
    const { done, value } = rest.next();
    if (done) return then?.();
    connection.write(value);
    setImmediate(send);
  };
  send();
}

/** An agent whose connections end in this process. `answer` is called for each request. */
export class LocalAgent extends Agent {
  readonly #answer: (connection: PacketSink) => void;
  readonly #open = new Set<LocalConnection>();

  constructor(answer: (connection: PacketSink) => void) {
    super({ keepAlive: true });
    this.#answer = answer;
  }

  override createConnection(): Duplex {
    const connection = new LocalConnection(this.#answer);
    this.#open.add(connection);
    connection.once("close", () => this.#open.delete(connection));
    return connection;
  }

  /** Ends the server's side of every connection, and waits until the client's sides are gone. */
  async goodbye(): Promise<void> {
    const closed = [...this.#open].map(
      (connection) => new Promise<void>((resolve) => void connection.once("close", resolve)),
    );
    for (const connection of this.#open) connection.push(null);
    await Promise.all(closed);
  }
}

/** The client's side of a connection. Its requests have a length; what is pushed arrives as one packet. */
class LocalConnection extends Duplex {
  readonly #answer: (connection: PacketSink) => void;
  #received = "";

  constructor(answer: (connection: PacketSink) => void) {
    super({ allowHalfOpen: false });
    this.#answer = answer;
  }

  override _read(): void {
    // The server pushes.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#received += bytes.toString("latin1");
    const headEnd = this.#received.indexOf("\r\n\r\n");
    const length = Number(/content-length: *(\d+)/i.exec(this.#received.slice(0, headEnd))?.[1] ?? 0);
    if (headEnd >= 0 && this.#received.length >= headEnd + 4 + length) {
      this.#received = "";
      this.#answer(new ServerSide(this));
    }
    done();
  }

  // What Node and the transport ask of a socket.
  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;
}

class ServerSide implements PacketSink {
  readonly #connection: LocalConnection;

  constructor(connection: LocalConnection) {
    this.#connection = connection;
  }

  get destroyed(): boolean {
    return this.#connection.destroyed;
  }

  write(packet: string | Uint8Array): void {
    this.#connection.push(packet);
  }
}

/** A response of a caller's own `fetch`, whose body yields the pieces one by one. */
export function responseInPieces(
  pieces: Iterable<Uint8Array>,
  status: number,
  headers: Readonly<Record<string, string>>,
): Response {
  const rest = pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = rest.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status, headers });
}
