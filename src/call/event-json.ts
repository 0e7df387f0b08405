/**
 * `JSON.parse` for the events of one client's replies, which are equal but for a token, a counter, some random padding, and
 * an id in each reply. Once two events have shown which scalars change (the holes), an event that fits is read by comparing
 * the text between the holes and parsing only the holes; anything else goes through `JSON.parse`, or what stands in its place. The result is always the
 * same.
 *
 * Why it is exact: the shape was proved by putting marked strings into the holes and finding each of them as a *value* in
 * the parsed result. So a hole is a place where the grammar takes a value, and an event of the form
 * `head value segment value … tail`, where each value is by itself a JSON text, has the proved structure, wherever the
 * borders were found. Spaces before the last `}` (Anthropic pads with a random number of them) never mean anything.
 */

import { mayLoseDigits } from "../platform/exact-json.ts";
import { type Container, type Decode, EventShapes, endOf, narrowed, type Place, type Shape } from "./event-shapes.ts";

/**
 * Creates the parser for one reply. It behaves like `JSON.parse`, values, key order and `SyntaxError` included.
 * @param decode makes text of data that is still bytes, of all of it or of a value in it; only its ASCII is looked at before
 * @param shapes what the client's replies have shown so far, and will show; default: nothing
 * @param parseOther reads what fits no shape, numbers of more than 15 digits among it; default: `JSON.parse`
 */
export function createEventJsonParser(
  decode: Decode = (data) => data,
  shapes: EventShapes = new EventShapes(),
  parseOther: (json: string) => unknown = (json) => JSON.parse(json),
): (data: string) => unknown {
  let own: Shape | undefined; // this reply's: its id is no hole
  let fitted: Shape | undefined; // the client's, if the previous event fitted one and not the reply's own
  let before = ""; // the previous event, unless it fitted the reply's own shape
  let run = 0; // how many events in a row looked alike and fitted no shape
  let credit = CREDIT_AT_START;

  /** By a shape of the client's; two events in a row that have it show what is constant in this reply. */
  function readByKnown(data: string): unknown {
    for (const known of shapes.known) {
      const value = read(known, data, decode);
      if (value === undefined) continue;
      if (known === fitted && credit >= CREDIT_TO_NARROW) {
        credit -= CREDIT_TO_NARROW;
        own = narrowed(known, before, data, decode) ?? own;
      }
      fitted = known;
      before = data;
      return value;
    }
    return undefined;
  }

  /** By any shape, unless that was in vain too often. */
  function readByShape(data: string): unknown {
    if (credit < 0) return undefined;
    try {
      return (own && read(own, data, decode)) ?? readByKnown(data);
    } catch {
      credit -= CREDIT_TO_LEARN; // what stands in a hole is no JSON text; perhaps the event as a whole is
      return undefined;
    }
  }

  return function parse(data: string): unknown {
    const fast = readByShape(data);
    if (fast !== undefined) {
      run = 0;
      if (credit < CREDIT_AT_START) credit += CREDIT_PER_HIT;
      return fast;
    }
    const value = parseOther(decode(data));
    fitted = undefined;
    credit += CREDIT_PER_MISS;
    if (credit >= CREDIT_TO_LEARN) {
      run = run > 0 && looksAlike(before, data) ? run + 1 : 1;
      if (run > 1) shapes.alike += 1;
      if (run >= MIN_RUN_LENGTH && shapes.alike >= MIN_ALIKE_EVENTS) {
        credit -= CREDIT_TO_LEARN;
        shapes.learn(before, data, decode);
      }
      before = data;
    }
    return value;
  };
}

// To learn takes as long as to parse eight events, or as sixteen hits save: a reply whose events never fit loses 4 %.
const CREDIT_PER_MISS = 1;
const CREDIT_PER_HIT = 16;
const CREDIT_TO_LEARN = 256;
/** No tokens are cut, but the result is proved as well. */
const CREDIT_TO_NARROW = 64;
const CREDIT_AT_START = 4 * CREDIT_TO_LEARN;
/** The first time in a process all this code is cold and takes 1 ms: not for a client that reads a few dozen events. */
const MIN_ALIKE_EVENTS = 31;
/** A `created` ticked, or the reasoning gave way to the answer: what comes three times may come often. */
const MIN_RUN_LENGTH = 3;
/** In characters. Longer events do not come in rows; and the regular expression below is not meant for megabytes. */
const MAX_SHAPE_LENGTH = 16_384;
const FEW_CONTAINERS = 4;

/** The value of an event that fits, else undefined. Throws when the holes hold no JSON. */
function read(shape: Shape, data: string, decode: Decode): unknown {
  const { head, between, tail, holes } = shape;
  const end = endOf(data);
  const tailAt = end - tail.length;
  // `slice` and `===` compare by memcmp; `startsWith` is four times slower.
  if (data.slice(0, head.length) !== head || data.slice(tailAt, end) !== tail) return undefined;
  const containers = copyOf(shape);
  let at = head.length;
  let hole = 0;
  for (const segment of between) {
    const next = data.indexOf(segment, at);
    if (next < 0) return undefined;
    put(containers, holes[hole++], scalarOf(decode(data.slice(at, next))));
    at = next + segment.length;
  }
  if (at > tailAt) return undefined;
  put(containers, holes[hole], scalarOf(decode(data.slice(at, tailAt))));
  return containers[0];
}

/** Strings without escapes, short enough for `slice` to copy them: of a longer one it would keep the whole read alive. */
const SHORT_STRING = /^"[ !#-[\]-\uFFFF]{0,12}"$/;
const QUOTE = 0x22;

function scalarOf(json: string): unknown {
  if (json.length < 15) {
    if (json.charCodeAt(0) === QUOTE) {
      if (SHORT_STRING.test(json)) return json.slice(1, -1);
    } else {
      const count = countOf(json);
      if (count !== undefined) return count;
    }
  }
  if (json.charCodeAt(0) !== QUOTE && mayLoseDigits(json)) throw new SyntaxError("not for the fast way");
  return JSON.parse(json);
}

/** Of digits alone, so few that the sum is exact; undefined if it is anything else, or no JSON. */
function countOf(json: string): number | undefined {
  if (json === "" || (json.length > 1 && json[0] === "0")) return undefined;
  let count = 0;
  for (let at = 0; at < json.length; at++) {
    const digit = json.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    count = count * 10 + digit;
  }
  return count;
}

/** All containers of a shape anew, within each other; the first is the root. */
function copyOf({ templates, inner }: Shape): Container[] {
  const [root] = templates;
  const copies = templates.slice(); // of its final length: one that grows takes room for sixteen more
  // The root, the next few and the rest are copied in places of their own: V8 is fast where one sees few kinds of objects.
  copies[0] = { ...root };
  let number = 1;
  for (const place of inner) {
    const template = templates[number];
    let copy: Container;
    if (Array.isArray(template)) copy = template.slice() as unknown as Container;
    else if (number < FEW_CONTAINERS) copy = { ...template };
    else copy = { ...template };
    copies[number++] = copy;
    put(copies, place, copy);
  }
  return copies;
}

function put(containers: readonly Container[], place: Place | undefined, value: unknown): void {
  const container = place && containers[place.owner];
  if (container) container[place.key] = value;
}

/** Whether it is worth to look closer. Nearly free; in most protocols the type of an event stands at its beginning. */
function looksAlike(before: string, data: string): boolean {
  const longer = data.length - before.length;
  return longer < 64 && longer > -64 && data.length <= MAX_SHAPE_LENGTH && data.slice(0, 20) === before.slice(0, 20);
}
