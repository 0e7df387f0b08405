/** The lazy parts of wrappers everywhere but on Node: at once, since a further file may be a network away. */

import { CallQueue, openLimited } from "./limited-call.ts";
import { fallbackRules, openRecoverable, raceOf } from "./races.ts";

/** Resolves with the file of races between clients. */
export const loadRaces = async (): Promise<typeof import("./races.ts")> => ({ fallbackRules, openRecoverable, raceOf });

/** Resolves with the file of limited calls. */
export const loadLimitedCalls = async (): Promise<typeof import("./limited-call.ts")> => ({ CallQueue, openLimited });
