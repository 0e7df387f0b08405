/**
 * A transformer of the llama family: RMS norm, rotary positions, attention over a cache of keys and values, SwiGLU.
 * @see https://arxiv.org/abs/2302.13971
 */

import type { Gguf, GgufTensor } from "./gguf.ts";
import { addScaled, dot, gated, type Matrix, matrixOf, normalize, softmax, vectorOf } from "./matrix.ts";
import { damaged, foreign } from "./weights-error.ts";

/** The model's measures. */
export interface Shape {
  /** Most tokens that it can look at: question and answer together. */
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly epsilon: number;
  readonly ropeBase: number;
}

interface Layer {
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

/** The weights, which any number of replies share. */
export class Transformer {
  readonly shape: Shape;
  readonly #embedding: Matrix;
  readonly #layers: readonly Layer[];
  readonly #outputNorm: Float32Array;
  readonly #output: Matrix;

  /** @throws {SendError} when the file holds another kind of model, or less than a whole one */
  constructor(gguf: Gguf, vocabulary: number) {
    this.shape = shapeOf(gguf, vocabulary);
    const { width, hidden } = this.shape;
    const matrix = (name: string, rows: number, columns: number) => matrixOf(tensorOf(gguf, name, [columns, rows]));
    const vector = (name: string) => vectorOf(tensorOf(gguf, name, [width]));
    this.#embedding = matrix("token_embd.weight", vocabulary, width);
    this.#outputNorm = vector("output_norm.weight");
    // Small models use one matrix for tokens in and tokens out.
    this.#output = gguf.tensors.has("output.weight") ? matrix("output.weight", vocabulary, width) : this.#embedding;
    const count = numberOf(gguf, "llama.block_count", 0);
    this.#layers = Array.from({ length: count }, (_, index) => ({
      attentionNorm: vector(`blk.${index}.attn_norm.weight`),
      query: matrix(`blk.${index}.attn_q.weight`, width, width),
      key: matrix(`blk.${index}.attn_k.weight`, width, width),
      value: matrix(`blk.${index}.attn_v.weight`, width, width),
      attentionOutput: matrix(`blk.${index}.attn_output.weight`, width, width),
      feedForwardNorm: vector(`blk.${index}.ffn_norm.weight`),
      gate: matrix(`blk.${index}.ffn_gate.weight`, hidden, width),
      up: matrix(`blk.${index}.ffn_up.weight`, hidden, width),
      down: matrix(`blk.${index}.ffn_down.weight`, width, hidden),
    }));
  }

  /** One reply's thread of thought, at its beginning. */
  start(): Evaluation {
    return new Evaluation(this.shape, this.#embedding, this.#layers, this.#outputNorm, this.#output);
  }
}

/** What a layer remembers: the keys and values of all tokens so far, one after another. */
interface Memory {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** The state of one conversation inside the model. */
class Evaluation {
  /** How many tokens it has seen. */
  length = 0;
  readonly #shape: Shape;
  readonly #embedding: Matrix;
  readonly #layers: readonly Layer[];
  readonly #outputNorm: Float32Array;
  readonly #output: Matrix;
  readonly #memories: readonly Memory[];
  /** Room for one token's numbers, used again for each. */
  readonly #x: Float32Array;
  readonly #h: Float32Array;
  readonly #query: Float32Array;
  readonly #mixed: Float32Array;
  readonly #gate: Float32Array;
  readonly #up: Float32Array;
  readonly #shares: Float32Array;
  readonly #scores: Float32Array;
  readonly #turn: Float32Array;

  constructor(shape: Shape, embedding: Matrix, layers: readonly Layer[], outputNorm: Float32Array, output: Matrix) {
    const { context, width, hidden, vocabulary, headWidth } = shape;
    this.#shape = shape;
    this.#embedding = embedding;
    this.#layers = layers;
    this.#outputNorm = outputNorm;
    this.#output = output;
    const room = context * width;
    this.#memories = layers.map(() => ({ keys: new Float32Array(room), values: new Float32Array(room) }));
    this.#x = new Float32Array(width);
    this.#h = new Float32Array(width);
    this.#query = new Float32Array(width);
    this.#mixed = new Float32Array(width);
    this.#gate = new Float32Array(hidden);
    this.#up = new Float32Array(hidden);
    this.#shares = new Float32Array(context);
    this.#scores = new Float32Array(vocabulary);
    this.#turn = new Float32Array(headWidth);
  }

