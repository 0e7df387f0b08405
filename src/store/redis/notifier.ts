/** The notifier of a log in Redis: a connection of its own, on which `XREAD` waits for all streams that are watched. */

import { Watchers } from "../watchers.ts";
import type { RedisClient, RedisConnection } from "./client.ts";

/** How long a call waits, in milliseconds. A stream that is watched meanwhile joins the next one. */
const BLOCK_MS = 250;

/** A call that takes so much longer hangs, in milliseconds: after some resets its promise never settles. */
const PATIENCE_MS = 2_000;

/** The pause after a connection that failed, in milliseconds: the first one, and the longest. */
const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;

/** With more streams, calls pause between each other and so bring several items at once. */
const MAX_UNPAUSED_STREAMS = 50;
const PAUSE_MS = 10;

/** Rings for streams that have grown: at once for items of this process, soon for those of others. */
export class RedisNotifier {
  readonly #client: RedisClient;
  /** By key, with the id of the last item that was read or rung for. */
  readonly #watchers = new Watchers("0-0");
  #connection: RedisConnection | undefined;
  #phase: "idle" | "listening" | "closed" = "idle";
  #wake: (() => void) | undefined;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Calls `notify` when a stream has grown, until the returned function is called. */
  watch(key: string, notify: () => void): () => void {
    const unwatch = this.#watchers.watch(key, notify);
    if (this.#phase === "idle" && this.#client.duplicate) void this.#listen(this.#client.duplicate);
    return unwatch;
  }

  /** A reader has read up to this item: the notifier waits for those behind it. */
  saw(key: string, id: string): void {
    this.#watchers.saw(key, id);
  }

  /** This process has added to a stream. */
  notify(key: string): void {
    this.#watchers.notify(key);
  }

  close(): void {
    this.#phase = "closed";
    this.#watchers.clear();
    this.#drop();
    this.#wake?.();
  }

  async #listen(duplicate: () => Promise<RedisConnection>): Promise<void> {
    this.#phase = "listening";
    let retryMs = MIN_RETRY_MS;
    while (this.#watchers.size > 0) {
      try {
        this.#connection ??= await duplicate();
        for (const [key, id] of await this.#grown(this.#connection)) {
          this.saw(key, id);
          this.notify(key);
        }
        retryMs = MIN_RETRY_MS;
        if (this.#watchers.size > MAX_UNPAUSED_STREAMS) await this.#pause(PAUSE_MS);
      } catch {
        this.#drop();
        await this.#pause(retryMs);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
    if (this.#phase === "listening") this.#phase = "idle";
    else this.#drop(); // closed while it connected
  }

  /** Resolves with the streams that have grown, and the first new item of each. */
  async #grown(connection: RedisConnection): Promise<[key: string, id: string][]> {
    const places = this.#watchers.places();
    const keys = places.map(([key]) => key);
    const known = new Set(keys);
    const ids = places.map(([, id]) => id);
    const call = connection.command(["XREAD", "COUNT", "1", "BLOCK", `${BLOCK_MS}`, "STREAMS", ...keys, ...ids]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("The call hangs.")), BLOCK_MS + PATIENCE_MS);
    });
    try {
      return streamsOf(await Promise.race([call, late])).map(([name, items]) => [
        // A client may put a prefix of its own before every key.
        known.has(name) ? name : (keys.find((key) => name.endsWith(key)) ?? name),
        String(items[0]?.[0]),
      ]);
    } finally {
      clearTimeout(timer);
      call.catch(() => undefined); // the one that hangs may fail later
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}

type Items = readonly (readonly [id: unknown, fields: unknown])[];

/** Returns the streams of a reply to `XREAD`: pairs, a flat list of keys and items, an object or a map. */
function streamsOf(reply: unknown): [key: string, items: Items][] {
  if (reply === null || reply === undefined) return [];
  const pairs = Array.isArray(reply)
    ? Array.isArray(reply[0])
      ? reply
      : Array.from({ length: reply.length / 2 }, (_, index) => reply.slice(index * 2, index * 2 + 2))
    : reply instanceof Map
      ? [...reply]
      : Object.entries(reply);
  return pairs.map(([key, items]) => [String(key), items as Items]);
}
