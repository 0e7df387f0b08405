/** Bytes as base64, in every runtime. */

import { TextBuffer } from "./text-buffer.ts";

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

/** How many bytes a base64 text stands for, estimated from its length. */
export function base64Size(text: string): number {
  return Math.floor(text.length * 0.75);
}

/** A piece that ends between two groups of four characters, in the standard alphabet: it can stand before another one. */
const CLEAN = /^[A-Za-z0-9+/]*$/;

/**
 * Base64 that arrives in pieces, each encoded on its own, as one text. The cost of all pieces together grows with their length:
 * clean pieces are appended as they are, the others are decoded and at most two bytes of each wait for the next one.
 */
export class Base64Buffer {
  readonly #text = new TextBuffer();
  /** Bytes that do not fill a group yet, one character a byte. */
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

/** One character a byte. A lone character at the end says nothing and is left out. */
function decoded(text: string): string {
  const standard = text.replace(/-/g, "+").replace(/_/g, "/");
  // Several encoded runs may stand in one piece, each with padding of its own.
  return standard
    .split(/=+/)
    .map((run) => run.replace(/[^A-Za-z0-9+/]/g, ""))
    .map((run) => atob(run.length % 4 === 1 ? run.slice(0, -1) : run))
    .join("");
}
