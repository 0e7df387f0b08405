/**
 * The answer to each request: its reply, a count of tokens, or a refusal in the words of the provider. The path of the
 * request decides about the wire format.
 */

import { checkScript, checkScripts } from "../check-script.ts";
import { anthropicWire } from "./anthropic-wire.ts";
import { chatWire } from "./chat-wire.ts";
import type { Delivery } from "./delivery.ts";
import { geminiWire } from "./gemini-wire.ts";
import { ollamaWire } from "./ollama-wire.ts";
import type { ProviderRequest } from "./received-requests.ts";
import { recordedText } from "./recording.ts";
import { type ServerReply, sendRecording, sendScript } from "./replies.ts";
import { responsesWire } from "./responses-wire.ts";
import { objectOr } from "./rules.ts";
import { type CountingWire, tokensOf } from "./token-counts.ts";
import type { Wire, WireRequest } from "./wire.ts";

const WIRES: readonly Wire[] = [chatWire, responsesWire, anthropicWire, geminiWire, ollamaWire];

/** The fields of which a reply has one. */
const REPLY_WORDS = ["text", "steps", "refusal", "body"];

const JSON_HEADERS = { "content-type": "application/json" };

/** The replies of a server: an array in order, or a function of the request. */
export type ServerReplies =
  | readonly ServerReply[]
  | ((request: ProviderRequest) => ServerReply | PromiseLike<ServerReply>);

/** How requests are answered; the fields are those of `ProviderServerOptions`. */
export interface AnswerOptions {
  readonly pace: number;
  readonly usageUnasked: boolean;
  readonly strict: boolean;
  readonly countTokens: ((request: ProviderRequest) => number) | false | undefined;
}

/** Answers the requests of one server. */
export class Answers {
  readonly #replies: ServerReplies;
  readonly #options: AnswerOptions;
  readonly #signatures: WireRequest["signatures"] = new Map();
  readonly #recorded: WireRequest["recorded"] = new Map();

  /** @throws {TypeError} when a reply has no `text`, `steps`, `refusal` or `body` */
  constructor(replies: ServerReplies, options: AnswerOptions) {
    checkScripts(replies, REPLY_WORDS);
    this.#replies = replies;
    this.#options = options;
  }

  /** Sends the reply to a request. */
  async reply(request: ProviderRequest, delivery: Delivery): Promise<void> {
    const { strict, pace } = this.#options;
    const reply = await this.#replyTo(request);
    const { pathname: path, searchParams: query } = new URL(request.path, "http://127.0.0.1");
    const wire = WIRES.find((candidate) => candidate.serves(path));
    const wireRequest = this.#wireRequest(request, { path, query, body: request.body });
    const refuse = (status: number, message: string): Promise<void> =>
      sendScript({ refusal: { status, message } }, wire ?? chatWire, wireRequest, delivery, pace);
    if (strict && !wire?.path.test(path)) return refuse(404, `There is nothing at ${path}.`);
    const fault = strict ? wire?.fault(wireRequest) : undefined;
    if (fault !== undefined) return refuse(400, fault);
    if ("body" in reply) {
      if (strict) wire?.note?.(wireRequest, recordedText(reply));
      return sendRecording(reply, delivery);
    }
    if (wire) return sendScript(reply, wire, wireRequest, delivery, pace);
    return refuse(404, `The loopback server knows no wire format for ${path}.`);
  }

  /** Sends the number of a request's tokens. */
  async count(request: ProviderRequest, { wire, ...counting }: CountingWire, delivery: Delivery): Promise<void> {
    const { strict, pace, countTokens } = this.#options;
    const { path } = request;
    const body = objectOr(request.body);
    const wireRequest = this.#wireRequest(request, {
      path,
      query: new URLSearchParams(),
      body: counting.counted(body),
    });
    const fault = strict ? (counting.fault(body) ?? wire.fault(wireRequest)) : undefined;
    const missing = countTokens === false ? { status: 404, message: `There is nothing at ${path}.` } : undefined;
    const refusal = missing ?? (fault === undefined ? undefined : { status: 400, message: fault });
    if (refusal) return sendScript({ refusal }, wire, wireRequest, delivery, pace);
    const tokens = countTokens ? countTokens(request) : tokensOf(request.body);
    return sendRecording({ body: JSON.stringify(counting.answer(tokens)), headers: JSON_HEADERS }, delivery);
  }

  async #replyTo(request: ProviderRequest): Promise<ServerReply> {
    const replies = this.#replies;
    const reply = typeof replies === "function" ? await replies(request) : replies[request.index];
    if (reply !== undefined) {
      checkScript(reply, REPLY_WORDS, "A reply");
      return reply;
    }
    const message = `Request ${request.index + 1} has no reply: the server was given ${replies.length}.`;
    return { refusal: { status: 400, message } };
  }

  #wireRequest({ index }: ProviderRequest, line: Pick<WireRequest, "path" | "query" | "body">): WireRequest {
    const { usageUnasked } = this.#options;
    return { index, ...line, usageUnasked, signatures: this.#signatures, recorded: this.#recorded };
  }
}