  /** Takes in the next token. There must be room for it: `length < context`. */
  read(token: number): void {
    const { epsilon } = this.#shape;
    const [x, h] = [this.#x, this.#h];
    this.#embedding.row(token, x);
    this.#setTurn();
    for (const [index, layer] of this.#layers.entries()) {
      normalize(x, layer.attentionNorm, epsilon, h);
      this.#attend(layer, this.#memories[index] as Memory);
      layer.attentionOutput.multiply(this.#mixed, h);
      addScaled(x, 1, h, 0);

      normalize(x, layer.feedForwardNorm, epsilon, h);
      layer.gate.multiply(h, this.#gate);
      layer.up.multiply(h, this.#up);
      gated(this.#gate, this.#up);
      layer.down.multiply(this.#gate, h);
      addScaled(x, 1, h, 0);
    }
    this.length += 1;
  }

  /** How likely each token is as the next one, before `softmax`. The array is used again by the next call. */
  scores(): Float32Array {
    normalize(this.#x, this.#outputNorm, this.#shape.epsilon, this.#h);
    this.#output.multiply(this.#h, this.#scores);
    return this.#scores;
  }

  /** `#mixed` becomes what the earlier tokens have to say to this one, head by head. */
  #attend(layer: Layer, { keys, values }: Memory): void {
    const { width, heads, headWidth } = this.#shape;
    const here = this.length * width;
    const key = keys.subarray(here, here + width);
    layer.query.multiply(this.#h, this.#query);
    layer.key.multiply(this.#h, key);
    layer.value.multiply(this.#h, values.subarray(here, here + width));
    this.#rotate(this.#query);
    this.#rotate(key);
    const count = this.length + 1;
    const scale = 1 / Math.sqrt(headWidth);
    const shares = this.#shares;
    this.#mixed.fill(0);
    for (let head = 0; head < heads; head++) {
      const from = head * headWidth;
      for (let at = 0; at < count; at++)
        shares[at] = dot(this.#query, from, keys, at * width + from, headWidth) * scale;
      softmax(shares, count);
      const mixed = this.#mixed.subarray(from, from + headWidth);
      for (let at = 0; at < count; at++) addScaled(mixed, shares[at] as number, values, at * width + from);
    }
  }

  /** The angles of this position, as cosine and sine in turn: slower for each further pair. */
  #setTurn(): void {
    const { headWidth, ropeBase } = this.#shape;
    for (let pair = 0; pair < headWidth; pair += 2) {
      const angle = this.length * ropeBase ** (-pair / headWidth);
      this.#turn[pair] = Math.cos(angle);
      this.#turn[pair + 1] = Math.sin(angle);
    }
  }

  #rotate(vector: Float32Array): void {
    const turn = this.#turn;
    for (let at = 0; at < vector.length; at += 2) {
      const pair = at % turn.length;
      const [cos, sin] = [turn[pair] as number, turn[pair + 1] as number];
      const [a, b] = [vector[at] as number, vector[at + 1] as number];
      vector[at] = a * cos - b * sin;
      vector[at + 1] = a * sin + b * cos;
    }
  }
}

export type { Evaluation };

function shapeOf(gguf: Gguf, vocabulary: number): Shape {
  const architecture = gguf.metadata.get("general.architecture");
  if (architecture !== "llama")
    throw foreign(gguf.file, `its architecture is ${String(architecture)}, and only llama is known`);
  const width = numberOf(gguf, "llama.embedding_length");
  const heads = numberOf(gguf, "llama.attention.head_count");
  const headWidth = width / heads;
  if (numberOf(gguf, "llama.attention.head_count_kv", heads) !== heads)
    throw foreign(gguf.file, "its heads share keys and values");
  if (!Number.isInteger(headWidth) || headWidth % 2 !== 0)
    throw damaged(gguf.file, `${heads} heads do not share a width of ${width}`);
  if (numberOf(gguf, "llama.rope.dimension_count", headWidth) !== headWidth)
    throw foreign(gguf.file, "it turns only a part of each head");
  if ([...gguf.metadata.keys()].some((key) => key.startsWith("llama.rope.scaling")))
    throw foreign(gguf.file, "it stretches its positions");
  return {
    context: numberOf(gguf, "llama.context_length"),
    width,
    heads,
    headWidth,
    hidden: numberOf(gguf, "llama.feed_forward_length"),
    vocabulary,
    epsilon: numberOf(gguf, "llama.attention.layer_norm_rms_epsilon"),
    ropeBase: numberOf(gguf, "llama.rope.freq_base", 10_000),
  };
}

function numberOf({ metadata, file }: Gguf, key: string, otherwise?: number): number {
  const value = metadata.get(key) ?? otherwise;
  if (typeof value === "number" && value > 0) return value;
  if (value === 0 && otherwise === 0) return 0;
  throw damaged(file, `${key} is missing, or no positive number`);
}

function tensorOf({ tensors, file }: Gguf, name: string, shape: readonly number[]): GgufTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw damaged(file, `the tensor ${name} is missing`);
  if (tensor.shape.join() === shape.join()) return tensor;
  throw damaged(file, `the tensor ${name} has the shape ${tensor.shape.join(" × ")} and not ${shape.join(" × ")}`);
}
