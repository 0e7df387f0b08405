/** A model's weights, out of its file: each by its name, and in the shape it must have. */

import { type Gguf, type GgufTensor, isCountUpTo } from "./gguf.ts";
import { type Matrix, matrixOf, vectorOf } from "./matrix.ts";
import { damaged, foreign } from "./weights-error.ts";

/** Numbers that all layers together may remember of a conversation: two gigabytes. */
const MAX_REMEMBERED = 2 ** 29;

/** Of layers, columns, heads or tokens to look at: as many as the file's own type for them can say. */
const MAX_MEASURE = 2 ** 32 - 1;

/** The model's dimensions. */
interface Shape {
  /** Maximum number of tokens that it can look at: question and answer together. */
  readonly context: number;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly epsilon: number;
  readonly ropeBase: number;
}

/** One of the steps that a token goes through. */
export interface Layer {
  readonly attentionNorm: Float32Array;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly attentionOutput: Matrix;
  readonly feedForwardNorm: Float32Array;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/** All of a model, which any number of replies share. */
export interface Weights {
  readonly shape: Shape;
  readonly embedding: Matrix;
  readonly layers: readonly Layer[];
  readonly outputNorm: Float32Array;
  readonly output: Matrix;
}

/** @throws {SendError} when the file holds another kind of model, or only a part of one */
export function weightsOf(gguf: Gguf, vocabulary: number): Weights {
  const shape = shapeOf(gguf, vocabulary);
  const { width, hidden } = shape;
  const matrix = (name: string, rows: number, columns: number) => {
    const read = matrixOf(tensorOf(gguf, name, [columns, rows]));
    if (read.isFinite()) return read;
    throw notFinite(gguf, name);
  };
  const vector = (name: string) => {
    const read = vectorOf(tensorOf(gguf, name, [width]));
    if (read.every(Number.isFinite)) return read;
    throw notFinite(gguf, name);
  };
  const embedding = matrix("token_embd.weight", vocabulary, width);
  return {
    shape,
    embedding,
    layers: Array.from({ length: shape.layers }, (_, index) => ({
      attentionNorm: vector(`blk.${index}.attn_norm.weight`),
      query: matrix(`blk.${index}.attn_q.weight`, width, width),
      key: matrix(`blk.${index}.attn_k.weight`, width, width),
      value: matrix(`blk.${index}.attn_v.weight`, width, width),
      attentionOutput: matrix(`blk.${index}.attn_output.weight`, width, width),
      feedForwardNorm: vector(`blk.${index}.ffn_norm.weight`),
      gate: matrix(`blk.${index}.ffn_gate.weight`, hidden, width),
      up: matrix(`blk.${index}.ffn_up.weight`, hidden, width),
      down: matrix(`blk.${index}.ffn_down.weight`, width, hidden),
    })),
    outputNorm: vector("output_norm.weight"),
    // Small models use one matrix for tokens in and tokens out.
    output: gguf.tensors.has("output.weight") ? matrix("output.weight", vocabulary, width) : embedding,
  };
}

function shapeOf(gguf: Gguf, vocabulary: number): Shape {
  const architecture = gguf.metadata.get("general.architecture");
  if (architecture !== "llama")
    throw foreign(gguf.file, `its architecture is ${String(architecture)}, and only llama is supported`);
  // A model without layers is for tests.
  const layers = (gguf.metadata.get("llama.block_count") ?? 0) === 0 ? 0 : countOf(gguf, "llama.block_count");
  const width = countOf(gguf, "llama.embedding_length");
  const heads = countOf(gguf, "llama.attention.head_count");
  const headWidth = width / heads;
  if (numberOf(gguf, "llama.attention.head_count_kv", heads) !== heads)
    throw foreign(gguf.file, "its heads share keys and values");
  if (!Number.isInteger(headWidth) || headWidth % 2 !== 0)
    throw damaged(gguf.file, `${heads} heads do not share a width of ${width}`);
  if (numberOf(gguf, "llama.rope.dimension_count", headWidth) !== headWidth)
    throw foreign(gguf.file, "it turns only a part of each head");
  if ([...gguf.metadata.keys()].some((key) => key.startsWith("llama.rope.scaling")))
    throw foreign(gguf.file, "it stretches its positions");
  const context = countOf(gguf, "llama.context_length");
  if (2 * Math.max(1, layers) * context * width > MAX_REMEMBERED)
    throw foreign(gguf.file, `its context of ${context} tokens is too large`);
  return {
    context,
    layers,
    width,
    heads,
    headWidth,
    hidden: countOf(gguf, "llama.feed_forward_length"),
    vocabulary,
    epsilon: numberOf(gguf, "llama.attention.layer_norm_rms_epsilon"),
    ropeBase: numberOf(gguf, "llama.rope.freq_base", 10_000),
  };
}

function numberOf({ metadata, file }: Gguf, key: string, otherwise?: number): number {
  const value = metadata.get(key) ?? otherwise;
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw damaged(file, `${key} is missing, or not a positive number`);
}

function countOf({ metadata, file }: Gguf, key: string): number {
  const value = metadata.get(key);
  if (isCountUpTo(value, MAX_MEASURE)) return value;
  throw damaged(file, `${key} is missing, or not an integer from 1 to ${MAX_MEASURE}`);
}

function notFinite({ file }: Gguf, name: string): Error {
  return damaged(file, `the tensor ${name} has a weight that is not a finite number`);
}

function tensorOf({ tensors, file }: Gguf, name: string, shape: readonly number[]): GgufTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw damaged(file, `the tensor ${name} is missing`);
  if (tensor.shape.join() === shape.join()) return tensor;
  throw damaged(file, `the tensor ${name} has the shape ${tensor.shape.join(" × ")} and not ${shape.join(" × ")}`);
}
