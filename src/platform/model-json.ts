/** JSON as models write it: with line breaks and other control characters inside strings, which JSON wants escaped. */

import { parseExact } from "./exact-json.ts";

/**
 * Returns the value of a JSON text. Control characters inside strings stand for themselves.
 * @throws {SyntaxError} when the text is not JSON otherwise
 */
export function parseModelJson(json: string): unknown {
  try {
    return parseExact(json);
  } catch (error) {
    const escaped = withEscapes(json);
    if (escaped === json) throw error;
    return parseExact(escaped);
  }
}

/** Returns the text with an escape for each control character of its strings, unless a backslash precedes it. */
function withEscapes(json: string): string {
  let escaped = "";
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at] ?? "";
    if (character === '"') isQuoted = !isQuoted;
    else if (character === "\\" && isQuoted) at++;
    else if (isQuoted && character < " ") {
      escaped += json.slice(from, at) + JSON.stringify(character).slice(1, -1);
      from = at + 1;
    }
  }
  return escaped + json.slice(from);
}
