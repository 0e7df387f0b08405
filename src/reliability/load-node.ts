/** The lazy parts of wrappers on Node (export condition `node`): files of their own, which most programs never read. */

/** Resolves with the file of races between clients. */
export const loadRaces = (): Promise<typeof import("./races.ts")> => import("./races.ts");

/** Resolves with the file of the queue of calls. */
export const loadCallQueue = (): Promise<typeof import("./call-queue.ts")> => import("./call-queue.ts");
