/** Objects whose absent fields may be written as `undefined`. */

/** The same fields, each absent or with a value. */
export type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Returns the fields that have a value; the same object when all of them have one. */
export function withoutUndefined<Fields extends object>(fields: Fields): Present<Fields> {
  if (!Object.values(fields).includes(undefined)) return fields as Present<Fields>;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}
