/** Races between clients on Node (export condition `node`): a file of its own, which most programs never read. */

/** Resolves with the file. */
export const loadRaces = (): Promise<typeof import("./races.ts")> => import("./races.ts");
