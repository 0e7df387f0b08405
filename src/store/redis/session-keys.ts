/** The names of everything that a store of sessions has in Redis. */

import { keyPart } from "./key.ts";

/** The names in one Redis. Those of one session have a hash tag, so that a cluster has them on one node. */
export class SessionKeys {
  /** A sorted set of the keys of all sessions, by the time of their last write. */
  readonly latest: string;
  /** A sorted set of the keys of all sessions, by name. */
  readonly names: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.latest = `${prefix}:sessions:latest`;
    this.names = `${prefix}:sessions:names`;
  }

  /** The stream with the records. */
  log(key: string): string {
    return this.#of(key, "log");
  }

  /** The lease, which expires without a renewal. */
  own(key: string, lease: string | number): string {
    return this.#of(key, `own:${lease}`);
  }

  title(key: string): string {
    return this.#of(key, "title");
  }

  /** A stream that is renamed when it is complete. Each call returns another name. */
  draft(key: string): string {
    return this.#of(key, `new:${crypto.randomUUID()}`);
  }

  #of(key: string, name: string): string {
    return `${this.#prefix}:session:{${keyPart(key)}}:${name}`;
  }
}
