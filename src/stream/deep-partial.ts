/** The type of a value that is still being written. */

/**
 * The type of a value of type `T` while it is being written. Fields and elements are missing at first, and strings are
 * partial, so that an enum's string may be the beginning of one. The value is JSON before a schema validates it and
 * adds defaults and conversions: a type that JSON does not have (such as `Date`) is `unknown`.
 */
export type DeepPartial<T> = T extends string
  ? string
  : T extends number | boolean | null | undefined
    ? T
    : T extends (...args: never[]) => unknown
      ? unknown
      : T extends readonly unknown[]
        ? number extends T["length"]
          ? readonly DeepPartial<T[number]>[]
          : { readonly [Index in keyof T]?: DeepPartial<T[Index]> }
        : T extends
              | bigint
              | symbol
              | Date
              | RegExp
              | URL
              | Uint8Array
              | ReadonlyMap<unknown, unknown>
              | ReadonlySet<unknown>
          ? unknown
          : T extends object
            ? { readonly [Key in keyof T]?: DeepPartial<T[Key]> }
            : unknown;
