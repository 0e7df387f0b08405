/** The messages of a call, apart from the caller's array. */

import type { Message } from "./message.ts";

/**
 * Returns a copy of the array. A page may push the growing reply into its own array while the call is under way, and a
 * further request of the call must not hold that.
 */
export function ownMessages(messages: readonly Message[]): readonly Message[] {
  try {
    return Array.isArray(messages) ? [...messages] : messages;
  } catch {
    return messages; // a getter throws; the validation of the call reports it
  }
}
