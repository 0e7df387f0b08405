/** Streams of the Responses API, read as programs read them. */

import type { Gateway } from "../../src/server/index.ts";
import { blocksOf } from "./blocks.ts";
import { ask, eventsOf, KEY } from "./gateway.ts";

/** One event. */
export type ResponsesEvent = Readonly<Record<string, unknown>> & {
  readonly type: string;
  readonly sequence_number: number;
  readonly response?: ResponseObject;
};

/** The fields of a response that the tests read. */
export interface ResponseObject {
  readonly id: string;
  readonly status: string;
  readonly model: string;
  readonly output: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly incomplete_details: { readonly reason: string } | null;
  readonly usage: Readonly<Record<string, unknown>> | null;
}

/** Resolves with the events of a response; each is named by its `event` line. */
export async function responsesEvents(response: Response): Promise<readonly ResponsesEvent[]> {
  return (await eventsOf(response)).map(({ event, data }) => {
    const wire = data as ResponsesEvent;
    if (event !== wire.type) throw new Error(`The line says ${event}, the data ${wire.type}.`);
    return wire;
  });
}

/** Asks for a response, streamed. */
export async function streamed(gateway: Gateway, body: object): Promise<readonly ResponsesEvent[]> {
  return responsesEvents(await gateway.handle(ask("responses", { input: "Hello", stream: true, ...body })));
}

/** Returns a request about a response. */
export function about(path: string, method = "GET"): Request {
  return new Request(`http://gateway.test/v1/responses/${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}` },
  });
}

/** Returns the text of a response's messages. */
export function textOf({ output }: Pick<ResponseObject, "output">): string {
  const parts = output.flatMap(({ content }) => (content ?? []) as readonly { readonly text?: string }[]);
  return parts.map(({ text = "" }) => text).join("");
}

/** Returns the deltas of a kind, joined. */
export function deltasOf(events: readonly ResponsesEvent[], type = "response.output_text.delta"): string {
  return events.map((event) => (event.type === type ? String(event.delta) : "")).join("");
}

/** A stream that is read as it comes. */
export interface ReadingEvents {
  readonly events: readonly ResponsesEvent[];
  /** Resolves with whether the stream came to a clean end; a broken connection is none. */
  readonly over: Promise<boolean>;
  /** Resolves when an event of this type has come. */
  until(type: string): Promise<void>;
  /** Leaves, as a reader whose connection breaks. */
  leave(): Promise<void>;
}

export function readEvents({ body }: Response): ReadingEvents {
  const reader = (body ?? new ReadableStream<Uint8Array<ArrayBuffer>>()).getReader();
  const events: ResponsesEvent[] = [];
  const waiting: { readonly type: string; readonly wake: () => void }[] = [];
  const read = async (): Promise<boolean> => {
    for await (const block of blocksOf(reader)) {
      const [, data] = /\ndata: (.*)$/.exec(block) ?? [];
      if (data !== undefined) events.push(JSON.parse(data) as ResponsesEvent);
      for (const { type, wake } of waiting) if (events.some((event) => event.type === type)) wake();
    }
    return true;
  };
  return {
    events,
    over: read().catch(() => false),
    until: (type) => {
      if (events.some((event) => event.type === type)) return Promise.resolve();
      return new Promise((wake) => {
        waiting.push({ type, wake });
      });
    },
    leave: () => reader.cancel(),
  };
}

/** Returns what stands at each number: a unit of text, or an event. */
export function unitsOf(events: readonly ResponsesEvent[]): ReadonlyMap<number, string> {
  const units = new Map<number, string>();
  for (const { sequence_number: last, ...event } of events) {
    const { delta, ...place } = event;
    const items = typeof delta === "string" ? delta.split("") : [JSON.stringify(event)];
    for (const [at, unit] of items.entries()) {
      const number = last - items.length + 1 + at;
      if (units.has(number)) throw new Error(`Number ${number} came twice.`);
      units.set(number, typeof delta === "string" ? JSON.stringify([place, unit]) : unit);
    }
  }
  return units;
}
