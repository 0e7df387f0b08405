/**
 * GGUF, the container of llama.cpp: metadata, then tensors.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

import { ByteReader } from "./byte-reader.ts";
import { crc32 } from "./crc32.ts";
import { damaged, foreign } from "./weights-error.ts";

/** A value of the metadata. 64-bit numbers are read as doubles: none that matters here is larger than 2⁵³. */
export type GgufValue = number | boolean | string | readonly GgufValue[];

/** A tensor as in the file. */
export interface GgufTensor {
  readonly name: string;
  /** Fastest first: `[columns, rows]` for a matrix. */
  readonly shape: readonly number[];
  readonly type: "F32" | "F16" | "Q8_0";
  readonly data: Uint8Array;
}

/** The contents of a file. */
export interface Gguf {
  /** Its name in errors. */
  readonly file: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Each tensor type that can be read, and how many bytes how many weights take. */
const TENSOR_TYPES: ReadonlyMap<
  number,
  { readonly name: GgufTensor["type"]; readonly block: number; readonly bytes: number }
> = new Map([
  [0, { name: "F32", block: 1, bytes: 4 }],
  [1, { name: "F16", block: 1, bytes: 2 }],
  [8, { name: "Q8_0", block: 32, bytes: 34 }],
]);

/** Our own: CRC-32 of everything after it. It is the first entry, so that little is left uncovered. */
const CHECKSUM = "cloudllm.crc32";

/** More entries than any model has: a file that claims more is damaged, and not worth the wait. */
const MAX_ENTRIES = 1_000_000;

/** In bytes. Files have 32; a page is 4,096. */
const MAX_ALIGNMENT = 2 ** 20;

/**
 * Returns whether a value of the metadata is an integer from 1 to `max`: a file's value may be any number, or another
 * type.
 */
export function isCountUpTo(value: GgufValue | undefined, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

/**
 * Returns the contents of a complete file. Tensors stay where they are: `data` are views of `bytes`.
 * @param file its name, for errors
 * @throws {SendError} kind `unsupported` for a file that is not a GGUF of this kind, `protocol` for a damaged one
 */
export function readGguf(bytes: Uint8Array, file: string): Gguf {
  const reader = new ByteReader(bytes, (what) => damaged(file, what));
  if (bytes.length < 4 || reader.ascii(4, "the magic number") !== "GGUF")
    throw foreign(file, `it is not a GGUF file (its first bytes are ${hexOf(bytes.subarray(0, 4))})`);
  const version = reader.u32("the version");
  if (version !== 3) throw foreign(file, `it is GGUF version ${version}, and only version 3 is supported`);
  const tensorCount = reader.count(MAX_ENTRIES, "the number of tensors");
  const entryCount = reader.count(MAX_ENTRIES, "the number of metadata entries");

  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < entryCount; index++) {
    const key = reader.text("the name of a metadata entry");
    metadata.set(key, readValue(reader, reader.u32(`the type of ${key}`), key));
    if (key === CHECKSUM && crc32(bytes.subarray(reader.offset)) !== metadata.get(key))
      throw damaged(file, "its checksum does not match its contents");
  }
  const heads = Array.from({ length: tensorCount }, () => readTensorHead(reader, file));
  const alignment = metadata.get("general.alignment") ?? 32;
  if (!isCountUpTo(alignment, MAX_ALIGNMENT)) throw damaged(file, "its alignment is not a positive integer");
  const base = Math.ceil(reader.offset / alignment) * alignment;
  const tensors = new Map(heads.map((head) => [head.name, tensorOf(head, bytes, base, file)]));
  return { file, metadata, tensors };
}

type TensorHead = Omit<GgufTensor, "data"> & { readonly offset: number; readonly size: number };

function readTensorHead(reader: ByteReader, file: string): TensorHead {
  const name = reader.text("the name of a tensor");
  const dimensions = reader.u32(`the dimensions of ${name}`);
  if (dimensions < 1 || dimensions > 4) throw damaged(file, `the tensor ${name} has ${dimensions} dimensions`);
  const shape = Array.from({ length: dimensions }, () => reader.count(2 ** 31, `the shape of ${name}`));
  if (shape.includes(0)) throw damaged(file, `the tensor ${name} has the shape ${shape.join(" × ")}`);
  const typeId = reader.u32(`the type of ${name}`);
  const offset = reader.count(Number.MAX_SAFE_INTEGER, `the offset of ${name}`);
  const type = TENSOR_TYPES.get(typeId);
  if (!type) throw foreign(file, `the tensor ${name} has the type ${typeId}, and only F32, F16 and Q8_0 are supported`);
  if ((shape[0] ?? 0) % type.block !== 0) throw damaged(file, `the rows of ${name} are not a multiple of its blocks`);
  const weights = shape.reduce((product, size) => product * size, 1);
  return { name, shape, type: type.name, offset, size: (weights / type.block) * type.bytes };
}

function tensorOf(
  { name, shape, type, offset, size }: TensorHead,
  bytes: Uint8Array,
  base: number,
  file: string,
): GgufTensor {
  const start = base + offset;
  if (start + size > bytes.length)
    throw damaged(file, `it ends after ${bytes.length} bytes, and the tensor ${name} goes to byte ${start + size}`);
  return { name, shape, type, data: bytes.subarray(start, start + size) };
}

function readValue(reader: ByteReader, type: number, key: string): GgufValue {
  switch (type) {
    case 0:
      return reader.u8(key);
    case 1:
      return reader.i8(key);
    case 2:
      return reader.u16(key);
    case 3:
      return reader.i16(key);
    case 4:
      return reader.u32(key);
    case 5:
      return reader.i32(key);
    case 6:
      return reader.f32(key);
    case 7:
      return reader.u8(key) !== 0;
    case 8:
      return reader.text(key);
    case 9: {
      const element = reader.u32(key);
      if (element === 9) throw reader.fault(`${key} is an array of arrays`);
      const length = reader.count(MAX_ENTRIES, key);
      return Array.from({ length }, () => readValue(reader, element, key));
    }
    case 10:
      return reader.u64(key);
    case 11:
      return reader.i64(key);
    case 12:
      return reader.f64(key);
    default:
      throw reader.fault(`${key} has the unknown type ${type}`);
  }
}

function hexOf(bytes: Uint8Array): string {
  return bytes.length === 0 ? "none" : Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
