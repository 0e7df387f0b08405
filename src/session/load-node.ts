/** The lazy parts of sessions on Node (export condition `node`): files of their own, which most programs never read. */

/** Resolves with the file of turns. */
export const loadTurnSource = (): Promise<typeof import("./turn-source.ts")> => import("./turn-source.ts");

/** Resolves with the file of sessions in stores. */
export const loadStoredSession = (): Promise<typeof import("./stored-session.ts")> => import("./stored-session.ts");
