/** A prompt → an answer, token by token. */

import type { FinishReason } from "../contract/finish-reason.ts";
import type { SendOptions } from "../contract/options.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { withoutLoops } from "./loop-guard.ts";
import { createSampler, type Sampler } from "./sampler.ts";
import { StopTexts } from "./stop-texts.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { Transformer } from "./transformer.ts";
import type { Weights } from "./weights.ts";
import type { Step, Writer } from "./writer.ts";

/** Lively, and still in whole sentences. */
const DEFAULT_TEMPERATURE = 0.6;

/** Prompt tokens in one step: as long as a few tokens of an answer, so that others in this thread do not wait. */
const PROMPT_STEP = 8;

/** Writes one reply. */
export class Generation implements Writer {
  readonly #tokenizer: Tokenizer;
  readonly #transformer: Transformer;
  readonly #context: number;
  readonly #prompt: readonly number[];
  readonly #limit: number;
  readonly #sample: Sampler;
  readonly #decode: (id: number) => string;
  readonly #stops: StopTexts;
  #written = 0;

  constructor(tokenizer: Tokenizer, weights: Weights, prompt: readonly number[], options: SendOptions) {
    const {
      maxOutputTokens = Number.POSITIVE_INFINITY,
      temperature = DEFAULT_TEMPERATURE,
      topP = 1,
      seed,
      stop = [],
    } = options;
    this.#tokenizer = tokenizer;
    this.#transformer = new Transformer(weights);
    this.#context = weights.shape.context;
    this.#prompt = prompt;
    this.#limit = maxOutputTokens;
    const sample = createSampler({ temperature, topP, seed });
    this.#sample = temperature === 0 ? sample : withoutLoops(sample);
    this.#decode = tokenizer.createDecoder();
    this.#stops = new StopTexts(stop);
  }

  /** Returns the exact counts at any moment. The token that ends a turn is not counted: it is not shown. */
  get usage(): TokenUsage {
    const [inputTokens, outputTokens] = [this.#prompt.length, this.#written];
    return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  }

  write(): Step {
    const unread = this.#prompt.slice(this.#transformer.length, this.#transformer.length + PROMPT_STEP);
    if (unread.length > 0) {
      for (const token of unread) this.#transformer.read(token);
      return { text: "" };
    }
    const token = this.#sample(this.#transformer.scores());
    if (token === this.#tokenizer.end) return this.#end("stop");
    this.#written += 1;
    const { text, stopped } = this.#stops.push(this.#decode(token));
    if (stopped) return { text, finishReason: "stop" };
    if (this.#written >= this.#limit || this.#transformer.length >= this.#context) return this.#end("length", text);
    this.#transformer.read(token);
    return { text };
  }

  #end(finishReason: FinishReason, text = ""): Step {
    return { text: text + this.#stops.rest(), finishReason };
  }
}
