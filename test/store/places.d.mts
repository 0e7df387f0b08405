/** Types of `places.mjs`, which is JavaScript because child processes run it. */

import type { SessionStore } from "cloudllm";

export type StoreKind = "file" | "sqlite" | "postgres" | "redis";

/** Opens a store. `close` closes the connection that was opened for it. */
export function openStore(
  kind: StoreKind,
  place: string,
  leaseMs: number,
): Promise<{ readonly store: Required<SessionStore>; close(): Promise<void> }>;
