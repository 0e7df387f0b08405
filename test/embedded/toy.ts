/** Our own weights, and the same in another form. */

import { readFileSync } from "node:fs";
import { type Gguf, type GgufValue, readGguf } from "../../src/embedded/gguf.ts";
import { vectorOf } from "../../src/embedded/matrix.ts";
import { type Entry, writeGguf } from "./gguf-writer.ts";

export const TOY_BYTES: Uint8Array = readFileSync(new URL("../../src/embedded/toy.gguf", import.meta.url));

export const TOY: Gguf = readGguf(TOY_BYTES, "toy.gguf");

/**
 * The model once more, its bytes multiplied out: every weight in single precision. `changes` replace metadata entries; the
 * tensors whose names match `silenced` are all zeros; `spoil` may write into each.
 */
export function toyAsF32(
  changes: Readonly<Record<string, Entry[1] | undefined>> = {},
  silenced: RegExp = /^$/,
  spoil: (tensor: string, data: Float32Array) => void = () => undefined,
): Uint8Array {
  const metadata = new Map<string, Entry[1] | undefined>();
  for (const [key, value] of TOY.metadata) metadata.set(key, entryOf(key, value));
  for (const [key, value] of Object.entries({ "general.file_type": 0, "cloudllm.crc32": undefined, ...changes }))
    metadata.set(key, value);
  const entries = [...metadata].flatMap(([key, value]): Entry[] => (value === undefined ? [] : [[key, value]]));
  const tensors = [...TOY.tensors.values()].map((tensor) => ({
    ...tensor,
    data: silenced.test(tensor.name) ? vectorOf(tensor).fill(0) : vectorOf(tensor),
  }));
  for (const { name, data } of tensors) spoil(name, data);
  return writeGguf(entries, tensors);
}

/** llama.cpp minds the type. */
const FLOATS = /epsilon|freq_base/;

function entryOf(key: string, value: GgufValue): Entry[1] {
  if (typeof value === "number" && FLOATS.test(key)) return { float: value };
  if (!Array.isArray(value)) return value as string | number | boolean;
  if (key.endsWith(".scores")) return Float32Array.from(value as number[]);
  return typeof value[0] === "number" ? Int32Array.from(value as number[]) : (value as string[]);
}
