/** A law as a test case, in the suites for clients, stores and logs. */

/** One law, in the form of a test case. */
export interface LawCase {
  /** A sentence; with the reason, for a case that is not applicable. */
  readonly name: string;
  /** Why the case is not applicable to the subject. Then it must be skipped: running it fails. */
  readonly skip?: string;
  /** Resolves when the law holds. Rejects when it does not hold, or when the case takes too long. */
  run(): Promise<void>;
}

interface Definition<Ability extends string> {
  readonly name: string;
  readonly needs?: readonly Ability[];
}

/** Returns the definitions as cases. A case that needs an ability that the subject lacks is to be skipped. */
export function lawCases<Ability extends string, Law extends Definition<Ability>>(
  definitions: readonly (Law & Definition<Ability>)[],
  cannot: { readonly [Name in Ability]?: string | undefined } | undefined,
  run: (definition: Law) => Promise<void>,
): readonly LawCase[] {
  return definitions.map((definition) => {
    const { name } = definition;
    const missing = definition.needs?.find((ability) => cannot?.[ability] !== undefined);
    if (missing === undefined) return { name, run: () => run(definition) };
    const skip = `${missing}: ${cannot?.[missing]}`;
    return {
      name: `${name} [not applicable: ${skip}]`,
      skip,
      run: () => Promise.reject(new Error(`This case is not applicable (${skip}); skip it.`)),
    };
  });
}
