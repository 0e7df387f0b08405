/** The grammar of a JSON number, one character at a time. */

const ZERO = 48;
const NINE = 57;

/**
 * The state within a number, and the characters that may follow: a zero, another digit, or another part of a number.
 */
export type NumberPart =
  | "start"
  | "sign"
  | "zero"
  | "integer"
  | "point"
  | "fraction"
  | "e"
  | "exponentSign"
  | "exponent";

const STEPS: { readonly [Part in NumberPart]: { readonly [character: string]: NumberPart } } = {
  start: { "-": "sign", "0": "zero", "9": "integer" },
  sign: { "0": "zero", "9": "integer" },
  zero: { ".": "point", e: "e" },
  integer: { "0": "integer", "9": "integer", ".": "point", e: "e" },
  point: { "0": "fraction", "9": "fraction" },
  fraction: { "0": "fraction", "9": "fraction", e: "e" },
  e: { "-": "exponentSign", "+": "exponentSign", "0": "exponent", "9": "exponent" },
  exponentSign: { "0": "exponent", "9": "exponent" },
  exponent: { "0": "exponent", "9": "exponent" },
};

const ENDS: readonly NumberPart[] = ["zero", "integer", "fraction", "exponent"];

/** Returns the state after a character; `undefined` where it may not follow. */
export function nextNumberPart(part: NumberPart, code: number): NumberPart | undefined {
  return STEPS[part][stepOf(code)];
}

/** Returns whether a number may end in this state. */
export function isNumberEnd(part: NumberPart): boolean {
  return ENDS.includes(part);
}

/** Returns whether a character may be part of a number. */
export function isNumberCharacter(code: number): boolean {
  if (code >= ZERO && code <= NINE) return true;
  return code === 46 || code === 45 || code === 43 || code === 69 || code === 101; // . - + E e
}

function stepOf(code: number): string {
  if (code === ZERO) return "0";
  if (code > ZERO && code <= NINE) return "9";
  return code === 69 ? "e" : String.fromCharCode(code);
}
