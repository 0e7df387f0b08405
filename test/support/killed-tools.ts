/** What tests of tools in a process that dies share: a tool that counts its calls, and the two moments that they wait for. */

import { vi } from "vitest";
import type { Tool } from "../../src/index.ts";
import type { Relay } from "../../src/server/index.ts";
import type { Gate } from "../../src/testing/index.ts";
import { get, type Watching, watch } from "./relay.ts";

/** Returns a tool, and the ids of the calls that it has run. */
export function counting(name = "weather"): { readonly calls: readonly string[]; readonly tool: Tool } {
  const calls: string[] = [];
  return { calls, tool: { name, run: (_args, { toolCallId }) => `clear ${calls.push(toolCallId)}` } };
}

/** Resolves when a reply is at the gate, under fake timers: its tools wait for the log, whose appends are paced. */
export async function isAt(gate: Gate): Promise<void> {
  let isThere = false;
  void gate.reached.then(() => {
    isThere = true;
  });
  while (!isThere) await vi.advanceTimersByTimeAsync(10);
  await vi.advanceTimersByTimeAsync(1_000);
}

/** Watches a run in another process until its end, under fake timers. */
export async function endIn(relay: Relay, path: string): Promise<Watching> {
  const viewer = watch(await relay.handle(get(path)));
  await vi.advanceTimersByTimeAsync(20_000);
  await viewer.over;
  return viewer;
}
