/**
 * Closes kept connections that were idle for a while. Node's agent can do it too, but every read sets a timer for the
 * socket again: measured, that is a twentieth of a small request's CPU.
 */

import type { Agent } from "node:http";
import type { Socket } from "node:net";

/** Milliseconds between the closing here and at the server: a request may be on its way. */
const MARGIN_MS = 1_000;

/** The idle connections of one agent. One timer serves them all, and keeps no process alive. */
export class IdleSockets {
  readonly #agent: Agent;
  readonly #idleMs: number;
  readonly #limits = new WeakMap<Socket, number>();
  readonly #endsAt = new WeakMap<Socket, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(agent: Agent, idleMs: number) {
    this.#agent = agent;
    this.#idleMs = idleMs;
    agent.on("free", (socket: Socket) => {
      const endsAt = performance.now() + (this.#limits.get(socket) ?? idleMs);
      this.#endsAt.set(socket, endsAt);
      this.#arm(endsAt);
    });
  }

  /** Notes how long the server keeps the connection: the header `Keep-Alive: timeout=5, max=100`. */
  learn(socket: Socket, keepAlive: string): void {
    const seconds = /(?:^|[,;\s])timeout\s*=\s*"?(\d+)/i.exec(keepAlive)?.[1];
    if (seconds === undefined) return;
    this.#limits.set(socket, Math.min(this.#idleMs, Math.max(0, Number(seconds) * 1_000 - MARGIN_MS)));
  }

  /** Closes the connections to one address. `name`: the beginning of the agent's names for them. */
  destroy(name: string): void {
    for (const [key, sockets = []] of Object.entries(this.#agent.freeSockets))
      if (key.startsWith(name)) for (const socket of [...sockets]) socket.destroy();
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#sweep(), Math.max(0, at - performance.now()));
    this.#timer.unref?.();
  }

  #sweep(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    for (const socket of Object.values(this.#agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
      const endsAt = this.#endsAt.get(socket) ?? now;
      if (endsAt <= now) socket.destroy();
      else this.#arm(endsAt);
    }
  }
}
