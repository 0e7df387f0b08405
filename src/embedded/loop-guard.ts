/**
 * Keeps a small model out of loops. A run that occurs twice makes a third time likelier, and that a fourth one, until
 * the context is full of "clever clever clever". So a run of tokens may occur twice in a row, and not three times.
 */

import type { Sampler } from "./sampler.ts";

/** The longest run that is looked for, in tokens: more than a sentence. */
const MAX_RUN_LENGTH = 32;

/**
 * Returns a sampler that never chooses the token with which a run of 1 to 32 tokens would occur a third time in a row.
 * The other tokens keep their relative likelihood. For one reply: it remembers what it chose. Overwrites scores.
 */
export function withoutLoops(sample: Sampler): Sampler {
  const written: number[] = [];
  /** For each length of run: how many of the last tokens equal the token that far before them. */
  const repeated = new Uint32Array(MAX_RUN_LENGTH + 1);
  return (scores) => {
    for (let run = 1; run <= MAX_RUN_LENGTH; run++) {
      const third = written[written.length - run];
      // Two complete runs, and all of a third but its last token: of those, all but the first run repeat.
      if (third !== undefined && (repeated[run] as number) >= 2 * run - 1) scores[third] = Number.NEGATIVE_INFINITY;
    }
    const token = sample(scores);
    for (let run = 1; run <= MAX_RUN_LENGTH; run++)
      repeated[run] = written[written.length - run] === token ? (repeated[run] as number) + 1 : 0;
    written.push(token);
    return token;
  };
}
