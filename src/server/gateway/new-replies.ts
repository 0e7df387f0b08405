/** The replies that programs ask for. Each is a run of its own, which their wire shows as it grows or in one piece. */

import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import type { GatewayReply, GatewayRequest, GatewayWire } from "../../dialects/gateway/dialect.ts";
import { Refusal } from "../../dialects/refusal.ts";
import { estimateRequestTokens } from "../../tokens/request-estimate.ts";
import type { Feed } from "../feed/feed.ts";
import type { Answer } from "../http/handler.ts";
import { within } from "../log/log-deadline.ts";
import type { Run } from "../run/run.ts";
import type { RunHost } from "../run/run-host.ts";
import { bodyAnswer, streamAnswer } from "./answer.ts";
import type { GatewayCall } from "./call.ts";
import { endOf } from "./end-of-run.ts";
import { answerSoFar, type KeptReplies } from "./kept-replies.ts";
import { type GatewayModel, unknownModel } from "./models.ts";
import type { GatewaySettings } from "./options.ts";
import type { ReplayMemory } from "./replay-memory.ts";

/** The parts of a gateway that new replies need. */
export interface NewReplyParts {
  readonly settings: GatewaySettings;
  readonly host: RunHost;
  /** The replies that a new one may continue. */
  readonly kept: KeptReplies;
  readonly replays: ReplayMemory;
}

/** Begins replies, and answers with them. */
export class NewReplies {
  readonly #settings: GatewaySettings;
  readonly #host: RunHost;
  readonly #kept: KeptReplies;
  readonly #replays: ReplayMemory;

  constructor({ settings, host, kept, replays }: NewReplyParts) {
    this.#settings = settings;
    this.#host = host;
    this.#kept = kept;
    this.#replays = replays;
  }

  /** Begins the reply to a request, and answers with it. */
  async answer(asked: GatewayRequest, call: GatewayCall): Promise<Answer> {
    const { models, relay } = this.#settings;
    const { request, caller, id } = call;
    const model = models.choose(asked.model);
    if (!model) throw asked.model === undefined ? noModel() : unknownModel(asked.model);
    const { kept, wire } = asked;
    const conversation = await this.#kept.conversation(asked, caller);
    const messages = this.#replays.restored(caller.user, withInstructions(asked, conversation));
    const start = {
      run: id,
      chat: id,
      turn: { type: "messages", messages },
      options: this.#optionsOf(asked.options),
      ...(model.key !== undefined && { model: model.key }),
      ...(kept ? { kept: { ...kept, model: model.name, messages: conversation } } : { isUnstored: true }),
    } as const;
    const run = await this.#host.start(start, caller);
    if (!run) throw new Refusal(503, "server", "The reply is being written elsewhere.");
    const reply = replyOf({ ...asked, messages }, model, run);
    const isBackground = kept?.isBackground === true;
    if (!asked.isStreamed && isBackground) return bodyAnswer(answerSoFar(run.feed, reply, wire), id);
    if (!asked.isStreamed) return this.#complete(run.feed, wire, reply, call);
    await opened(run, isBackground ? undefined : request.signal, relay.headersWithinMs);
    const { end, last } = run.feed;
    if (end?.type === "failed" && !last) throw SendError.from(end.error);
    return streamAnswer({ feed: run.feed, wire, reply, host: this.#host }, call);
  }

  /** Resolves with the client's own count of a request's tokens, if there is one; else with an estimate. */
  async countTokens(asked: GatewayRequest, { caller, request }: GatewayCall): Promise<number> {
    const { model, options } = asked;
    const { client } = this.#settings.models.choose(model) ?? {};
    const given = withInstructions(asked, await this.#kept.conversation(asked, caller));
    const messages = this.#replays.restored(caller.user, given);
    const own = { ...this.#optionsOf(options), signal: request.signal };
    const count = await client?.countTokens?.(messages, own).catch(() => undefined); // an estimate is better than none
    return count?.inputTokens ?? estimateRequestTokens(given, options);
  }

  #optionsOf(given: SendOptions): SendOptions {
    const { maxOutputTokens } = this.#settings.relay.policy.limits;
    const most = Math.min(given.maxOutputTokens ?? Infinity, maxOutputTokens ?? Infinity);
    return {
      unsupported: this.#settings.unsupported,
      invalidArguments: "deliver", // the program answers for its tools
      invalidOutput: "deliver", // and reads a reply that a limit cut
      ...given,
      ...(most < Infinity && { maxOutputTokens: most }),
    };
  }

  async #complete(feed: Feed, wire: GatewayWire, reply: GatewayReply, { request, id }: GatewayCall): Promise<Response> {
    const end = await endOf(feed, request.signal).catch(() => {
      throw new Refusal(503, "aborted", "The caller has left.");
    });
    if (end?.type === "complete") {
      return bodyAnswer(wire.soFar ? answerSoFar(feed, reply, wire) : wire.complete(end.message, reply), id);
    }
    if (feed.end?.type === "failed") throw SendError.from(feed.end.error);
    throw new SendError("truncated", "The reply continues in another process.");
  }
}

/**
 * Resolves when the run is open or over, or after so many milliseconds.
 * @param signal fires when the caller leaves, which ends the run
 */
async function opened(run: Run, signal: AbortSignal | undefined, ms: number): Promise<void> {
  const leave = (): void => run.stop("unwatched");
  signal?.addEventListener("abort", leave, { once: true });
  await within(run.opened, ms).catch(() => undefined);
  signal?.removeEventListener("abort", leave);
}

function withInstructions({ instructions }: GatewayRequest, conversation: readonly Message[]): readonly Message[] {
  return instructions === undefined ? conversation : [{ role: "system", content: instructions }, ...conversation];
}

function replyOf(asked: GatewayRequest, { name }: GatewayModel, { head }: Run): GatewayReply {
  const { id, startedAt, kept } = head;
  let tokens: number | undefined;
  return {
    id,
    model: name,
    createdAt: Math.floor(startedAt / 1000),
    ...(kept && { memo: kept.memo }),
    get inputTokens() {
      tokens ??= estimateRequestTokens(asked.messages, asked.options);
      return tokens;
    },
  };
}

function noModel(): Refusal {
  return new Refusal(400, "invalidRequest", "`model` must be the name of a model.");
}
