/** The parts that a call of a fallback or a hedge needs. */

export { openRecoverable } from "./fallback-recovery.ts";
export { fallbackRules } from "./fallback-rules.ts";
export { raceOf } from "./race.ts";
