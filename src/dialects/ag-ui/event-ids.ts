/**
 * The ids of the events of a reply. An id is a place in the reply, so that a connection that breaks continues with the
 * next letter: `<place>.<mark>.<pass>`.
 *
 * - `place` counts what came before: each letter (UTF-16 unit) of a piece of text, and 1 for each other event. It does
 *   not depend on how the text was divided: a late viewer gets it in larger pieces.
 * - `mark` is a hash of it. A reply that is shown again from a summary may have another order.
 * - `pass` counts the connections. TanStack AI drops an event whose id it has seen, and gives up when a connection
 *   brings no new id.
 */

import { badRequest } from "../refusal.ts";
import { type AgUiEvent, frameOf, isDelta } from "./events.ts";

/** The place that an id names. */
export interface EventPlace {
  readonly place: number;
  readonly mark: string;
  readonly pass: number;
}

const EVENT_ID = /^(\d{1,10})\.([0-9a-z]{1,12})\.(\d{1,6})$/;

/**
 * Returns the place that an id names.
 * @throws {Refusal} 400 when it is not the id of an event
 */
export function placeOf(id: string): EventPlace {
  const [, place, mark, pass] = EVENT_ID.exec(id) ?? [];
  if (mark === undefined) throw badRequest("`Last-Event-ID` must be the id of an event of the reply.");
  return { place: Number(place), mark, pass: Number(pass) };
}

/**
 * - `silent`: the front end has these events. `live`: it gets them.
 * - `lost`: the front end has other events than these. The reply must be shown to it again.
 */
type Phase = "silent" | "live" | "lost";

/** Writes the events of one connection, from the beginning of the reply. */
export class EventWriter {
  readonly #seen: EventPlace | undefined;
  readonly #pass: number;
  #phase: Phase;
  #place = 0;
  #hash = 0;

  /** @param seen the place from which the connection continues; absent for the beginning */
  constructor(seen: EventPlace | undefined) {
    this.#seen = seen;
    this.#pass = (seen?.pass ?? 0) + 1;
    this.#phase = seen ? "silent" : "live";
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Returns an event on the wire; an empty text when the front end has it. */
  write(event: AgUiEvent): string {
    if (this.#phase === "silent" && this.#seen) return this.#caughtUp(event, this.#seen);
    this.#count(event);
    return this.#phase === "live" ? frameOf(event, this.#id()) : "";
  }

  /** Returns an event that shows nothing, with a new id: the first of a connection that continues. */
  greeting(event: AgUiEvent): string {
    const { place, mark } = this.#seen ?? { place: 0, mark: "0" };
    return frameOf(event, `${place}.${mark}.${this.#pass}`);
  }

  /**
   * Returns events that show again what was written so far. The front end gets all that follows. A connection that
   * breaks between them begins again: their ids name no place, but for the last.
   */
  again(events: readonly AgUiEvent[]): string {
    this.#phase = "live";
    const last = events.length - 1;
    return events.map((event, at) => frameOf(event, at === last ? this.#id() : this.#id(`again${at}`))).join("");
  }

  #caughtUp(event: AgUiEvent, { place, mark }: EventPlace): string {
    const size = isDelta(event) ? event.delta.length : 1;
    const had = Math.min(size, place - this.#place);
    this.#count(isDelta(event) ? { ...event, delta: event.delta.slice(0, had) } : event);
    if (this.#place < place) return "";
    this.#phase = this.#mark === mark ? "live" : "lost";
    return had < size && isDelta(event) ? this.write({ ...event, delta: event.delta.slice(had) }) : "";
  }

  #count(event: AgUiEvent): void {
    const text = isDelta(event) ? event.delta : JSON.stringify(event);
    this.#place += isDelta(event) ? text.length : 1;
    let hash = this.#hash;
    for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) >>> 0;
    this.#hash = hash;
  }

  get #mark(): string {
    return this.#hash.toString(36);
  }

  #id(mark = this.#mark): string {
    return `${this.#place}.${mark}.${this.#pass}`;
  }
}
