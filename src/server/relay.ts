/** The relay: web requests in, replies out that outlive their connections. */

import { SendError } from "../contract/errors.ts";
import { type ChatHistory, END_ID } from "../dialects/native.ts";
import { LLMSession } from "../session/session.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import { corsHeaders, originRefusal, preflightResponse } from "./cors.ts";
import { type EntryId, positionOf } from "./entry-id.ts";
import type { Feed } from "./feed.ts";
import { exposedHistory } from "./history.ts";
import { checkedRunId } from "./ids.ts";
import { errorResponse } from "./masked-error.ts";
import { within } from "./patience.ts";
import type { Caller } from "./policy.ts";
import { badRequest, notFound, Refusal } from "./refusal.ts";
import { type RelayOptions, type RelaySettings, settingsOf } from "./relay-options.ts";
import { scopedChat } from "./reply-source.ts";
import { routeOf } from "./route.ts";
import { RunHost } from "./run-host.ts";
import { startRequestOf, stopRequestOf } from "./start-request.ts";
import { Viewer } from "./viewer.ts";

/** The server of replies. Its functions need no `this`. */
export interface Relay {
  /** Answers a request. Never rejects. */
  readonly handle: (request: Request) => Promise<Response>;
  /**
   * Ends the relay: for SIGTERM. New runs are refused with 503. Those under way have `withinMs` milliseconds; then each
   * is handed over to another process (`recover: "continue"`), or ends as `truncated` with its text. Resolves when the
   * log has everything.
   */
  readonly drain: (withinMs: number) => Promise<void>;
}

/**
 * Returns a relay: a web handler, for every runtime and framework that speaks `Request` and `Response`. It makes the
 * calls of a client on the server, and shows their replies to browsers that may leave and come back.
 * @throws {TypeError} when `authorize` is missing, or an option is unknown or malformed
 *
 * @example
 * ```ts
 * import { OpenAIClient, OpenAIModel } from "cloudllm";
 * import { createRelay, memoryLog } from "cloudllm/server";
 *
 * const relay = createRelay({
 *   client: new OpenAIClient({ model: OpenAIModel.GPT6Luna }),
 *   authorize: (request) => (request.headers.get("authorization") === "Bearer demo" ? { user: "ada" } : undefined),
 *   log: memoryLog(),
 * });
 * export const GET = relay.handle;
 * export const POST = relay.handle;
 * process.once("SIGTERM", () => relay.drain(10_000));
 * ```
 */
export function createRelay(options: RelayOptions): Relay {
  const server = new RelayServer(settingsOf(options));
  return { handle: (request) => server.handle(request), drain: (withinMs) => server.drain(withinMs) };
}

/** One request, and who makes it. */
interface Call {
  readonly request: Request;
  readonly caller: Caller;
  /** The relay's own id of the request. */
  readonly id: string;
}

class RelayServer {
  readonly #settings: RelaySettings;
  readonly #host: RunHost;

  constructor(settings: RelaySettings) {
    this.#settings = settings;
    this.#host = new RunHost(settings);
  }

