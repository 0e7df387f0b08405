/** Values that no provider, store or generator should send, from a seed: the same ones each time. */

import { pick, type Random } from "./random.ts";

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

const JSON_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  "",
  " ",
  "x",
  "..",
  "a/../b",
  "\ud800",
  "\udc00x",
  "__proto__",
  "constructor",
  "\n\u0000",
  "9".repeat(400),
  [],
  {},
  [null],
  [[]],
  [{}],
  [null, { type: null }],
  { toString: 1 },
  { toString: 1, valueOf: 1 },
  { toJSON: 1 },
  [{ toString: 1 }],
  { type: { toString: 1 } },
  { length: 3 },
  { error: { toString: 1 } },
  JSON.parse('{"__proto__":{"toString":1},"constructor":null,"then":1}'),
  nested(40),
];
/** Beyond what may be nested: rarely, for it is slow. */
const DEEP: readonly unknown[] = [nested(700), nested(1_200)];

/** What JSON can say. */
export function oddJson(random: Random): unknown {
  return structuredClone(random() < 0.01 ? pick(random, DEEP) : pick(random, JSON_VALUES));
}

function cyclic(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

function throwing(): never {
  throw new Error("an accessor throws");
}

const everythingThrows: ProxyHandler<object> = {
  get: throwing,
  has: throwing,
  ownKeys: throwing,
  getPrototypeOf: throwing,
  getOwnPropertyDescriptor: throwing,
};

/** What objects of the program itself can be. */
export function oddObject(random: Random): unknown {
  return pick<() => unknown>(random, [
    () => oddJson(random),
    () => undefined,
    () => 1n,
    () => Symbol("odd"),
    () => Number.NaN,
    cyclic,
    () => new Proxy({}, everythingThrows),
    () => Object.create(null),
    () => Object.defineProperty({}, "content", { get: throwing, enumerable: true }),
    () => ({ toJSON: throwing }),
    () => new Map([[1, 2]]),
    () => throwing,
    () => new Error("odd"),
  ])();
}

/** A copy with up to three values taken out, added, or put in another's place. */
export function mutated<T>(random: Random, value: T, odd: (random: Random) => unknown = oddJson): T {
  const copy = structuredClone(value);
  const holder = { copy };
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) mutate(random, holder, odd);
  return holder.copy;
}

function mutate(random: Random, root: object, odd: (random: Random) => unknown): void {
  const places: (readonly [Record<string, unknown>, string])[] = [];
  const walk = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 12 || places.length > 400) return;
    let keys: readonly string[];
    try {
      keys = Object.keys(value);
    } catch {
      return; // a proxy
    }
    for (const key of keys) {
      if (Object.getOwnPropertyDescriptor(value, key)?.get) continue;
      places.push([value as Record<string, unknown>, key]);
      walk((value as Record<string, unknown>)[key], depth + 1);
    }
  };
  walk(root, 0);
  const [owner, key] = pick(random, places);
  const chance = random();
  if (chance < 0.15 && key !== "copy") {
    if (Array.isArray(owner)) owner.splice(Number(key), 1);
    else delete owner[key];
  } else if (chance < 0.3 && Array.isArray(owner[key])) {
    (owner[key] as unknown[]).splice(Math.floor(random() * 3), 0, odd(random));
  } else if (chance < 0.35 && typeof owner[key] === "object" && owner[key] !== null && !Object.isFrozen(owner[key])) {
    try {
      (owner[key] as Record<string, unknown>)[pick(random, ["type", "error", "id", "content", "text"])] = odd(random);
    } catch {
      // what cannot be changed stays
    }
  } else owner[key] = odd(random);
}
