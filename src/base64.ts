/** Bytes as base64, in every runtime. */

/** In pieces: a call takes only so many arguments. */
const PIECE = 8_192;

export function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(binary);
}

/** An attachment's bytes as base64; data that came as text is base64 already. */
export function base64TextOf(data: Uint8Array | string): string {
  return typeof data === "string" ? data : base64Of(data);
}
