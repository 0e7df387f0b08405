import type { Section } from "../fault.ts";
import { bytes } from "./bytes.ts";
import { protocol } from "./protocol.ts";

/** The table, in its order. */
export const SECTIONS: readonly Section[] = [bytes, protocol];
