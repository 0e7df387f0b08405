/**
 * A transformer of the llama family: RMS norm, rotary positions, attention over a cache of keys and values, SwiGLU.
 * @see https://arxiv.org/abs/2302.13971
 */

import { addScaled, dot, gated, normalize, softmax } from "./matrix.ts";
import type { Layer, Weights } from "./weights.ts";

/** The memory of a layer: the keys and values of all tokens so far, one after another. */
interface Memory {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** One conversation inside the model: the tokens so far, and the scores of the next one. */
export class Transformer {
  /** How many tokens it has seen. */
  length = 0;
  readonly #weights: Weights;
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

  constructor(weights: Weights) {
    const { context, width, hidden, vocabulary, headWidth } = weights.shape;
    this.#weights = weights;
    const room = context * width;
    this.#memories = weights.layers.map(() => ({ keys: new Float32Array(room), values: new Float32Array(room) }));
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
    const { embedding, layers, shape } = this.#weights;
    const { epsilon } = shape;
    const [x, h] = [this.#x, this.#h];
    embedding.row(token, x);
    this.#setTurn();
    for (const [index, layer] of layers.entries()) {
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

  /** Returns the score of each token as the next one, before `softmax`. The array is used again by the next call. */
  scores(): Float32Array {
    const { outputNorm, output, shape } = this.#weights;
    normalize(this.#x, outputNorm, shape.epsilon, this.#h);
    output.multiply(this.#h, this.#scores);
    return this.#scores;
  }

  /** `#mixed` becomes the sum of the earlier tokens' values, weighted by attention, head by head. */
  #attend(layer: Layer, { keys, values }: Memory): void {
    const { width, heads, headWidth } = this.#weights.shape;
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

  /** Computes the angles of this position, as cosine and sine in turn: slower for each further pair. */
  #setTurn(): void {
    const { headWidth, ropeBase } = this.#weights.shape;
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
