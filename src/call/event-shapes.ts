/** The shapes of a client's events: the common text of two events, and the scalars that change between them. */

import { mayLoseDigits } from "../platform/exact-json.ts";

/**
 * Maximum number of shapes: reasoning, text, arguments of calls, and one more. Each is tried for an event that fits no
 * other.
 */
const MAX_SHAPES = 4;
const MAX_HOLES = 8;
/**
 * Maximum number of containers. Each is copied for each event: the limit bounds the work, and rejects malicious
 * nesting.
 */
const MAX_CONTAINERS = 16;

export type Decode = (data: string) => string;

export type Container = Record<string | number, unknown>; // an object or an array

export interface Shape {
  /** The tokens of an event of this shape, with a mark in place of each hole. */
  readonly tokens: readonly string[];
  readonly head: string;
  /** The text between two holes. */
  readonly between: readonly string[];
  /** The text after the last hole, without the closing brace. */
  readonly tail: string;
  /** The event's value, and the objects and arrays in it. Each event gets copies, because results share nothing. */
  readonly templates: readonly Container[];
  /** The places of all of them but the first. */
  readonly inner: readonly HolePlace[];
  readonly holes: readonly HolePlace[];
}

/** A key in a container: the root is number 0, the first inner one is number 1. */
export interface HolePlace {
  readonly owner: number;
  readonly key: string | number;
}

/**
 * The shapes that a client's events had; its next replies begin with them. Values that change between two replies are
 * also holes.
 */
export class EventShapes {
  /** The newest first. */
  known: readonly Shape[] = [];
  /** The number of events that looked like the one before them. */
  alike = 0;

  /** Keeps the shape that an event shares with an earlier reply's, or else with the event before it. */
  learn(before: string, data: string, decode: Decode): void {
    const now = tokensOf(data);
    if (now === undefined) return;
    for (const known of this.known) {
      const shape = common(known.tokens, now, decode);
      if (shape) return this.#keep(shape, known);
    }
    const shape = common(tokensOf(before) ?? [], now, decode);
    if (shape) this.#keep(shape);
  }

  #keep(shape: Shape, instead?: Shape): void {
    this.known = [shape, ...this.known.filter((known) => known !== instead)].slice(0, MAX_SHAPES);
  }
}

/**
 * Returns the same shape for one reply: values that two of its events share are not holes. Undefined if nothing
 * changed.
 */
export function narrowed(shape: Shape, before: string, data: string, decode: Decode): Shape | undefined {
  const was = holeTextsOf(shape, before);
  const segments = [shape.head];
  for (const [index, text] of holeTextsOf(shape, data).entries()) {
    const next = shape.between[index] ?? shape.tail;
    if (text === was[index]) segments.push(`${segments.pop()}${text}${next}`);
    else segments.push(next);
  }
  return segments.length > shape.holes.length ? shape : shapeOf(segments, shape.tokens, decode);
}

/** Returns the JSON texts in the holes of an event that fits. */
function holeTextsOf({ head, between, tail }: Shape, data: string): string[] {
  const texts: string[] = [];
  let at = head.length;
  for (const segment of between) {
    const next = data.indexOf(segment, at);
    texts.push(data.slice(at, next));
    at = next + segment.length;
  }
  texts.push(data.slice(at, endOf(data) - tail.length));
  return texts;
}

/** Returns the start of the closing brace, or of the spaces before it; negative when the event is not an object. */
export function endOf(data: string): number {
  let end = data.length - 1;
  if (data.charCodeAt(end) !== 0x7d) return -1;
  while (data.charCodeAt(end - 1) === 0x20) end -= 1;
  return end;
}

/** Strings, other scalars, runs of other characters: every character of a JSON text belongs to one of them. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[\w+.-]+|[^"\w+.-]+/g;
/** Marks a hole: a control character, which JSON always escapes. Events that contain one are not learned. */
const MARK = "\u0001";
const MARK_IN_JSON = "\\u0001";

/** Stands for any token in a hole; no token is empty. */
const HOLE = "";

/** Returns the parts of an event that is valid JSON, without its last brace; undefined if it cannot be learned. */
function tokensOf(data: string): readonly string[] | undefined {
  const end = endOf(data);
  if (end < 0 || data.includes(MARK_IN_JSON) || mayLoseDigits(data)) return undefined;
  // Joined again: a slice of the read would keep all of the read alive as long as the shape.
  return ` ${data}`.slice(1, end + 1).match(TOKEN) ?? undefined;
}

/** Returns the shape that two events share: undefined if they differ in more than scalar values. */
function common(was: readonly string[], now: readonly string[], decode: Decode): Shape | undefined {
  if (was.length !== now.length) return undefined;
  const segments = [""];
  const tokens: string[] = [];
  for (const [index, token] of now.entries()) {
    const isConstant = token === was[index];
    if (isConstant) segments.push(`${segments.pop()}${token}`);
    else if (/^["\w-]/.test(token)) segments.push("");
    else return undefined;
    tokens.push(isConstant ? token : HOLE);
  }
  return shapeOf(segments, tokens, decode);
}

/**
 * Returns the shape with these segments between its holes; undefined if a hole is not a value, or the shape would be
 * slow.
 */
function shapeOf(segments: readonly string[], tokens: readonly string[], decode: Decode): Shape | undefined {
  const [head = "", ...between] = segments;
  const tail = between.pop();
  if (tail === undefined || segments.length > MAX_HOLES + 1) return undefined;
  // A segment without a quote (a comma, say) could be found within a string: still exact, but never fast.
  if (!between.every((segment) => segment.includes('"'))) return undefined;
  const proof = `${segments.reduce((text, segment, index) => `${text}"${MARK_IN_JSON}${index}"${segment}`)}}`;
  const places = placesOf(JSON.parse(decode(proof)), segments.length - 1);
  return places && { tokens, head, between, tail, ...places };
}

/**
 * Returns the places of the marked strings and the containers. Undefined if marks are missing, or copying is unsafe.
 */
function placesOf(root: Container, marks: number): Pick<Shape, "templates" | "inner" | "holes"> | undefined {
  const templates = [root];
  const inner: HolePlace[] = [];
  const holes: HolePlace[] = [];
  let found = 0;
  for (const [owner, container] of templates.entries()) {
    for (const name of Object.keys(container)) {
      const key = Array.isArray(container) ? Number(name) : name;
      const child = container[key];
      const isMark = typeof child === "string" && child.startsWith(MARK);
      if (!isMark && (typeof child !== "object" || child === null)) continue;
      if (name === "__proto__") return undefined; // assigned to anything but an own key, it changes the prototype
      if (isMark) {
        holes[Number(child.slice(MARK.length)) - 1] = { owner, key };
        found += 1;
      } else {
        inner.push({ owner, key });
        if (templates.push(child as Container) > MAX_CONTAINERS) return undefined;
      }
    }
  }
  return found === marks ? { templates, inner, holes } : undefined;
}
