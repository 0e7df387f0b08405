/**
 * Matrices of bytes, and the arithmetic on vectors. The casts (`as number`) are where an index is within its array by
 * construction: almost all time is spent in these loops.
 */

import type { GgufTensor } from "./gguf.ts";

/** Weights in one block, which share a scale. */
const BLOCK = 32;

/** A matrix in Q8_0: each row in blocks of 32 weights, a byte and a common scale each; or as plain numbers. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** `out[row] = Σ this[row][column] · x[column]` */
  multiply(x: Float32Array, out: Float32Array): void;
  /** Whether all its weights are finite. Of blocks of bytes, their scales say it. */
  isFinite(): boolean;
  /** Copies one row. */
  row(index: number, out: Float32Array): void;
}

/** Returns a matrix as in the file; bytes stay bytes. */
export function matrixOf({ shape, type, data }: GgufTensor): Matrix {
  const [columns = 1, rows = 1] = shape;
  return type === "Q8_0" ? new ByteMatrix(rows, columns, data) : new PlainMatrix(rows, columns, numbersOf(type, data));
}

/** Returns a tensor that is not a byte matrix, as numbers. */
export function vectorOf({ type, data, shape }: GgufTensor): Float32Array {
  if (type !== "Q8_0") return numbersOf(type, data);
  const [columns = 1, rows = 1] = shape;
  const matrix = new ByteMatrix(rows, columns, data);
  const all = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) matrix.row(row, all.subarray(row * columns, (row + 1) * columns));
  return all;
}

class PlainMatrix implements Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly #weights: Float32Array;

  constructor(rows: number, columns: number, weights: Float32Array) {
    this.rows = rows;
    this.columns = columns;
    this.#weights = weights;
  }

  multiply(x: Float32Array, out: Float32Array): void {
    const { rows, columns } = this;
    const weights = this.#weights;
    for (let row = 0; row < rows; row++) out[row] = dot(weights, row * columns, x, 0, columns);
  }

  isFinite(): boolean {
    return this.#weights.every(Number.isFinite);
  }

  row(index: number, out: Float32Array): void {
    out.set(this.#weights.subarray(index * this.columns, (index + 1) * this.columns));
  }
}

/** Bytes of a block: a half-precision scale, and a signed byte for each weight. */
const BLOCK_BYTES = BLOCK + 2;

class ByteMatrix implements Matrix {
  readonly rows: number;
  readonly columns: number;
  /** As in the file, scales included: nothing is copied. */
  readonly #bytes: Int8Array;
  readonly #scales: Float32Array;

  constructor(rows: number, columns: number, data: Uint8Array) {
    this.rows = rows;
    this.columns = columns;
    this.#bytes = new Int8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#scales = new Float32Array((rows * columns) / BLOCK);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let block = 0; block < this.#scales.length; block++) this.#scales[block] = halfAt(view, block * BLOCK_BYTES);
  }

  multiply(x: Float32Array, out: Float32Array): void {
    const { rows, columns } = this;
    const bytes = this.#bytes;
    const scales = this.#scales;
    for (let row = 0, at = 0, block = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0; column < columns; block++) {
        // Four sums, so that no addition waits for the one before it.
        let a = 0;
        let b = 0;
        let c = 0;
        let d = 0;
        at += 2;
        for (const end = column + BLOCK; column < end; column += 4, at += 4) {
          a += (bytes[at] as number) * (x[column] as number);
          b += (bytes[at + 1] as number) * (x[column + 1] as number);
          c += (bytes[at + 2] as number) * (x[column + 2] as number);
          d += (bytes[at + 3] as number) * (x[column + 3] as number);
        }
        sum += (scales[block] as number) * (a + b + (c + d));
      }
      out[row] = sum;
    }
  }

  isFinite(): boolean {
    return this.#scales.every(Number.isFinite);
  }

  row(index: number, out: Float32Array): void {
    const first = (index * this.columns) / BLOCK;
    for (let column = 0; column < this.columns; column++) {
      const block = first + Math.floor(column / BLOCK);
      const byte = this.#bytes[block * BLOCK_BYTES + 2 + (column % BLOCK)] as number;
      out[column] = byte * (this.#scales[block] as number);
    }
  }
}

/** `Σ a[aAt + i] · b[bAt + i]` over `length` numbers. */
export function dot(a: Float32Array, aAt: number, b: Float32Array, bAt: number, length: number): number {
  let sum = 0;
  for (let index = 0; index < length; index++) sum += (a[aAt + index] as number) * (b[bAt + index] as number);
  return sum;
}

/** `to[i] += factor · from[at + i]`, as far as `to` goes. */
export function addScaled(to: Float32Array, factor: number, from: Float32Array, at: number): void {
  for (let index = 0; index < to.length; index++)
    to[index] = (to[index] as number) + factor * (from[at + index] as number);
}

/** Scales `x` to a mean square of 1, and each number by its weight. */
export function normalize(x: Float32Array, weight: Float32Array, epsilon: number, out: Float32Array): void {
  const scale = 1 / Math.sqrt(dot(x, 0, x, 0, x.length) / x.length + epsilon);
  for (let index = 0; index < x.length; index++) out[index] = (x[index] as number) * scale * (weight[index] as number);
}

/** Turns the first `length` scores into shares of 1. */
export function softmax(scores: Float32Array, length: number): void {
  let highest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < length; index++) highest = Math.max(highest, scores[index] as number);
  let total = 0;
  for (let index = 0; index < length; index++) {
    const share = Math.exp((scores[index] as number) - highest);
    scores[index] = share;
    total += share;
  }
  for (let index = 0; index < length; index++) scores[index] = (scores[index] as number) / total;
}

/** `gate[i] ← silu(gate[i]) · up[i]` */
export function gated(gate: Float32Array, up: Float32Array): void {
  for (let index = 0; index < gate.length; index++) {
    const value = gate[index] as number;
    gate[index] = (value / (1 + Math.exp(-value))) * (up[index] as number);
  }
}

function numbersOf(type: "F32" | "F16", data: Uint8Array): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = type === "F32" ? 4 : 2;
  const numberAt = type === "F32" ? (at: number) => view.getFloat32(at, true) : (at: number) => halfAt(view, at);
  return Float32Array.from({ length: data.byteLength / size }, (_, index) => numberAt(index * size));
}

/** IEEE 754 half precision: 1 bit sign, 5 exponent, 10 fraction. `DataView.getFloat16` is too young. */
function halfAt(view: DataView, at: number): number {
  const bits = view.getUint16(at, true);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
