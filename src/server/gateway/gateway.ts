/** The gateway: programs that speak a provider's own API talk to any client. */

import { SendError } from "../../contract/errors.ts";
import type { GatewayDialect, GatewayRequest, GatewayRoute } from "../../dialects/gateway/dialect.ts";
import { notFound, Refusal } from "../../dialects/refusal.ts";
import { sendErrorOf } from "../../stream/transfer.ts";
import { type Answer, type Asked, handlerOf, headOf, withHeaders } from "../http/handler.ts";
import { isResponse } from "../policy/policy-options.ts";
import { corsHeaders, originRefusal, preflightResponse } from "../request/cors.ts";
import { jsonBodyOf } from "../request/request-body.ts";
import { RunHost } from "../run/run-host.ts";
import { bodyAnswer, streamAnswer } from "./answer.ts";
import type { GatewayCall } from "./call.ts";
import { dialectOf, modelFormsOf } from "./dialects.ts";
import { gatewayError } from "./error-answer.ts";
import { KeptReplies, keptReply } from "./kept-replies.ts";
import { type GatewayModel, unknownModel } from "./models.ts";
import { NewReplies } from "./new-replies.ts";
import { type GatewayOptions, type GatewaySettings, gatewaySettings } from "./options.ts";
import { type Place, placeOf, unknownRoute } from "./place.ts";
import { ReplayMemory } from "./replay-memory.ts";

/** The server of programs. Its functions need no `this`. */
export interface Gateway {
  /** Answers a request. Never rejects. */
  readonly handle: (request: Request) => Promise<Response>;
  /**
   * Ends the gateway: for SIGTERM. New requests are refused with 503. Replies under way have `withinMs` milliseconds;
   * then each ends with an error. Resolves when all have ended.
   */
  readonly drain: (withinMs: number) => Promise<void>;
}

/**
 * Returns a gateway: a web handler to which OpenAI's and Anthropic's own libraries talk, and everything that is built
 * on them. Behind it answers any client: another provider's, a `fallback`, a model of this machine.
 *
 * Routes, each with and without `/v1`: `POST chat/completions`, `POST responses`, `POST responses/input_tokens`, `GET`
 * and `DELETE responses/:id`, `POST responses/:id/cancel`, `POST messages`, `POST messages/count_tokens`,
 * `GET models`, `GET models/:id`. `HEAD` is answered where `GET` is.
 * @throws {TypeError} when `authorize` is missing, there is no client, or an option is unknown or malformed
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { ClaudeClient, ClaudeModel } from "cloudllm";
 * import { bearerKey, createGateway, toNode } from "cloudllm/server";
 *
 * const gateway = createGateway({
 *   client: new ClaudeClient({ model: ClaudeModel.ClaudeSonnet55 }),
 *   authorize: bearerKey("a-long-random-key"),
 * });
 * createServer(toNode(gateway.handle)).listen(8080); // OPENAI_BASE_URL=http://localhost:8080/v1
 * ```
 */
export function createGateway(options: GatewayOptions): Gateway {
  const server = new GatewayServer(gatewaySettings(options));
  return {
    handle: handlerOf((asked) => server.handle(asked)),
    drain: (withinMs) => server.drain(withinMs),
  };
}

/** The headers of the libraries that a page may read. */
const EXPOSED_HEADERS = "x-request-id, request-id, retry-after, retry-after-ms, x-should-retry";

/** A route of a reply that is kept. */
type KeptRoute = Extract<GatewayRoute, { readonly reply: string }>;

/** Admits requests, and leads each to its place. */
class GatewayServer {
  readonly #settings: GatewaySettings;
  readonly #host: RunHost;
  readonly #kept: KeptReplies;
  readonly #replies: NewReplies;

