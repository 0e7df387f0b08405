/** Rules for the values of options. */

/** Returns the fault of a value, as the end of a sentence that names it; `undefined` for a valid value. */
export type Fault = (value: unknown) => string | undefined;

export const isFunction: Fault = (value) => (typeof value === "function" ? undefined : "must be a function");

export const isBoolean: Fault = (value) => (typeof value === "boolean" ? undefined : "must be true or false");
