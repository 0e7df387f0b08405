/** Bytes as base64, in every runtime. */

import { TextBuffer } from "./text-buffer.ts";

/** Bytes of one piece, since a call takes a limited number of arguments. */
const PIECE = 8_192;

export function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(binary);
}

/** Returns an attachment's bytes as base64. Data that is a string is base64 already. */
export function base64TextOf(data: Uint8Array | string): string {
  return typeof data === "string" ? data : base64Of(data);
}

/** Returns the bytes of an attachment. Base64 may be URL-safe; characters outside the alphabet are skipped. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  if (typeof data !== "string") return data;
  const binary = decoded(data);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Returns the estimated number of bytes of a base64 text. */
export function base64Size(text: string): number {
  return Math.floor(text.length * 0.75);
}

/** A piece of complete groups of four characters in the standard alphabet: another piece may follow it. */
const CLEAN = /^[A-Za-z0-9+/]*$/;

/**
 * Joins base64 that arrives in pieces, each encoded on its own, into one text. The total cost is linear in the length:
 * clean pieces are appended as they are. The others are decoded, and at most two bytes of each wait for the next one.
 */
export class Base64Buffer {
  readonly #text = new TextBuffer();
  /** The bytes of an incomplete group, one character per byte. */
  #rest = "";

  /** Adds a piece. Characters outside the alphabet are skipped; URL-safe ones are translated. */
  add(piece: string): void {
    if (this.#rest === "" && piece.length % 4 === 0 && CLEAN.test(piece)) return this.#text.add(piece);
    const bytes = this.#rest + decoded(piece);
    const full = bytes.length - (bytes.length % 3);
    this.#text.add(btoa(bytes.slice(0, full)));
    this.#rest = bytes.slice(full);
  }

  toString(): string {
    return this.#text.toString() + btoa(this.#rest);
  }
}

/** Returns one character per byte. A lone character at the end carries no byte and is left out. */
function decoded(text: string): string {
  const standard = text.replace(/-/g, "+").replace(/_/g, "/");
  // One piece may have several encoded runs, each with its own padding.
  return standard
    .split(/=+/)
    .map((run) => run.replace(/[^A-Za-z0-9+/]/g, ""))
    .map((run) => atob(run.length % 4 === 1 ? run.slice(0, -1) : run))
    .join("");
}
