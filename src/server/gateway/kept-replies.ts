/** The replies that programs may ask for later: watched again, fetched, stopped, deleted, and continued. */

import type { AssistantMessage, AssistantTurn, Message } from "../../contract/message.ts";
import type { DialectBody } from "../../dialects/dialect.ts";
import type { GatewayReply, GatewayRequest, GatewayWire, ReplyReferences } from "../../dialects/gateway/dialect.ts";
import { isRunId } from "../../dialects/ids.ts";
import { notFound, Refusal } from "../../dialects/refusal.ts";
import type { Feed } from "../feed/feed.ts";
import { EncodedWire } from "../feed/viewer-wire.ts";
import type { KeptRun, RunHead } from "../log/log.ts";
import type { Caller } from "../policy/policy-options.ts";
import type { RunHost } from "../run/run-host.ts";

/** The head of a run that is kept. */
export type KeptHead = RunHead & { readonly kept: KeptRun };

/** Finds kept replies, and answers with them. */
export class KeptReplies {
  readonly #host: RunHost;

  constructor(host: RunHost) {
    this.#host = host;
  }

  /** @throws {Refusal} 404 when there is no such reply, it is not kept, or another user's */
  async head(id: string, caller: Caller): Promise<KeptHead> {
    if (!isRunId(id)) throw notFound();
    const head = await this.#host.head(id, caller);
    const { kept } = head;
    if (!kept) throw notFound();
    return { ...head, kept };
  }

  /**
   * Resolves with the conversation that a request continues, and its own messages.
   * @throws {Refusal} 400 when the earlier reply is gone, is still being written, or has failed
   */
  async conversation(asked: GatewayRequest, caller: Caller): Promise<readonly Message[]> {
    const { previous, references, wire } = asked;
    const messages = references
      ? references.messagesWith(await this.#answers(references, wire, caller))
      : asked.messages;
    if (previous === undefined) return messages;
    const head = await this.head(previous, caller).catch(undefinedIfGone);
    if (!head) throw previousGone();
    const { end } = await this.#host.soFar(head);
    if (!end) throw previousUnfit("is still being written. Wait for its end, or cancel it.");
    if (end.type === "failed") throw previousUnfit("has failed. Continue the one before it.");
    return [...head.kept.messages, ...turnsOf(end.message), ...messages];
  }

  /** Resolves with the replies that are kept. */
  async #answers({ replies }: ReplyReferences, wire: GatewayWire, caller: Caller): Promise<readonly DialectBody[]> {
    const answers = replies.map(async (id) => {
      const head = await this.head(id, caller).catch(undefinedIfGone);
      return head && this.answer(head, wire);
    });
    return (await Promise.all(answers)).filter((answer) => answer !== undefined);
  }

  /** Resolves with a reply as far as it is written, as an answer of its API. */
  async answer(head: KeptHead, wire: GatewayWire): Promise<DialectBody> {
    return answerSoFar(await this.#host.soFar(head), keptReply(head), wire);
  }

  /** Stops a reply, wherever it is written. Resolves when it has ended, or a moment later. */
  async stop(head: KeptHead, caller: Caller): Promise<void> {
    await this.#host.stop(head.id, caller, head.id);
  }

  async forget(head: KeptHead, caller: Caller): Promise<void> {
    await this.stop(head, caller);
    await this.#host.forget(head.id);
  }
}

/** Returns a reply as far as a feed has it, as an answer of its API. */
export function answerSoFar(feed: Feed, reply: GatewayReply, wire: GatewayWire): DialectBody {
  const soFar = wire.soFar?.(reply);
  if (!soFar) throw notFound();
  const shown = new EncodedWire(feed, soFar);
  while (shown.next()); // nothing is sent
  shown.end();
  return soFar.body();
}

/** Returns the facts of a kept reply, the same on every connection. */
export function keptReply({ id, startedAt, kept }: KeptHead): GatewayReply {
  return { id, model: kept.model, createdAt: Math.floor(startedAt / 1000), memo: kept.memo };
}

/** A reply that was stopped before its first word says nothing. */
function turnsOf(message: AssistantMessage): readonly AssistantTurn[] {
  const { content, toolCalls, media = [], replay, interrupted } = message;
  if (content === "" && toolCalls.length + media.length === 0) return [];
  return [
    {
      role: "assistant",
      content,
      ...(toolCalls.length > 0 && { toolCalls }),
      ...(media.length > 0 && { media }),
      ...(replay && { replay }),
      ...(interrupted && { interrupted }),
    },
  ];
}

/** @throws the error, unless it says that there is no such reply */
function undefinedIfGone(error: unknown): undefined {
  if (!(error instanceof Refusal && error.status === 404)) throw error;
}

function previousGone(): Refusal {
  const message = "The previous response is not here: it has expired, was not stored, or never was.";
  return new Refusal(400, "invalidRequest", `${message} Send the complete conversation.`, { code: PREVIOUS_GONE });
}

const PREVIOUS_GONE = "previous_response_not_found";

function previousUnfit(what: string): Refusal {
  return new Refusal(400, "invalidRequest", `The previous response ${what}`);
}
