/** The lazy parts of sessions everywhere but on Node: at once, since a further file may be a network away. */

import { openStored, reserveStored, snapshotOf } from "./stored-session.ts";
import { Turn, TurnSource } from "./turn-source.ts";

/** Resolves with the file of turns. */
export const loadTurnSource = async (): Promise<typeof import("./turn-source.ts")> => ({ Turn, TurnSource });

/** Resolves with the file of sessions in stores. */
export const loadStoredSession = async (): Promise<typeof import("./stored-session.ts")> => ({
  openStored,
  reserveStored,
  snapshotOf,
});
