/** The conversation that the records of a store are. */

import { SendError } from "../contract/errors.ts";
import { checkedHistory } from "./history.ts";
import type { SessionRecord, SessionState } from "./record.ts";
import { recordFault } from "./record-fault.ts";
import { appendInPlace, reduce } from "./reducer.ts";

/**
 * Returns the conversation of these records, which begin at its beginning.
 * @throws {SendError} kind `storage`, which names the first invalid record
 */
export function replay(records: readonly SessionRecord[]): SessionState {
  let state: SessionState = { history: [], turns: [] };
  for (const [index, record] of records.entries()) {
    const fault = recordFault(record);
    if (fault) throw damaged(`record ${index + 1} ${fault}`);
    try {
      state = reduce(state, record, appendInPlace);
    } catch (cause) {
      throw damaged(`record ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
  }
  try {
    return { ...state, history: checkedHistory(state.history) };
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function damaged(what: string, cause?: unknown): SendError {
  return new SendError("storage", `The stored session is damaged: ${what.replace(/\.$/, "")}.`, { cause });
}
