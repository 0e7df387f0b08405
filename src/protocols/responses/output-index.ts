/** Where the items of a Responses reply stand, told apart though two of them may come at one place or under one id. */

import type { ResponseItem } from "./wire.ts";

/** What of an event says where it belongs. */
export interface PlacedEvent {
  readonly output_index?: number | string | null | undefined;
  readonly item_id?: string | null | undefined;
  readonly item?: ResponseItem | null | undefined;
}

interface PlacedItem {
  readonly place: number;
  id: unknown;
  callId: unknown;
  /** As it was ended, in JSON. */
  ended: string | undefined;
}

/** The first place of items that came where another stood. */
const FIRST_SPARE = 1_000_000;

/**
 * Gives each item a place of its own. `output_index` says it: ids of items change from event to event at some vendors, and count only
 * where there is no number, or where two items came at one.
 */
export class ItemPlaces {
  /** Of items without a number of their own. */
  readonly #numberOf = new Map<unknown, number>();
  /** By number: the items that came at it. */
  readonly #items = new Map<number, PlacedItem[]>();
  #latest = -1;
  #spare = FIRST_SPARE;

  placeOf(event: PlacedEvent, type: string): number {
    const number = this.#number(event, type);
    if (event.item) return this.#itemOf(number, event.item, type).place;
    const items = this.#items.get(number);
    if (!items || items.length < 2) return number;
    const { item_id: id } = event;
    return ((id && items.find((item) => item.id === id)) || items.at(-1))?.place ?? number;
  }

  #number({ output_index: index, item_id, item }: PlacedEvent, type: string): number {
    if (typeof index === "number") return index;
    if (typeof index === "string" && /^\d+$/.test(index)) return Number(index);
    const id = item_id ?? item?.id;
    const known = this.#numberOf.get(id);
    if (known !== undefined) return known;
    const hasEnded = this.#items.get(this.#latest)?.every(({ ended }) => ended !== undefined);
    const isOther = type === "response.output_item.added" || ((item || id) && hasEnded);
    if (isOther || this.#latest < 0) this.#latest++;
    if (id) this.#numberOf.set(id, this.#latest);
    return this.#latest;
  }

  /** The item that begins or ends: one that is under way, one that is told again, or another. */
  #itemOf(number: number, item: ResponseItem, type: string): PlacedItem {
    const items = this.#items.get(number) ?? [];
    if (items.length === 0) this.#items.set(number, items);
    const { id, call_id: callId } = item;
    const open = items.filter(({ ended }) => ended === undefined);
    if (type === "response.output_item.done") {
      const json = JSON.stringify(item);
      const again = items.find(({ ended }) => ended === json);
      if (again) return again;
      const found =
        open.find((one) => one.id === id && one.callId === callId) ??
        open.find((one) => callId && one.callId === callId) ??
        open.find((one) => id && one.id === id && !(callId && one.callId)) ??
        open.find((one) => !(callId && one.callId)) ??
        this.#add(items, number, item);
      found.ended = json;
      return found;
    }
    return open.find((one) => one.id === id && one.callId === callId) ?? this.#add(items, number, item);
  }

  #add(items: PlacedItem[], number: number, { id, call_id: callId }: ResponseItem): PlacedItem {
    const place = items.length === 0 ? number : this.#spare++;
    const item = { place, id, callId, ended: undefined };
    items.push(item);
    return item;
  }
}
