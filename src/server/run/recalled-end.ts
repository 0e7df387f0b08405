/** The end that a conversation has of a run, for requests that are repeated after the log has forgotten it. */

import { within } from "../../platform/within.ts";
import { silence } from "../../session/store-deadline.ts";
import type { RunEnd } from "../log/log.ts";
import { keptEnd } from "../log/lost-run.ts";
import type { RunSource } from "./run-source.ts";

/** A start waits so long for the conversation, in milliseconds: its viewer waits for the headers of the response. */
const MAX_READ_MS = 3_000;

/**
 * Resolves with the end of the run; with `undefined` where the conversation has nothing of it, and also when the store
 * fails or is slow: the turn that begins then reports it.
 */
export async function recalledEnd(source: RunSource): Promise<RunEnd | undefined> {
  if (!source.recall) return undefined;
  try {
    const message = await within(source.recall(), MAX_READ_MS, () => silence(MAX_READ_MS));
    return message && keptEnd(message);
  } catch {
    return undefined;
  }
}
