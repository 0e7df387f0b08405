/** Ids as parts of Redis keys. */

/** Characters that cannot be mistaken for the end of a hash tag, and that every console shows. */
const PLAIN = /[^A-Za-z0-9_.~/:@-]/g;

/** Returns an id of any characters as the part of a key inside braces. Two ids never become the same. */
export function keyPart(id: string): string {
  return id === "" ? "%" : id.replace(PLAIN, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
