/** The lazy parts of wrappers on Node (export condition `node`): files of their own, which most programs never read. */

/** Resolves with the file of races between clients. */
export const loadRaces = (): Promise<typeof import("./races.ts")> => import("./races.ts");

/** Resolves with the file of limited calls. */
export const loadLimitedCalls = (): Promise<typeof import("./limited-call.ts")> => import("./limited-call.ts");
