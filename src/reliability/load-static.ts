/** Races between clients everywhere but on Node: at once, since a further file may be a network away. */

import { fallbackRules, openRecoverable, raceOf } from "./races.ts";

/** Resolves with the file. */
export const loadRaces = async (): Promise<typeof import("./races.ts")> => ({ fallbackRules, openRecoverable, raceOf });