  constructor(settings: GatewaySettings) {
    const { relay } = settings;
    const replays = new ReplayMemory();
    this.#settings = settings;
    this.#host = new RunHost({
      ...relay,
      onRunEnd: (end, run) => {
        if (end.type === "complete") replays.remember(run.owner, end.message);
        relay.onRunEnd(end, run);
      },
    });
    this.#kept = new KeptReplies(this.#host);
    this.#replies = new NewReplies({ settings, host: this.#host, kept: this.#kept, replays });
  }

  async handle(request: Asked): Promise<Answer> {
    const { policy, onError } = this.#settings.relay;
    const id = crypto.randomUUID().replaceAll("-", "");
    let dialect = dialectOf(request.headers);
    let answer: Answer;
    try {
      const place = placeOf(request, this.#settings.path);
      if (place.name === "api") dialect = place.dialect;
      answer = await this.#answer(request, place, dialect, id);
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof SendError)) {
        onError(sendErrorOf(error, "gateway, or a hook of it,"), undefined);
      }
      answer = gatewayError(error, { dialect, requestId: id, describe: policy.describe });
    }
    if (request.method === "HEAD") answer = headOf(answer);
    return withHeaders(answer, corsHeaders(request, policy, EXPOSED_HEADERS));
  }

  drain(withinMs: number): Promise<void> {
    return this.#host.drain(withinMs);
  }

  async #answer(request: Asked, place: Place, dialect: GatewayDialect, id: string): Promise<Answer> {
    const { policy } = this.#settings.relay;
    if (place.name === "preflight") {
      // A listed page may send any header: the libraries add some of their own (`x-stainless-…`).
      return preflightResponse(request, policy, request.headers.get("access-control-request-headers") ?? undefined);
    }
    const refusal = originRefusal(request, policy);
    if (refusal) throw refusal;
    const caller = await policy.authorize(request);
    if (caller && isResponse(caller)) return caller;
    if (!caller) throw new Refusal(401, "authentication", "The key is missing or wrong.");
    const call = { request, dialect, caller, id };
    switch (place.name) {
      case "unknown":
        throw unknownRoute(request);
      case "models":
        return this.#models(place.model, call);
      case "api":
        return this.#api(place.route, call);
    }
  }

  #models(name: string | undefined, { request, id }: GatewayCall): Response {
    const { models } = this.#settings;
    const forms = modelFormsOf(request.headers);
    if (name === undefined) return bodyAnswer(forms.list(models.list.map(listed)), id);
    const model = models.find(name);
    if (!model) throw unknownModel(name);
    return bodyAnswer(forms.model(listed(model)), id);
  }

  async #api(route: GatewayRoute, call: GatewayCall): Promise<Answer> {
    switch (route.name) {
      case "reply":
        return this.#replies.answer(await this.#decoded(call), call);
      case "countTokens": {
        const asked = await this.#decoded(call);
        if (!call.dialect.tokens) throw unknownRoute(call.request);
        return bodyAnswer(call.dialect.tokens(await this.#replies.countTokens(asked, call)), call.id);
      }
      default:
        return this.#keptReply(route, call);
    }
  }

  async #keptReply(route: KeptRoute, call: GatewayCall): Promise<Answer> {
    const { caller, id } = call;
    const { wire } = route;
    const head = await this.#kept.head(route.reply, caller);
    if (route.name === "attach" && route.isStreamed) {
      const feed = await this.#host.feed(head.id, caller);
      this.#host.mustHaveRoom(feed, false); // the libraries do not come back by themselves
      return streamAnswer({ feed, wire, reply: keptReply(head), host: this.#host }, call);
    }
    if (route.name === "forget") {
      await this.#kept.forget(head, caller);
      if (!wire.forgotten) throw notFound();
      return bodyAnswer(wire.forgotten(head), id);
    }
    if (route.name === "stop") await this.#kept.stop(head, caller);
    return bodyAnswer(await this.#kept.answer(head, wire), id);
  }

  async #decoded({ request, dialect }: GatewayCall): Promise<GatewayRequest> {
    return dialect.decode(await jsonBodyOf(request, this.#settings.relay.policy.limits), request.headers);
  }
}

function listed({ name, client }: GatewayModel): { readonly name: string; readonly provider: string } {
  return { name, provider: client.provider };
}
