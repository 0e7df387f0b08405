/** The source of a turn's stream everywhere but on Node: at once, since a further file may be a network away. */

import { TurnSource } from "./turn-source.ts";

/** Resolves with the file. */
export const loadTurnSource = async (): Promise<typeof import("./turn-source.ts")> => ({ TurnSource });
