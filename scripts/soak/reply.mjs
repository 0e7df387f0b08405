/** What both sides know of a reply: which text belongs to a number. */

/** A generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS = [
  "stream",
  " of",
  " words",
  "\n",
  " naïve",
  " 日本語",
  " 😀",
  ' {"a": 1}',
  " data: x\n\n",
  " \u2028",
  " the",
  " end",
];

/** The deltas of one reply, 10 to 90 of them. */
export function piecesOf(seed) {
  const random = randomOf(seed * 7919 + 1);
  return Array.from({ length: 10 + Math.floor(random() * 80) }, () => WORDS[Math.floor(random() * WORDS.length)] ?? "");
}
