/** The names of the options of this layer. An option that does not exist would count as absent. */

/** Those of all functions of this layer. */
const SHARED = ["url", "headers", "fetch", "credentials", "model", "reconnectForMs"] as const;

/** The names that only these options have. */
type OwnName<Options> = Exclude<keyof Options & string, (typeof SHARED)[number]>;

/**
 * Checks the names of options, and that there is an address.
 * @param own all names that only these options have
 * @throws {TypeError} for an option that does not exist, and without `url`
 */
export function checkNames<Options extends { readonly url: unknown }>(
  options: Options,
  own: Readonly<Record<OwnName<Options>, true>>,
): void {
  const valid: readonly string[] = [...SHARED, ...Object.keys(own)];
  const unknown = Object.keys(options ?? {}).find((name) => !valid.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Unknown option \`${unknown}\`. Valid options: ${valid.join(", ")}.`);
  }
  if (!options?.url) throw new TypeError("The option `url` is missing: the address of a relay.");
}