  async handle(request: Request): Promise<Response> {
    const id = crypto.randomUUID();
    let response: Response;
    try {
      response = await this.#answer(request, id);
    } catch (error) {
      if (!(error instanceof Refusal)) this.#settings.onError(sendErrorOf(error, "relay, or a hook of it,"), undefined);
      response = this.#refused(error, id);
    }
    return withHeaders(response, corsHeaders(request, this.#settings.policy));
  }

  drain(withinMs: number): Promise<void> {
    return this.#host.drain(withinMs);
  }

  async #answer(request: Request, id: string): Promise<Response> {
    const { policy, path } = this.#settings;
    const route = routeOf(request, path);
    if (route.name === "preflight") return preflightResponse(request, policy);
    const refusal = originRefusal(request, policy);
    if (refusal) throw refusal;
    const caller = await policy.authorize(request);
    if (caller instanceof Response) return caller;
    if (!caller) throw new Refusal(401, "authentication", "Sign in first.");
    if (typeof caller.user !== "string" || caller.user === "") {
      throw new TypeError("`authorize` must return { user } with a name, a `Response`, or undefined.");
    }
    const call = { request, caller, id };
    switch (route.name) {
      case "start":
        return this.#start(call);
      case "attach":
        return this.#attach(route.chat, call);
      case "stop":
        return this.#stop(route.chat, call);
      case "history":
        return this.#history(route.chat, call);
    }
  }

  async #start(call: Call): Promise<Response> {
    const { policy, tools, headersWithinMs } = this.#settings;
    const { request, caller } = call;
    const toolNames = tools.map(({ name }) => name);
    const rules = { policy, user: caller.user, signer: this.#host.signer, toolNames };
    const start = await startRequestOf(request, rules);
    const after = cursorOf(request.headers.get("last-event-id"));
    if (after) return this.#show(await this.#host.feed(start.run, caller), after, call); // never starts anything
    const run = await this.#host.start(start, caller);
    if (!run) return this.#show(await this.#host.feed(start.run, caller), undefined, call);
    await within(run.opened, headersWithinMs).catch(() => undefined);
    const { end, last } = run.feed;
    if (end?.type === "failed" && !last) return this.#refused(SendError.from(end.error), call.id);
    return this.#show(run.feed, undefined, call);
  }

  async #attach(chat: string, call: Call): Promise<Response> {
    const { request, caller } = call;
    const { searchParams } = new URL(request.url);
    const given = searchParams.get("after") ?? request.headers.get("last-event-id");
    if (given === END_ID) return nothing(); // an EventSource that comes back after the end
    const after = cursorOf(given);
    const named = searchParams.get("run");
    const run = named === null ? await this.#host.lastRunOf(chat, caller) : checkedRunId(named);
    if (run === undefined) return nothing();
    return this.#show(await this.#host.feed(run, caller, chat), after, call);
  }

  async #stop(chat: string, { request, caller }: Call): Promise<Response> {
    const { run = await this.#host.lastRunOf(chat, caller) } = await stopRequestOf(
      request,
      this.#settings.policy.limits,
    );
    if (run === undefined) return nothing();
    return json({ run, stopped: await this.#host.stop(run, caller, chat) });
  }

  async #history(chat: string, { caller }: Call): Promise<Response> {
    const { sessions, policy, log } = this.#settings;
    if (!sessions) throw notFound();
    const id = scopedChat(caller, chat);
    const { history } = await LLMSession.peek({ store: sessions.store, id });
    const latest = await log.latestRun(id).catch(() => undefined);
    const answer: ChatHistory = {
      messages: exposedHistory(history, policy.expose),
      ...(latest && { run: latest.run }),
    };
    return json(answer);
  }

  #show(feed: Feed, after: EntryId | undefined, { request, id }: Call): Response {
    const { viewersPerRun } = this.#settings.policy.limits;
    if (feed.readers.size >= viewersPerRun) {
      throw new Refusal(429, "rateLimit", `At most ${viewersPerRun} connections may watch a reply.`, 1_000);
    }
    const viewer = new Viewer(feed, after, this.#host.now);
    if (request.signal.aborted) viewer.gone();
    else request.signal.addEventListener("abort", () => viewer.gone(), { once: true });
    return new Response(viewer.body, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "x-stream-id": feed.run,
        "x-request-id": id,
      },
    });
  }

  #refused(error: unknown, requestId: string): Response {
    return errorResponse(error, { requestId, describe: this.#settings.policy.describe });
  }
}

/** @throws {Refusal} 400 when the cursor is malformed */
function cursorOf(given: string | null): EntryId | undefined {
  if (given === null) return undefined;
  if (positionOf(given)) return given as EntryId;
  throw badRequest("`after` must be the id of an event.");
}

/** A response of `authorize` may have headers that cannot be changed. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const added = Object.entries(headers);
  if (added.length === 0) return response;
  const { body, status, statusText } = response;
  const all = new Headers(response.headers);
  for (const [name, value] of added) all.set(name, value);
  return new Response(body, { status, statusText, headers: all });
}

function nothing(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}

function json(value: unknown): Response {
  const headers = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };
  return new Response(JSON.stringify(value), { headers });
}
