/**
 * `JSON.parse` for the events of one reply, which are equal but for a token, a counter and some random padding. Once two
 * events in a row have shown which scalars change (the holes), an event that fits is read by comparing the text between
 * the holes and parsing only the holes; anything else goes through `JSON.parse`. The result is always the same.
 *
 * Why it is exact: the shape was proved by putting marked strings into the holes and finding each of them as a *value* in
 * the parsed result. So a hole is a place where the grammar takes a value, and an event of the form
 * `head value segment value … tail`, where each value is by itself a JSON text, has the proved structure, wherever the
 * borders were found. Spaces before the last `}` (Anthropic pads with a random number of them) never mean anything.
 */

/**
 * Creates the parser for one reply. It behaves like `JSON.parse`, values, key order and `SyntaxError` included.
 * @param decode makes text of data that is still bytes, of all of it or of a value in it; only its ASCII is looked at before
 */
export function createEventJsonParser(decode: Decode = (data) => data): (data: string) => unknown {
  let shape: Shape | undefined;
  let before = ""; // the previous event, if it did not fit
  let run = 0; // how many events in a row looked alike and did not fit
  let credit = CREDIT_AT_START;

  return function parse(data: string): unknown {
    if (shape !== undefined) {
      try {
        const value = read(shape, data, decode);
        if (value !== undefined) {
          before = "";
          if (credit < CREDIT_AT_START) credit += CREDIT_PER_HIT;
          return value;
        }
      } catch {
        shape = undefined; // what stands in a hole is no JSON text; perhaps the event as a whole is
      }
    }
    const value: unknown = JSON.parse(decode(data));
    credit += CREDIT_PER_MISS;
    if (credit >= CREDIT_TO_LEARN) {
      run = looksAlike(before, data) ? run + 1 : 1;
      if (run >= (shape === undefined ? FIRST_RUN : LATER_RUN)) {
        credit -= CREDIT_TO_LEARN;
        shape = learn(before, data, decode) ?? shape;
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
const CREDIT_AT_START = 4 * CREDIT_TO_LEARN;
/** The first time in a process all this code is cold and takes 1 ms: not for a reply of a few dozen events. */
const FIRST_RUN = 32;
/** Once the reply has had a shape: its `created` ticked, or its reasoning gave way to the answer. */
const LATER_RUN = 3;
/** In characters. Longer events do not come in rows; and the regular expression below is not meant for megabytes. */
const LONGEST_SHAPE = 16_384;
const MOST_HOLES = 8;
/** Each is copied for each event. Bounds the work, and keeps out what is nested for malice. */
const MOST_CONTAINERS = 16;

type Decode = (data: string) => string;

type Container = Record<string | number, unknown>; // an object or an array

interface Shape {
  readonly head: string;
  /** What stands between two holes. */
  readonly between: readonly string[];
  /** What follows the last hole, without the closing brace. */
  readonly tail: string;
  /** The event's value, and the objects and arrays in it: copied for each event, for no two results may share anything. */
  readonly templates: readonly Container[];
  /** Where all of them but the first stand. */
  readonly inner: readonly Place[];
  readonly holes: readonly Place[];
}

/** A key in a container: the root is number 0, the first inner one is number 1. */
interface Place {
  readonly owner: number;
  readonly key: string | number;
}

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
const SHORT_COUNT = /^(?:0|[1-9]\d{0,12})$/;

function scalarOf(json: string): unknown {
  if (json.length < 15) {
    if (SHORT_STRING.test(json)) return json.slice(1, -1);
    if (SHORT_COUNT.test(json)) return Number(json);
  }
  return JSON.parse(json);
}

/** All containers of a shape anew, within each other; the first is the root. */
function copyOf({ templates, inner }: Shape): Container[] {
  const [root] = templates;
  const copies = templates.slice(); // of its final length: one that grows takes room for sixteen more
  copies[0] = { ...root }; // apart from the rest: V8 is fast where it sees few different objects
  let number = 1;
  for (const place of inner) {
    const template = templates[number];
    const copy = Array.isArray(template) ? (template.slice() as unknown as Container) : { ...template };
    copies[number++] = copy;
    put(copies, place, copy);
  }
  return copies;
}

function put(containers: readonly Container[], place: Place | undefined, value: unknown): void {
  const container = place && containers[place.owner];
  if (container) container[place.key] = value;
}

/** Where the closing brace, or the spaces before it, begin; negative when the event is no object. */
function endOf(data: string): number {
  let end = data.length - 1;
  if (data.charCodeAt(end) !== 0x7d) return -1;
  while (data.charCodeAt(end - 1) === 0x20) end -= 1;
  return end;
}

/** Whether it is worth to look closer. Nearly free; in most protocols the type of an event stands at its beginning. */
function looksAlike(before: string, data: string): boolean {
  const longer = data.length - before.length;
  return longer < 64 && longer > -64 && data.length <= LONGEST_SHAPE && data.slice(0, 20) === before.slice(0, 20);
}

/** Strings, other scalars, runs of anything else: every character of a JSON text belongs to one of them. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[\w+.-]+|[^"\w+.-]+/g;
/** Marks a hole: a control character, which JSON can only hold escaped. An event that has one is not learned from. */
const MARK = "\u0001";
const MARK_IN_JSON = "\\u0001";

/** The shape that two events, both valid JSON, have in common: undefined if they differ in more than scalar values. */
function learn(before: string, data: string, decode: Decode): Shape | undefined {
  const end = endOf(data);
  if (end < 0 || data.includes(MARK_IN_JSON)) return undefined;
  const was = before.slice(0, endOf(before)).match(TOKEN) ?? [];
  const now = data.slice(0, end).match(TOKEN) ?? [];
  if (was.length !== now.length) return undefined;
  const segments = [""];
  for (const [index, token] of now.entries()) {
    if (token === was[index]) segments.push(`${segments.pop()}${token}`);
    else if (/^["\w-]/.test(token)) segments.push("");
    else return undefined;
  }
  const [head = "", ...between] = segments;
  const tail = between.pop();
  if (tail === undefined || segments.length > MOST_HOLES + 1) return undefined;
  // A segment without a quote (a comma, say) could be found within a string: still exact, but never fast.
  if (!between.every((segment) => segment.includes('"'))) return undefined;
  const proof = `${segments.reduce((text, segment, index) => `${text}"${MARK_IN_JSON}${index}"${segment}`)}}`;
  const places = placesOf(JSON.parse(decode(proof)), segments.length - 1);
  return places && { head, between, tail, ...places };
}

/** Where the marked strings and the containers are. Undefined if not all marks are found, or copying is not safe. */
function placesOf(root: Container, marks: number): Pick<Shape, "templates" | "inner" | "holes"> | undefined {
  const templates = [root];
  const inner: Place[] = [];
  const holes: Place[] = [];
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
        if (templates.push(child as Container) > MOST_CONTAINERS) return undefined;
      }
    }
  }
  return found === marks ? { templates, inner, holes } : undefined;
}
