/** The source of a turn on Node (export condition `node`): a file of its own, which most programs never read. */

/** Resolves with the file. */
export const loadTurnSource = (): Promise<typeof import("./turn-source.ts")> => import("./turn-source.ts");
