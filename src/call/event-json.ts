/**
 * Fast `JSON.parse` for the events of one client's replies. Their events differ only in a token, a counter, random
 * padding and an id for each reply. Two events show which scalars change (the holes). A later event that fits is read
 * by comparing the text between the holes; only the holes are parsed. Any other event goes through `JSON.parse` or its
 * replacement. The result is always the same.
 *
 * Why it is exact: the shape is proved with marked strings in the holes. Each of them must appear as a *value* in the
 * parsed result. So a hole is a place where the grammar takes a value. An event of the form
 * `head value segment value … tail` has the proved structure if each value is a JSON text by itself, wherever the
 * borders were found. Spaces before the last `}` (Anthropic pads with a random number of them) never have a meaning.
 */

import { mayLoseDigits } from "../platform/exact-json.ts";
import {
  type Container,
  type Decode,
  EventShapes,
  endOf,
  type HolePlace,
  narrowed,
  type Shape,
} from "./event-shapes.ts";

/**
 * Returns the parser for one reply. It behaves like `JSON.parse`: the same values, key order and `SyntaxError`.
 * @param decode decodes data that is still bytes: all of it, or one value. Before that, only its ASCII is read.
 * @param shapes the shapes that the client's replies have shown; new ones are added. Default: none
 * @param parseOther parses events that fit no shape, including numbers of more than 15 digits. Default: `JSON.parse`
 */
export function createEventJsonParser(
  decode: Decode = (data) => data,
  shapes: EventShapes = new EventShapes(),
  parseOther: (json: string) => unknown = (json) => JSON.parse(json),
): (data: string) => unknown {
  let own: Shape | undefined; // the shape of this reply: its id is not a hole
  let fitted: Shape | undefined; // a shape of the client's, if the previous event fitted that and not the reply's own
  let before = ""; // the previous event, unless it fitted the reply's own shape
  let run = 0; // number of events in a row that looked alike and fitted no shape
  let credit = CREDIT_AT_START;

  /** Parses by a shape of the client's; two such events in a row show which values are constant in this reply. */
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

  /** Parses by any shape, unless that failed too often. */
  function readByShape(data: string): unknown {
    if (credit < 0) return undefined;
    try {
      return (own && read(own, data, decode)) ?? readByKnown(data);
    } catch {
      credit -= CREDIT_TO_LEARN; // a hole holds no JSON text; the complete event may still be valid
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

// Learning costs as much as parsing eight events, or as sixteen hits save: a reply whose events never fit loses 4 %.
const CREDIT_PER_MISS = 1;
const CREDIT_PER_HIT = 16;
const CREDIT_TO_LEARN = 256;
/** No tokens are cut, but the result is also proved. */
const CREDIT_TO_NARROW = 64;
const CREDIT_AT_START = 4 * CREDIT_TO_LEARN;
/**
 * Minimum number of events before learning: this code is cold at first and takes 1 ms. That is a loss for a few dozen
 * events.
 */
const MIN_ALIKE_EVENTS = 31;
/** A `created` ticked, or the reasoning gave way to the answer: a change seen three times may be frequent. */
const MIN_RUN_LENGTH = 3;
/** In characters. Longer events do not come in rows, and the regular expression below is not meant for megabytes. */
const MAX_SHAPE_LENGTH = 16_384;
const FEW_CONTAINERS = 4;

/** Returns the value of an event that fits, else undefined. Throws when the holes hold no JSON. */
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

/**
 * Returns strings without escapes, short enough for `slice` to copy them: a longer one would keep the entire read
 * alive.
 */
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

/** Returns an integer of so few digits that the sum is exact; undefined for any other text. */
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

/** Copies all containers of a shape, nested as before; the first is the root. */
function copyOf({ templates, inner }: Shape): Container[] {
  const [root] = templates;
  const copies = templates.slice(); // created at its final length: an array that grows reserves room for sixteen more
  // The root, the next few and the rest are copied in separate places: V8 is fast where a place sees few kinds of
  // objects. In functions, since a minifier joins branches that do the same.
  copies[0] = { ...root };
  let number = 1;
  for (const place of inner) {
    const template = templates[number];
    const copy = number < FEW_CONTAINERS ? nearCopy(template) : farCopy(template);
    copies[number++] = copy;
    put(copies, place, copy);
  }
  return copies;
}

function nearCopy(template: Container | undefined): Container {
  return Array.isArray(template) ? (template.slice() as unknown as Container) : { ...template };
}

function farCopy(template: Container | undefined): Container {
  return Array.isArray(template) ? (template.slice() as unknown as Container) : { ...template };
}

function put(containers: readonly Container[], place: HolePlace | undefined, value: unknown): void {
  const container = place && containers[place.owner];
  if (container) container[place.key] = value;
}

/** Whether a closer look is worthwhile. Nearly free; in most protocols the type of an event is at its beginning. */
function looksAlike(before: string, data: string): boolean {
  const longer = data.length - before.length;
  return longer < 64 && longer > -64 && data.length <= MAX_SHAPE_LENGTH && data.slice(0, 20) === before.slice(0, 20);
}
