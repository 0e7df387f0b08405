/** The variables of the environment, in every runtime. */

/**
 * Returns a variable without the final line break of a secrets file; `undefined` for an empty one. Some runtimes have
 * no environment, or ask before they show it.
 */
export function environmentValue(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name]?.trim() || undefined;
  } catch {
    return undefined; // a variable without permission counts as unset
  }
}
