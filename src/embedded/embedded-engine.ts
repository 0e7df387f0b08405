/** The engine: a weights file that is read when the first reply is wanted, and kept. */

import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { Generation } from "./generation.ts";
import { readGguf } from "./gguf.ts";
import { promptOf, TURN_BEGINS, TURN_ENDS } from "./prompt.ts";
import { Tokenizer } from "./tokenizer.ts";
import { type Weights, weightsOf } from "./weights.ts";
import { foreign } from "./weights-error.ts";
import { loadWeights, nameOf, type WeightsSource } from "./weights-file.ts";
import type { Engine, Writer } from "./writer.ts";

/** A model in memory. */
export interface LoadedModel {
  readonly tokenizer: Tokenizer;
  readonly weights: Weights;
}

/**
 * Returns a file's contents as a model.
 * @throws {SendError} when it cannot be one, with the name of the file and its fault
 */
export function modelOf(bytes: Uint8Array, file: string): LoadedModel {
  const gguf = readGguf(bytes, file);
  const tokenizer = new Tokenizer(gguf);
  if (tokenizer.control(TURN_BEGINS) === undefined || tokenizer.control(TURN_ENDS) !== tokenizer.end)
    throw foreign(file, `its conversations are not in ChatML (${TURN_BEGINS} … ${TURN_ENDS})`);
  return { tokenizer, weights: weightsOf(gguf, tokenizer.size) };
}

/** Reads its file once, for the first caller; again only when that failed. */
export class EmbeddedEngine implements Engine {
  readonly #source: WeightsSource;
  #model: Promise<LoadedModel> | undefined;

  constructor(source: WeightsSource) {
    this.#source = source;
  }

  load(): Promise<LoadedModel> {
    this.#model ??= loadWeights(this.#source)
      .then((bytes) => modelOf(bytes, nameOf(this.#source)))
      .catch((error: unknown) => {
        this.#model = undefined;
        throw error;
      });
    return this.#model;
  }

  async open(messages: readonly Message[], options: SendOptions): Promise<Writer> {
    const { tokenizer, weights } = await this.load();
    return new Generation(tokenizer, weights, promptOf(messages, tokenizer, weights.shape.context), options);
  }
}
