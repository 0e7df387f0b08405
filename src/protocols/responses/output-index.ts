/** The places of the items of a Responses reply. It distinguishes items that share an `output_index` or an id. */

import type { ResponseItem } from "./wire.ts";

/** The fields of an event that identify its item. */
export interface PlacedEvent {
  readonly output_index?: number | string | null | undefined;
  readonly item_id?: string | null | undefined;
  readonly item?: ResponseItem | null | undefined;
}

interface PlacedItem {
  readonly place: number;
  readonly id: unknown;
  readonly callId: unknown;
}

/** The items that came at one number. */
interface ItemsAtNumber {
  latest: PlacedItem;
  /** The latest under each id, once there are two items. */
  byId: Map<unknown, PlacedItem> | undefined;
  /** The items that have not ended. */
  readonly open: PlacedItem[];
  /** The ended items by their last event in JSON. The JSON is built only when it is needed: an image is long. */
  ended: Map<string, PlacedItem> | undefined;
  readonly justEnded: (readonly [ResponseItem, PlacedItem])[];
}

/** The first place of items whose `output_index` was taken. */
const FIRST_SPARE = 1_000_000;

/**
 * Gives each item a place of its own, by `output_index`: some vendors change the ids of items from event to event. Ids
 * are used only if the number is absent, or if two items share one.
 */
export class ItemPlaces {
  /** The numbers of items that came without one, by their ids. Most items have one. */
  #numberOf: Map<unknown, number> | undefined;
  readonly #items = new Map<number, ItemsAtNumber>();
  #latest = -1;
  #spare = FIRST_SPARE;

  placeOf(event: PlacedEvent, type: string): number {
    const number = this.#number(event, type);
    if (event.item) return this.#itemOf(number, event.item, type).place;
    const items = this.#items.get(number);
    const { item_id: id } = event;
    return ((id && items?.byId?.get(id)) || items?.latest)?.place ?? number;
  }

  #number({ output_index: index, item_id, item }: PlacedEvent, type: string): number {
    if (typeof index === "number") return index;
    if (typeof index === "string" && /^\d+$/.test(index)) return Number(index);
    const id = item_id ?? item?.id;
    const known = this.#numberOf?.get(id);
    if (known !== undefined) return known;
    const hasEnded = this.#items.get(this.#latest)?.open.length === 0;
    const isOther = type === "response.output_item.added" || ((item || id) && hasEnded);
    if (isOther || this.#latest < 0) this.#latest++;
    if (id) {
      this.#numberOf ??= new Map();
      this.#numberOf.set(id, this.#latest);
    }
    return this.#latest;
  }

  /** Returns the item that begins or ends: an open one, a repeated one, or a new one. */
  #itemOf(number: number, item: ResponseItem, type: string): PlacedItem {
    const { id, call_id: callId } = item;
    const items = this.#items.get(number) ?? this.#begin(number, item);
    const { open } = items;
    const same = open.find((one) => one.id === id && one.callId === callId);
    if (type !== "response.output_item.done") return same ?? this.#add(items, item);
    const again = same ? undefined : endedWith(items, item);
    if (again) return again;
    const found =
      same ??
      open.find((one) => callId && one.callId === callId) ??
      open.find((one) => id && one.id === id && !(callId && one.callId)) ??
      open.find((one) => !(callId && one.callId)) ??
      this.#add(items, item);
    open.splice(open.indexOf(found), 1);
    items.justEnded.push([item, found]);
    return found;
  }

  /** Notes the first item at a number. */
  #begin(number: number, { id, call_id: callId }: ResponseItem): ItemsAtNumber {
    const first = { place: number, id, callId };
    const items = { latest: first, byId: undefined, open: [first], ended: undefined, justEnded: [] };
    this.#items.set(number, items);
    return items;
  }

  /** Notes another item at the same number. */
  #add(items: ItemsAtNumber, { id, call_id: callId }: ResponseItem): PlacedItem {
    const item = { place: this.#spare++, id, callId };
    items.byId ??= new Map([[items.latest.id, items.latest]]);
    items.byId.set(id, item);
    items.latest = item;
    items.open.push(item);
    return item;
  }
}

/** Returns the item that ended with the same event. */
function endedWith(items: ItemsAtNumber, item: ResponseItem): PlacedItem | undefined {
  for (const [earlier, place] of items.justEnded.splice(0)) {
    items.ended ??= new Map();
    items.ended.set(JSON.stringify(earlier), place);
  }
  return items.ended?.get(JSON.stringify(item));
}
