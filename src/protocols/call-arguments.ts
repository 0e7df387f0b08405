/** A call's arguments as an object, which is all that most providers take. */

/** Text (of a tool that takes plain text) and other values become the one field of an object. */
export function argumentsObject(args: unknown): Readonly<Record<string, unknown>> {
  if (args === undefined || args === null) return {};
  const isObject = typeof args === "object" && !Array.isArray(args);
  return isObject ? (args as Readonly<Record<string, unknown>>) : { input: args };
}
