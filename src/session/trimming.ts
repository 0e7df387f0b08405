/** Limits the tokens of one request: selects the latest exchanges that fit. */

import { SendError } from "../contract/errors.ts";
import type { Message, SystemMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { estimateMediaTokens } from "../stream/media-collector.ts";
import { attachedTextOf, isAttachedText } from "../tokens/attached-text.ts";
import { createTokenCounter, type TokenCounter } from "../tokens/estimate.ts";
import { schemaTexts } from "../tokens/request-estimate.ts";
import { latestExchanges } from "./history.ts";

/** Tokens of a message in addition to its text, at OpenAI; other providers are similar. */
const TOKENS_PER_MESSAGE = 4;
/**
 * Rough tokens of an image or a page: 258 at Gemini, up to 1,600 at Claude. A counter counts text only, which includes
 * inline text files: models read them as text.
 */
const TOKENS_PER_ATTACHMENT = 1_000;
/** The share that the reply reserves when the call has no `maxOutputTokens`. */
const REPLY_SHARE = 0.25;
/** The share of the budget from which on a request is near its limit. The estimate is mostly within 20 %. */
const NEAR_SHARE = 0.8;

/**
 * The messages of a request and their estimated tokens. The estimate is absent when it cannot calibrate the counter.
 */
export interface Fitted {
  readonly messages: readonly Message[];
  readonly estimatedTokens?: number;
  /** The estimate of a request that nearly fills its budget, or that left out exchanges. Absent: there is room. */
  readonly tokensNearLimit?: number;
}

/** Limits requests to a number of tokens, by a counter. */
export class TokenBudget {
  readonly maxTokens: number;
  /** Whether the provider counts the requests that are near the limit. */
  readonly asksProvider: boolean;
  readonly #counter: TokenCounter;
  /** Each message is counted once, until the counter is calibrated. */
  #counts = new WeakMap<Message, number>();
  /** An error of `calibrate`, which the next `fit` throws: no caller waits when it happens. */
  #fault: { readonly error: unknown } | undefined;

  constructor(maxTokens: number, counter: TokenCounter | "provider" | undefined) {
    this.maxTokens = maxTokens;
    this.asksProvider = counter === "provider";
    this.#counter = counter === undefined || counter === "provider" ? createTokenCounter() : counter;
  }

  /**
   * Returns the latest exchanges that fit, with room for the reply. The last exchange may use that room, unless
   * `maxOutputTokens` reserves it.
   * @param correction the factor between the provider's tokens and the counter's, where the provider has counted
   * @throws {SendError} kind `contextLength` when even the last exchange alone does not fit, `invalidRequest` when the
   * counter returns no valid count
   */
  fit(
    system: readonly SystemMessage[],
    conversation: readonly Message[],
    options: SendOptions,
    correction = 1,
  ): Fitted {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault) throw fault.error;
    const { maxOutputTokens, search } = options;
    const tokensOf = (message: Message) => this.#tokensOf(message) * correction;
    const schemas = sumOf(schemaTexts(options).map((text) => this.#count(text)));
    const fixed = schemas * correction + sumOf(system.map(tokensOf));
    const room = maxOutputTokens ?? Math.floor(this.maxTokens * REPLY_SHARE);
    const { messages, cost } = latestExchanges(conversation, this.maxTokens - room - fixed, tokensOf);
    const limit = this.maxTokens - (maxOutputTokens ?? 0);
    // The provider knows what attachments cost, and whether it takes them: a guess refuses none.
    const counted = fixed + cost - sumOf(messages.map(attachmentTokensOf)) * correction;
    if (counted > limit) {
      const reply = maxOutputTokens === undefined ? "" : ` less the ${maxOutputTokens} of \`maxOutputTokens\``;
      const message =
        `The system prompt and this turn alone have about ${Math.round(counted)} tokens, and \`maxTokens\` is ` +
        `${this.maxTokens}${reply}: shorten them, or raise it.`;
      throw new SendError("contextLength", message);
    }
    // A search is billed with its results, and the cost of an attachment is a guess: neither can calibrate the counter.
    const searches = search !== undefined && search.mode !== "off";
    const comparable = !searches && !messages.some((message) => attachmentsOf(message) > 0);
    const isNear = messages.length < conversation.length || fixed + cost > (this.maxTokens - room) * NEAR_SHARE;
    const estimated = (fixed + cost) / correction;
    return {
      messages: [...system, ...messages],
      ...(comparable && { estimatedTokens: estimated }),
      ...(isNear && { tokensNearLimit: estimated }),
    };
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

function countedText(message: Message): string {
  switch (message.role) {
    case "system":
    case "tool":
      return message.content;
    case "user":
      if (typeof message.content === "string") return message.content;
      return message.content.map(attachedTextOf).join("\n");
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

/** Returns how many parts of a message have a guessed cost. */
function attachmentsOf(message: Message): number {
  if (message.role === "assistant") return message.media?.length ?? 0;
  if (message.role !== "user" || typeof message.content === "string") return 0;
  return message.content.filter((part) => !isAttachedText(part)).length;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
