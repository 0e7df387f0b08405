/** The connections of the loopback server. */

import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Counts the connections of a server. */
export class Connections {
  /** The open ones, and when each will be closed. */
  readonly #sockets = new Map<Socket, Promise<void>>();
  #opened = 0;

  constructor(server: Server) {
    server.on("connection", (socket) => {
      this.#opened++;
      const closed = new Promise<void>((resolve) => {
        socket.on("close", () => {
          this.#sockets.delete(socket);
          resolve();
        });
      });
      this.#sockets.set(socket, closed);
    });
  }

  get opened(): number {
    return this.#opened;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Resolves when a connection is closed, by either side. */
  closed(socket: Socket): Promise<void> {
    return this.#sockets.get(socket) ?? Promise.resolve();
  }

  /** Breaks all of them. */
  destroy(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }
}
