/** What the tests share that kill processes of `turn-process.mjs` while these write a turn. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const TURN_PROCESS: string = fileURLToPath(new URL("turn-process.mjs", import.meta.url));
export const ROUNDS: number = Number(process.env.KILL_ROUNDS ?? 4);
export const TIMEOUT_MS: number = 60_000 + ROUNDS * 10_000;
export const LEASE_MS = 1_000;

/** The text of a turn that is complete: three replies. */
export const WHOLE: string = [0, 1, 2]
  .flatMap((step) => Array.from({ length: 20 }, (_, index) => `s${step}w${index} `))
  .join("");

const AT_ONCE = 4;

/** Resolves with the results of all rounds. Each gets the time from its beginning to its kill. */
export async function killRounds<Result>(round: (delayMs: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < ROUNDS; at += AT_ONCE) {
    const delays = Array.from({ length: Math.min(AT_ONCE, ROUNDS - at) }, () => Math.random() * 600);
    results.push(...(await Promise.all(delays.map(round))));
  }
  return results;
}

/** Returns how often each of the two tools has run, by the notes that they made about this. */
export function runsIn(file: string, about: string): number[] {
  const notes = readFileSync(file, "utf8").split("\n");
  return [0, 1].map((step) => notes.filter((line) => line === `${about} ${step}`).length);
}
