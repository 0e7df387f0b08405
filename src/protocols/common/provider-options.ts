/** The caller's own fields, put into a request's body last. */

type Fields = Readonly<Record<string, unknown>>;

/**
 * The body with `providerOptions` merged into it: plain objects field by field, at every depth, so that
 * `{ generationConfig: { topK: 40 } }` keeps what else is in `generationConfig`; everything else, lists among it, takes the
 * place of what was there. A field that is `undefined` is taken out of the body.
 */
export function withProviderOptions(body: Fields, providerOptions: Fields | undefined): Fields {
  return providerOptions === undefined ? body : merged(body, providerOptions);
}

function merged(fields: Fields, more: Fields): Fields {
  const all = new Map(Object.entries(fields));
  for (const [name, value] of Object.entries(more)) {
    const known = all.get(name);
    all.set(name, isPlain(known) && isPlain(value) ? merged(known, value) : value);
  }
  // Own properties, also where a name is `__proto__`; what is `undefined` does not get into JSON.
  return Object.fromEntries(all);
}

function isPlain(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
