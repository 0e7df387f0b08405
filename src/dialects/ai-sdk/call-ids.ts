/**
 * The ids of calls within one message of `useChat`, where each is of one call. Some providers use an id again in each
 * reply, and a message has the replies of all steps. Pure.
 */

const REPEATED = /~again-\d+$/;

/** Returns the id of the call that uses `id` for the `count`th time. */
export function shownCallId(id: string, count: number): string {
  return count <= 1 ? id : `${id}~again-${count}`;
}

/** Returns the provider's id of a call that a page shows. */
export function ownCallId(shown: string): string {
  return shown.replace(REPEATED, "");
}
