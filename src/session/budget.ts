/** How much of a conversation goes into one request. */

import { SendError } from "../contract/errors.ts";
import type { Message, SystemMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { JsonSchema, Schema } from "../contract/schema.ts";
import { optionsFault } from "../contract/validate.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import { estimateMediaTokens } from "../stream/media-collector.ts";
import type { TokenCounter } from "../tokens/estimate.ts";
import { latestExchanges } from "./history.ts";

/** What a message costs beside its text, at OpenAI; others are alike. */
const TOKENS_PER_MESSAGE = 4;
/** What an image or a page costs, roughly: 258 at Gemini, up to 1 600 at Claude. A counter knows text only. */
const TOKENS_PER_ATTACHMENT = 1_000;
/** Kept free for the reply when the call does not say how long it may be. */
const REPLY_SHARE = 0.25;

/** What is sent, and how many tokens we think it has; absent where that says nothing about the counter. */
export interface Fitted {
  readonly messages: readonly Message[];
  readonly estimatedTokens?: number;
}

/** A limit in tokens, and the counter that tells what takes how much of it. */
export class TokenBudget {
  readonly maxTokens: number;
  readonly #counter: TokenCounter;
  /** Each message is counted once, until the counter has learned something. */
  #counts = new WeakMap<Message, number>();
  /** A counter that could not learn, at a moment when nobody was there to be told. */
  #fault: { readonly error: unknown } | undefined;

  constructor(maxTokens: number, counter: TokenCounter) {
    this.maxTokens = maxTokens;
    this.#counter = counter;
  }

  /**
   * The latest exchanges that fit, and room for the reply beside them. The last exchange may use that room, unless
   * `maxOutputTokens` claims it.
   * @throws {SendError} kind `contextLength` when even the last exchange alone does not fit, `invalidRequest` when the
   * counter does not count
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
    // A search is billed with what it found, and an attachment's cost is a guess: neither teaches the counter anything.
    const searches = search !== undefined && search.mode !== "off";
    const comparable = !searches && !messages.some((message) => attachmentsOf(message) > 0);
    return { messages: [...system, ...messages], ...(comparable && { estimatedTokens: fixed + cost }) };
  }

  /** What the provider counted for a request that was thought to have so many. Never throws: the next `fit` does. */
  learn(estimatedTokens: number, inputTokens: number): void {
    if (!this.#counter.calibrate) return;
    try {
      this.#counter.calibrate(estimatedTokens, inputTokens);
    } catch (error) {
      this.#fault = { error };
    }
    this.#counts = new WeakMap();
  }

  /** A count that is none would let everything pass. */
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
    const tokens = this.#count(textOf(message)) + TOKENS_PER_MESSAGE + attachmentTokensOf(message);
    this.#counts.set(message, tokens);
    return tokens;
  }
}

/**
 * What is sent beside the messages, as it is sent: a schema library's objects are another thing, and may hold
 * themselves.
 */
function schemasOf({ tools, output }: SendOptions): readonly string[] {
  if (optionsFault({ tools, output })) return []; // the client's to refuse
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
    return {}; // a client that has to send it says what is wrong with it
  }
}

function textOf(message: Message): string {
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
