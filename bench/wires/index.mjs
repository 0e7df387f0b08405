/** The wire formats in which the server answers. */
import { open as anthropic } from "./anthropic.mjs";
import { open as chat } from "./chat.mjs";
import { open as gemini } from "./gemini.mjs";
import { open as responses } from "./responses.mjs";

/**
 * Begins one reply. Its functions return the bytes to send as text, in the order of their calls.
 * @typedef {() => { beginning(): string, text(piece: string): string, ending(pieces: number): string }} OpenWire
 */

/** By the name in the path. @type {Record<string, OpenWire>} */
export const WIRES = { chat, responses, anthropic, gemini };
