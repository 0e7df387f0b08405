/** Chooses the next token, by the scores of all. */

import { softmax } from "./matrix.ts";

export interface Sampling {
  /** 0: always the likeliest. */
  readonly temperature: number;
  /** Only the likeliest tokens that together have this share. */
  readonly topP: number;
  /** Equal seeds choose equally. Absent: chance. */
  readonly seed: number | undefined;
}

/** Chooses one token from scores. */
export type Sampler = (scores: Float32Array) => number;

/** Returns a function that chooses a token: always the likeliest for a `temperature` or `topP` of 0. */
export function createSampler({ temperature, topP, seed }: Sampling): Sampler {
  if (temperature === 0 || topP === 0) return likeliest;
  const random = createRandom(seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
  return (scores) => {
    const shares = scores.map((score) => score / temperature);
    softmax(shares, shares.length);
    return chosen(shares, topP, random());
  };
}

/** Returns the index of the highest score, the first of equals. */
export function likeliest(scores: Float32Array): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) {
    if ((scores[id] as number) > (scores[best] as number)) best = id;
  }
  return best;
}

/** `draw` from 0 to 1 points at one of the likeliest that make up `topP`. */
function chosen(shares: Float32Array, topP: number, draw: number): number {
  const order = Array.from(shares.keys());
  if (topP < 1) order.sort((a, b) => (shares[b] as number) - (shares[a] as number) || a - b);
  let total = 0;
  let kept = 0;
  while (kept < order.length && total < topP) total += shares[order[kept++] as number] as number;
  let rest = draw * total;
  for (const id of order.slice(0, kept)) {
    rest -= shares[id] as number;
    if (rest < 0) return id;
  }
  return likeliest(shares); // the shares' rounding left something over
}

/** Numbers from 0 to 1 (mulberry32). Seeds are integers of any size and sign. */
function createRandom(seed: number): () => number {
  let state = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
