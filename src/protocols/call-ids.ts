/** Ids of tool calls as the provider that is asked takes them: others' may be too long, or hold other signs. */

/** The id itself where it is short enough, else a short one that is the same for the call and for its answer. */
export function shortCallId(id: string, longest: number): string {
  return id.length <= longest ? id : `call_${hashOf(id)}`;
}

/** Letters and digits, a fixed number of them. */
export function callIdOf(id: string, length: number): string {
  return hashOf(id).padEnd(length, "0").slice(0, length);
}

/** Two independent sums of 32 bits: enough to tell the calls of one conversation apart. */
function hashOf(id: string): string {
  let high = 7;
  let low = 11;
  for (let at = 0; at < id.length; at++) {
    high = (Math.imul(high, 31) + id.charCodeAt(at)) >>> 0;
    low = (Math.imul(low, 37) ^ id.charCodeAt(at)) >>> 0;
  }
  return high.toString(36) + low.toString(36);
}
