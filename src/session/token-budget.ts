/** Limits the tokens of one request: selects the latest exchanges that fit. */

import { SendError } from "../contract/errors.ts";
import type { Message, SystemMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { JsonSchema, Schema } from "../contract/schema.ts";
import { optionsFault } from "../contract/validate.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import { estimateMediaTokens } from "../stream/media-collector.ts";
import type { TokenCounter } from "../tokens/estimate.ts";
import { latestExchanges } from "./history.ts";

/** Tokens of a message in addition to its text, at OpenAI; other providers are similar. */
const TOKENS_PER_MESSAGE = 4;
/** Rough tokens of an image or a page: 258 at Gemini, up to 1,600 at Claude. A counter counts text only. */
const TOKENS_PER_ATTACHMENT = 1_000;
/** The share that the reply reserves when the call has no `maxOutputTokens`. */
const REPLY_SHARE = 0.25;

/**
 * The messages of a request and their estimated tokens. The estimate is absent when it cannot calibrate the counter.
 */
export interface Fitted {
  readonly messages: readonly Message[];
  readonly estimatedTokens?: number;
}

/** Limits requests to a number of tokens, by a counter. */
export class TokenBudget {
  readonly maxTokens: number;
  readonly #counter: TokenCounter;
  /** Each message is counted once, until the counter is calibrated. */
  #counts = new WeakMap<Message, number>();
  /** An error of `calibrate`, which the next `fit` throws: no caller waits when it happens. */
  #fault: { readonly error: unknown } | undefined;

  constructor(maxTokens: number, counter: TokenCounter) {
    this.maxTokens = maxTokens;
    this.#counter = counter;
  }

  /**
   * Returns the latest exchanges that fit, with room for the reply. The last exchange may use that room, unless
   * `maxOutputTokens` reserves it.
   * @throws {SendError} kind `contextLength` when even the last exchange alone does not fit, `invalidRequest` when the
   * counter returns no valid count
   */
  fit(system: readonly SystemMessage[], conversation: readonly Message[], options: SendOptions): Fitted {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault) throw fault.error;
    const { maxOutputTokens, search } = options;
    const tokensOf = (message: Message) => this.#tokensOf(message);
    const fixed = sumOf(schemasOf(options).map((text) => this.#count(text))) + sumOf(system.map(tokensOf));
    const room = maxOutputTokens ?? Math.floor(this.maxTokens * REPLY_SHARE);
    const { messages, cost } = latestExchanges(conversation, this.maxTokens - room - fixed, tokensOf);
    const limit = this.maxTokens - (maxOutputTokens ?? 0);
    if (fixed + cost > limit) {
      const reply = maxOutputTokens === undefined ? "" : ` less the ${maxOutputTokens} of \`maxOutputTokens\``;
      const message =
        `The system prompt and this turn alone have about ${fixed + cost} tokens, and \`maxTokens\` is ` +
        `${this.maxTokens}${reply}: shorten them, or raise it.`;
      throw new SendError("contextLength", message);
    }
    // A search is billed with its results, and the cost of an attachment is a guess: neither can calibrate the counter.
    const searches = search !== undefined && search.mode !== "off";
    const comparable = !searches && !messages.some((message) => attachmentsOf(message) > 0);
    return { messages: [...system, ...messages], ...(comparable && { estimatedTokens: fixed + cost }) };
  }

  /**
   * Calibrates the counter by the count that the provider reported for a request. Never throws: the next `fit` does.
   */
  learn(estimatedTokens: number, inputTokens: number): void {
    if (!this.#counter.calibrate) return;
    try {
      this.#counter.calibrate(estimatedTokens, inputTokens);
    } catch (error) {
      this.#fault = { error };
    }
    this.#counts = new WeakMap();
  }

  /** Validates the count: an invalid one would let every request pass. */
  #count(text: string): number {
    const tokens: unknown = this.#counter.count(text);
    if (typeof tokens === "number" && tokens >= 0) return tokens;
    throw new SendError(
      "invalidRequest",
      `The \`counter\` counted ${String(tokens)} tokens: it must give a number, 0 or more.`,
    );
  }

  #tokensOf(message: Message): number {
    const known = this.#counts.get(message);
    if (known !== undefined) return known;
    const tokens = this.#count(countedText(message)) + TOKENS_PER_MESSAGE + attachmentTokensOf(message);
    this.#counts.set(message, tokens);
    return tokens;
  }
}

/**
 * Returns the schemas of a request as they are sent: the objects of a schema library are different, and may be
 * circular.
 */
function schemasOf({ tools, output }: SendOptions): readonly string[] {
  if (optionsFault({ tools, output })) return []; // the client refuses them
  const functions = (tools ?? []).map(({ name, description, parameters }) => {
    return { name, description, parameters: parameters && plainSchema(parameters) };
  });
  const sent = [...(functions.length > 0 ? [functions] : []), ...(output ? [plainSchema(output)] : [])];
  return sent.map((value) => JSON.stringify(value));
}

function plainSchema(schema: Schema): JsonSchema {
  try {
    return jsonSchemaOf(schema, "this request");
  } catch {
    return {}; // the client that sends it reports the fault
  }
}

function countedText(message: Message): string {
  switch (message.role) {
    case "system":
    case "tool":
      return message.content;
    case "user":
      if (typeof message.content === "string") return message.content;
      return message.content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
    case "assistant": {
      const calls = message.toolCalls ?? [];
      return message.content + calls.map((call) => call.name + JSON.stringify(call.arguments)).join("");
    }
  }
}

function attachmentTokensOf(message: Message): number {
  if (message.role !== "assistant") return attachmentsOf(message) * TOKENS_PER_ATTACHMENT;
  return Math.ceil(sumOf((message.media ?? []).map(estimateMediaTokens)));
}

function attachmentsOf(message: Message): number {
  if (message.role === "assistant") return message.media?.length ?? 0;
  if (message.role !== "user" || typeof message.content === "string") return 0;
  return message.content.filter((part) => part.type !== "text").length;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
