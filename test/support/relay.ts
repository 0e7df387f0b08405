/** Requests to a relay, and the events of its responses. */

import { decodeEvent } from "../../src/dialects/native/reader.ts";
import type { WireEvent } from "../../src/dialects/native/wire.ts";
import type { LogWriter, ReplyLog } from "../../src/server/index.ts";
import { storedSessions } from "../../src/session/load-stored-session.ts";
import { turnSource } from "../../src/session/load-turn-source.ts";
import { blocksOf } from "./blocks.ts";

/** The clocks that tests set wait for no file. */
await Promise.all([storedSessions.load(), turnSource.load()]);

const ORIGIN = "http://relay.test";

/** Returns the id of a new run. */
export function runId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** Returns a request that starts a run, or that posts to a path of a chat. */
export function post(body: object, path = "", headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`${ORIGIN}/chat/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

export function get(path: string, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`${ORIGIN}/chat/${path}`, { headers });
}

/** Resolves with all events of a response. */
export async function read(response: Response): Promise<readonly WireEvent[]> {
  const watching = watch(response);
  await watching.over;
  return watching.events;
}

/** Returns the text that a viewer shows after these events, or more than `before`. */
export function textOf(events: readonly WireEvent[]): string {
  let text = "";
  for (const event of events) {
    if (event.type === "snapshot") text = "";
    if (event.type !== "chunks" && event.type !== "snapshot") continue;
    for (const chunk of event.chunks) {
      if (chunk.type === "rewind") text = text.slice(0, text.length - chunk.length);
      text += chunk.content;
    }
  }
  return text;
}

/**
 * Returns the ids at which a client that counts them misses an entry.
 * @param after the last entry that the viewer had seen before
 */
export function gapsIn(events: readonly WireEvent[], after?: string): readonly string[] {
  const gaps: string[] = [];
  let last = after;
  for (const event of events) {
    if ((event.type !== "chunks" && event.type !== "snapshot") || event.id === undefined) continue;
    const [attempt, number] = event.id.split("-").map(Number);
    const follows = event.type === "chunks" ? (event.after ?? `${attempt}-${(number ?? 0) - 1}`) : last;
    if (last !== undefined && follows !== last) gaps.push(event.id);
    last = event.id;
  }
  return gaps;
}

/** What one viewer has seen so far. */
export interface Watching {
  readonly events: readonly WireEvent[];
  /** The times at which they came, by `performance.now()`. */
  readonly arrivedAt: readonly number[];
  /** The text that it shows. */
  readonly text: string;
  /** Resolves when the response ends or breaks; never rejects. */
  readonly over: Promise<void>;
  /** The viewer goes. */
  leave(): Promise<void>;
}

/** Reads a response until it ends or the viewer leaves. */
export function watch(response: Response): Watching {
  if (!response.body) throw new Error(`The response (${response.status}) has no body.`);
  const reader = response.body.getReader();
  const events: WireEvent[] = [];
  const arrivedAt: number[] = [];
  const readAll = async (): Promise<void> => {
    for await (const event of eventsFrom(reader)) {
      events.push(event);
      arrivedAt.push(performance.now());
    }
  };
  return {
    events,
    arrivedAt,
    get text() {
      return textOf(events);
    },
    over: readAll().catch(() => undefined), // a connection that breaks
    leave: () => reader.cancel(),
  };
}

/** The events of a response, as they arrive. Leaving the loop closes the connection. */
export async function* eventsOf(response: Response): AsyncGenerator<WireEvent> {
  if (!response.body) throw new Error(`The response (${response.status}) has no body.`);
  const reader = response.body.getReader();
  try {
    yield* eventsFrom(reader);
  } finally {
    await reader.cancel();
  }
}

async function* eventsFrom(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<WireEvent> {
  for await (const block of blocksOf(reader)) yield* eventsIn(block);
}

function eventsIn(block: string): readonly WireEvent[] {
  const lines = block.split("\n");
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = field("data");
  const event = data === undefined ? undefined : decodeEvent(data, field("id"));
  return event ? [event] : [];
}

/** A log whose readers get what JSON keeps, as those of a log outside the process do. */
export function throughJson(log: ReplyLog): ReplyLog {
  const copied = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T));
  return new Proxy(log, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "read" && name !== "head") return value.bind(target);
      return async (...args: unknown[]) => copied(await value.apply(target, args));
    },
  });
}

/**
 * The log of a process that is killed, or sleeps: after `kill`, nothing that it is asked reaches `log`, and nothing is
 * answered. What it was asked is asked after `wake`.
 */
export function killable(log: ReplyLog): { readonly log: ReplyLog; kill(): void; wake(): void } {
  let isDead = false;
  let awake = (): void => undefined;
  const waking = new Promise<void>((resolve) => {
    awake = resolve;
  });
  const live = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (isDead) return name === "watch" ? () => undefined : waking.then(() => value.apply(object, args));
          const result: unknown = value.apply(object, args);
          if (!(result instanceof Promise)) return result;
          return result.then((writer: unknown) => (isWriter(writer) ? live(writer) : writer));
        };
      },
    });
  return {
    log: live(log),
    kill: () => {
      isDead = true;
    },
    wake: () => {
      isDead = false;
      awake();
    },
  };
}

function isWriter(value: unknown): value is LogWriter {
  return typeof value === "object" && value !== null && "append" in value;
}
