/** Options of a call as they count: one that is `undefined` is not given. */

import type { SendOptions } from "./options.ts";

/** Returns the options that have a value; the same object when all of them have one. */
export function withoutUndefined<Output>(options: SendOptions<Output>): SendOptions<Output> {
  if (!Object.values(options).includes(undefined)) return options;
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
