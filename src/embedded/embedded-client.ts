/** A client that needs no key and no network. */

import type { SendOptions } from "../contract/options.ts";
import { optionNamesFault } from "../contract/validate.ts";
import { EmbeddedEngine } from "./embedded-engine.ts";
import { LocalClient } from "./local-client.ts";
import { ownWeights, type WeightsSource } from "./weights-file.ts";

/** Options of an `EmbeddedClient`, in addition to the defaults for its calls. All are optional. */
export interface EmbeddedClientOptions extends Omit<SendOptions, "signal"> {
  /**
   * The weights, where they are not next to the module: a file's bytes, or its URL. Default: the toy model of this
   * package. Bundles for an edge runtime pass the bytes of `toy.gguf`.
   */
  readonly weights?: WeightsSource | undefined;
  /** The model's name in messages and metrics. Default `"cloudllm-toy"`. */
  readonly model?: string | undefined;
}

/** The name of our own model. */
const TOY = "cloudllm-toy";

/**
 * A toy language model, inside this process: a real transformer that streams real tokens, offline and without a key. It
 * writes small stories, explains streaming and tokens, and knows nothing else; for tests, examples and the first five
 * minutes.
 *
 * It counts tokens exactly, obeys `maxOutputTokens`, `temperature` (default 0.6), `topP`, `stop` and `seed` (with one,
 * the same question has the same answer), and fails with kind `contextLength` when the conversation fills its context
 * of 512 tokens. Tools, search, thinking, structured output and images are `unsupported`. The weights (0.7 MB) are read
 * at the first call.
 *
 * Small models may fall into a loop and repeat it until the context is full. So no run of up to 32 tokens occurs three
 * times in a row: the last token of the third differs. Temperature 0 is the exception: it always takes the likeliest
 * token.
 *
 * @example
 * ```ts
 * import { EmbeddedClient } from "cloudllm/embedded";
 *
 * export async function tell(): Promise<void> {
 *   const client = new EmbeddedClient();
 *   const stream = await client.sendMessageStream([{ role: "user", content: "Tell me a story about a fox" }]);
 *   for await (const chunk of stream) process.stdout.write(chunk.content);
 * }
 * ```
 */
export class EmbeddedClient extends LocalClient {
  readonly #engine: EmbeddedEngine;

  /** @throws {TypeError} when an option is invalid */
  constructor(options: EmbeddedClientOptions = {}) {
    const unknown = optionNamesFault(options, ["model", "weights"]);
    if (unknown) throw new TypeError(unknown);
    const { weights = ownWeights(), model = TOY, ...defaults } = options;
    if (!(weights instanceof Uint8Array || weights instanceof URL))
      throw new TypeError("`weights` must be the bytes of a GGUF file, or its URL.");
    if (typeof model !== "string" || model.trim() === "") throw new TypeError("`model` must be a name.");
    const engine = new EmbeddedEngine(weights);
    super(model, engine, defaults);
    this.#engine = engine;
  }

  /**
   * Resolves with whether the weights are there, after reading them ahead of the first message. Never rejects: the
   * first message reports the error.
   */
  warm(): Promise<boolean> {
    return this.#engine.load().then(
      () => true,
      () => false,
    );
  }
}
