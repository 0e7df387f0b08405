/** The gateway: programs that speak a provider's own API talk to any client. */

import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import type { DialectBody } from "../../dialects/dialect.ts";
import type {
  GatewayDialect,
  GatewayReply,
  GatewayRequest,
  GatewayRoute,
  GatewayWire,
} from "../../dialects/gateway/dialect.ts";
import { notFound, Refusal } from "../../dialects/refusal.ts";
import { sendErrorOf } from "../../stream/transfer.ts";
import { estimateRequestTokens } from "../../tokens/request-estimate.ts";
import type { Feed } from "../feed/feed.ts";
import { Viewer } from "../feed/viewer.ts";
import { EncodedWire } from "../feed/viewer-wire.ts";
import { type Answer, type Asked, handlerOf, type Shown, withHeaders } from "../http/handler.ts";
import { within } from "../log/log-deadline.ts";
import { type Caller, isResponse } from "../policy/policy-options.ts";
import { corsHeaders, originRefusal, preflightResponse } from "../request/cors.ts";
import { jsonBodyOf } from "../request/request-body.ts";
import type { Run } from "../run/run.ts";
import { RunHost } from "../run/run-host.ts";
import { endOf } from "./complete-reply.ts";
import { dialectOf, gatewayRouteOf, modelFormsOf } from "./dialects.ts";
import { answerHeaders, gatewayError } from "./error.ts";
import { answerSoFar, KeptReplies, keptReply } from "./kept-replies.ts";
import type { GatewayModel } from "./models.ts";
import { type GatewayOptions, type GatewaySettings, gatewaySettings } from "./options.ts";
import { pathOf } from "./path.ts";
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
 * `GET models`, `GET models/:id`.
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

/** One request, and who makes it. */
interface Call {
  readonly request: Asked;
  readonly dialect: GatewayDialect;
  readonly caller: Caller;
  /** The gateway's own id of the request, and of the run that answers it. */
  readonly id: string;
}

/** A route of a reply that was asked for earlier. */
type LaterRoute = Extract<GatewayRoute, { readonly reply: string }>;

type Place =
  | { readonly name: "preflight" | "unknown" }
  | { readonly name: "models"; readonly model: string | undefined }
  | { readonly name: "api"; readonly dialect: GatewayDialect; readonly route: GatewayRoute };

class GatewayServer {
  readonly #settings: GatewaySettings;
  readonly #host: RunHost;
  readonly #kept: KeptReplies;
  readonly #replays = new ReplayMemory();

  constructor(settings: GatewaySettings) {
    const { relay } = settings;
    this.#settings = settings;
    this.#host = new RunHost({
      ...relay,
      onRunEnd: (end, run) => {
        if (end.type === "complete") this.#replays.remember(run.owner, end.message);
        relay.onRunEnd(end, run);
      },
    });
    this.#kept = new KeptReplies(this.#host);
  }

  async handle(request: Asked): Promise<Answer> {
    const { policy, onError } = this.#settings.relay;
    const id = crypto.randomUUID().replaceAll("-", "");
    let dialect = dialectOf(request.headers);
    let answer: Answer;
    try {
      const place = this.#placeOf(request);
      if (place.name === "api") dialect = place.dialect;
      answer = await this.#answer(request, place, dialect, id);
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof SendError)) {
        onError(sendErrorOf(error, "gateway, or a hook of it,"), undefined);
      }
      answer = gatewayError(error, { dialect, requestId: id, describe: policy.describe });
    }
    return withHeaders(answer, corsHeaders(request, policy, EXPOSED_HEADERS));
  }

  drain(withinMs: number): Promise<void> {
    return this.#host.drain(withinMs);
  }

  #placeOf(request: Asked): Place {
    if (request.method === "OPTIONS") return { name: "preflight" };
    const path = pathOf(request.url, this.#settings.path);
    if (path === undefined) return { name: "unknown" };
    const [first, ...rest] = path.split("/");
    if (request.method === "GET" && first === "models") {
      return { name: "models", model: rest.length > 0 ? rest.join("/") : undefined };
    }
    const { method, headers, url } = request;
    const found = gatewayRouteOf({ method, path, query: new URL(url).searchParams, headers });
    return found ? { name: "api", ...found } : { name: "unknown" };
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

  #models(name: string | undefined, { request, id }: Call): Response {
    const { models } = this.#settings;
    const forms = modelFormsOf(request.headers);
    if (name === undefined) return answer(forms.list(models.list.map(listed)), id);
    const model = models.find(name);
    if (!model) throw unknownModel(name);
    return answer(forms.model(listed(model)), id);
  }

  async #api(route: GatewayRoute, call: Call): Promise<Answer> {
    switch (route.name) {
      case "reply":
        return this.#reply(await this.#decoded(call), call);
      case "countTokens": {
        const asked = await this.#decoded(call);
        if (!call.dialect.tokens) throw unknownRoute(call.request);
        return answer(call.dialect.tokens(await this.#tokensOf(asked, call)), call.id);
      }
      default:
        return this.#later(route, call);
    }
  }

  /** Answers about a reply that was asked for earlier. */
  async #later(route: LaterRoute, call: Call): Promise<Answer> {
    const { caller, id } = call;
    const { wire } = route;
    const head = await this.#kept.head(route.reply, caller);
    if (route.name === "attach" && route.isStreamed) {
      return this.#show(await this.#host.feed(head.id, caller), wire, keptReply(head), call);
    }
    if (route.name === "forget") {
      await this.#kept.forget(head, caller);
      if (!wire.forgotten) throw notFound();
      return answer(wire.forgotten(head), id);
    }
    if (route.name === "stop") await this.#kept.stop(head, caller);
    return answer(await this.#kept.answer(head, wire), id);
  }

  async #decoded({ request, dialect }: Call): Promise<GatewayRequest> {
    return dialect.decode(await jsonBodyOf(request, this.#settings.relay.policy.limits), request.headers);
  }

  /** Returns the client's own count, if there is one; else an estimate, on which a program still can decide. */
  async #tokensOf(asked: GatewayRequest, { caller, request }: Call): Promise<number> {
    const { model, options } = asked;
    const { client } = this.#settings.models.choose(model) ?? {};
    const given = withInstructions(asked, await this.#kept.conversation(asked, caller));
    const messages = this.#replays.restored(caller.user, given);
    const own = { ...this.#optionsOf(options), signal: request.signal };
    const count = await client?.countTokens?.(messages, own).catch(() => undefined);
    return count?.inputTokens ?? estimateRequestTokens(given, options);
  }

  async #reply(asked: GatewayRequest, call: Call): Promise<Answer> {
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
    if (!asked.isStreamed && isBackground) return answer(answerSoFar(run.feed, reply, wire), id);
    if (!asked.isStreamed) return this.#complete(run.feed, wire, reply, call);
    await opened(run, isBackground ? undefined : request.signal, relay.headersWithinMs);
    const { end, last } = run.feed;
    if (end?.type === "failed" && !last) throw SendError.from(end.error);
    return this.#show(run.feed, wire, reply, call);
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

  async #complete(feed: Feed, wire: GatewayWire, reply: GatewayReply, { request, id }: Call): Promise<Response> {
    const end = await endOf(feed, request.signal).catch(() => {
      throw new Refusal(503, "aborted", "The caller has left.");
    });
    if (end?.type === "complete") {
      return answer(wire.soFar ? answerSoFar(feed, reply, wire) : wire.complete(end.message, reply), id);
    }
    if (feed.end?.type === "failed") throw SendError.from(feed.end.error);
    throw new SendError("truncated", "The reply went on in another process.");
  }

  #show(feed: Feed, wire: GatewayWire, reply: GatewayReply, { dialect, id }: Call): Shown {
    const viewer = new Viewer({
      feed,
      wire: new EncodedWire(feed, wire.encoder(reply)),
      keepAlive: dialect.keepAlive,
      opening: OPENING,
      now: this.#host.now,
    });
    const headers = {
      ...answerHeaders(id),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    };
    return { viewer, headers };
  }
}

/** A comment, which every library takes also as the first bytes. */
const OPENING = ": stream\n\n";

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

function listed({ name, client }: GatewayModel): { readonly name: string; readonly provider: string } {
  return { name, provider: client.provider };
}

function unknownModel(name: string): Refusal {
  const message = `The model \`${name}\` does not exist here. \`GET models\` lists those that do.`;
  return new Refusal(404, "notFound", message, undefined, "model_not_found");
}

/** OpenAI's code. Programs show the sentence: it names what they have asked for. */
function unknownRoute({ method, url }: Asked): Refusal {
  const message = `Unknown route \`${method} ${new URL(url).pathname.slice(0, 200)}\`.`;
  return new Refusal(404, "notFound", message, undefined, "unknown_url");
}

function noModel(): Refusal {
  return new Refusal(400, "invalidRequest", "`model` must be the name of a model.");
}

function answer({ contentType, text }: DialectBody, id: string): Response {
  return new Response(text, { headers: { "content-type": contentType, ...answerHeaders(id) } });
}
