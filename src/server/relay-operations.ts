/** The operations of a relay, each for a request whose route and caller are known: start, attach, stop, history … */

import { SendError } from "../contract/errors.ts";
import { type Dialect, type DialectBody, type EncoderOf, jsonBody, type Route } from "../dialects/dialect.ts";
import { checkedRunId } from "../dialects/ids.ts";
import { type ChatHistory, END_ID } from "../dialects/native/wire.ts";
import { badRequest, notFound, Refusal } from "../dialects/refusal.ts";
import { storedReply } from "../session/recalled-turn.ts";
import { storeAnswer } from "../session/session-log.ts";
import { ChatTitles, chatList } from "./chat-list.ts";
import { conversationOf } from "./conversation.ts";
import type { Feed } from "./feed/feed.ts";
import { EncodedWire, SharedWire } from "./feed/viewer-wire.ts";
import type { Answer, Asked, Shown } from "./http/handler.ts";
import { type EntryId, positionOf } from "./log/entry-id.ts";
import { within } from "./log/log-deadline.ts";
import { errorResponse } from "./policy/masked-error.ts";
import type { Caller } from "./policy/policy-options.ts";
import { answeredAs } from "./policy/shared-chat.ts";
import type { RelaySettings } from "./relay-options.ts";
import { jsonBodyOf } from "./request/request-body.ts";
import { checkedStartOf, stopRequestOf } from "./request/start-request.ts";
import { scopedChat } from "./run/reply-source.ts";
import { RunHost } from "./run/run-host.ts";

/** A request that is refused for a moment only may come again after so long, in milliseconds. */
const RETRY_MS = 1_000;

/** One request, and who makes it. */
export interface RelayCall {
  readonly request: Asked;
  readonly dialect: Dialect;
  /** For a request that reads another user's chat: its owner. */
  readonly caller: Caller;
  /** The relay's own name of the request. */
  readonly name: RequestName;
  /** The body, where it was read to know the operation. */
  readonly read?: { readonly body: unknown };
}

/** The relay's own name of a request. It is made when it is needed: the provider is asked before. */
export class RequestName {
  #id: string | undefined;

  get id(): string {
    this.#id ??= crypto.randomUUID();
    return this.#id;
  }
}

/** Performs the operations on the runs and conversations of one relay. */
export class RelayOperations {
  readonly #settings: RelaySettings;
  readonly #host: RunHost;
  readonly #titles = new ChatTitles();

  constructor(settings: RelaySettings) {
    this.#settings = settings;
    this.#host = new RunHost(settings);
  }

  /**
   * Performs the operation of a route.
   * @throws {Refusal} when the caller may not, or it is impossible
   */
  async perform(route: Exclude<Route, { readonly name: "inBody" | "preflight" }>, asked: RelayCall): Promise<Answer> {
    const call = Object.assign({}, asked, { caller: await answeredAs(route, asked, this.#settings.policy) });
    switch (route.name) {
      case "answer":
        return answer(route.body);
      case "start":
        return this.#start(call);
      case "attach":
        return this.#attach(route, call);
      case "stop":
        return this.#stop(route, call);
      case "history":
        return this.#history(route, call);
      case "list":
        return this.#list(call);
      case "delete":
        return this.#delete(route.chat, call);
    }
  }

  async #start(call: RelayCall): Promise<Answer> {
    const { policy, tools, headersWithinMs } = this.#settings;
    const { request, caller, dialect } = call;
    const body = await jsonBodyOf(request, policy.limits);
    const context = { user: caller.user, history: policy.history };
    const {
      request: asked,
      watches,
      repeats,
      before,
      encoder = dialect.encoder,
    } = await dialect.startOf(body, request.headers, context);
    const toolNames = tools.map(({ name }) => name);
    const rules = { policy, user: caller.user, signer: this.#host.signer, toolNames };
    const checked = await checkedStartOf(asked, rules);
    const start = Object.assign({}, checked, { before });
    const show = (feed: Feed, after?: EntryId): Shown => this.#show({ feed, chat: start.chat, after, encoder }, call);
    if (watches) return show(await this.#host.feed(start.run, caller), cursorOf(watches.after)); // never starts anything
    const { id, begun: run } = await this.#host.startOrRecall(start, caller, { repeats, onBusy: dialect.onBusy });
    if (run && "recorded" in run) return show(run.recorded);
    if (run) await within(run.opened, headersWithinMs).catch(() => undefined);
    if (!run || run.feed.isElsewhere) return show(await this.#feedFor(id, call, start.chat));
    const { end, last } = run.feed;
    if (end?.type === "failed" && !last)
      return this.refused(run.refusal ?? SendError.from(end.error), dialect, call.name);
    return show(run.feed);
  }

  async #attach(route: Extract<Route, { readonly name: "attach" }>, call: RelayCall): Promise<Answer> {
    const { caller, dialect } = call;
    const { chat, encoder = dialect.encoder } = route;
    if (route.after === END_ID) return nothing(); // an EventSource that comes back after the end
    const after = cursorOf(route.after);
    const asked = typeof route.run === "function" ? await route.run(caller.user) : route.run;
    const named = asked === undefined ? undefined : checkedRunId(asked);
    let known: ChatHistory | undefined;
    if (route.withHistory) {
      const name = chat === undefined ? named && (await this.#host.head(named, caller)).chat : scopedChat(caller, chat);
      known = await this.#conversation(name); // first: the last run is that of its turn, or a later one
    }
    const run = named ?? (chat === undefined ? undefined : await this.#host.lastRunOf(chat, caller));
    if (known && !known.turn && route.idle) return answer(route.idle(known));
    // Behind the store: what fills the feed may leave with its last viewer.
    const found = run === undefined ? undefined : this.#feedFor(run, call, chat);
    const feed = await (named === undefined ? found?.catch(ifUnknown) : found);
    if ((!feed || (!known && feed.end)) && route.idle) return answer(route.idle(known));
    return feed ? this.#show({ feed, chat: chat ?? feed.chat, after, encoder, history: known }, call) : nothing();
  }

  /**
   * Resolves with the feed of a run; for one that has expired, with its end from the conversation.
   * @throws {Refusal} 404 when neither is there
   */
  async #feedFor(run: string, { caller }: RelayCall, chat?: string): Promise<Feed> {
    try {
      return await this.#host.feed(run, caller, chat);
    } catch (error) {
      ifUnknown(error);
      const recorded = chat !== undefined && (await this.#recorded(run, chat, caller));
      if (!recorded) throw error;
      return recorded;
    }
  }

  /** Resolves with the end of the chat's last run; `undefined` where the conversation has no complete reply of it. */
  async #recorded(run: string, chat: string, caller: Caller): Promise<Feed | undefined> {
    const { sessions, client } = this.#settings;
    if (!sessions) return undefined;
    const id = scopedChat(caller, chat);
    const message = await storedReply({ store: sessions.store, id }, run, client);
    if (!message) return undefined;
    const { provider, model } = message;
    const head = { id: run, chat: id, owner: caller.user, startedAt: Date.now(), provider, model };
    return this.#host.recorded(head, { type: "complete", message });
  }

  async #stop(route: Extract<Route, { readonly name: "stop" }>, call: RelayCall): Promise<Response> {
    const { chat } = route;
    const { request, caller, dialect } = call;
    const body = call.read ? call.read.body : await jsonBodyOf(request, this.#settings.policy.limits);
    const asked = stopRequestOf(route.run === undefined ? (dialect.stopOf?.(body) ?? body) : { run: route.run });
    const { run = await this.#host.lastRunOf(chat, caller) } = asked;
    if (run === undefined) return nothing();
    return answer(dialect.stopped(run, await this.#host.stop(run, caller, chat)));
  }

  async #history(
    route: Extract<Route, { readonly name: "history" }>,
    { caller, dialect }: RelayCall,
  ): Promise<Response> {
    const history = await this.#conversation(scopedChat(caller, route.chat));
    if (!history) throw notFound();
    return answer((route.answer ?? dialect.history)(history));
  }

  async #conversation(id: string | undefined): Promise<ChatHistory | undefined> {
    return id === undefined ? undefined : conversationOf(id, this.#settings, (run) => this.#host.isOver(run));
  }

  async #list({ request, caller }: RelayCall): Promise<Response> {
    const { sessions } = this.#settings;
    if (!sessions) throw notFound();
    return answer(jsonBody(await chatList(sessions.store, this.#titles, caller, new URL(request.url).searchParams)));
  }

  /** Deletes a conversation. Its run is stopped first: its reply is wanted no more. */
  async #delete(chat: string, { caller }: RelayCall): Promise<Response> {
    const { sessions, log } = this.#settings;
    if (!sessions) throw notFound();
    const { store } = sessions;
    if (!store.delete) {
      const message = "The relay's store cannot delete conversations.";
      throw new Refusal(405, "unsupported", message, { allow: "GET, POST, OPTIONS" });
    }
    const run = await this.#host.lastRunOf(chat, caller);
    if (run !== undefined && !(await this.#host.stop(run, caller, chat))) {
      throw new Refusal(409, "busy", "The chat's reply does not end. Try again.", { retryAfterMs: RETRY_MS });
    }
    await storeAnswer(async () => store.delete?.(scopedChat(caller, chat)));
    if (run !== undefined) await log.delete(run);
    return nothing();
  }

  #show({ feed, chat, after, encoder, history }: Showing, { dialect, name }: RelayCall): Shown {
    this.#host.mustHaveRoom(feed, true);
    const { run, messageId, before } = feed;
    const wire = encoder
      ? new EncodedWire(feed, encoder({ run, chat, messageId, before, history }))
      : new SharedWire(feed, after);
    const viewer = this.#host.viewer({ feed, wire, keepAlive: dialect.keepAlive });
    const headers = {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
      "x-stream-id": feed.run,
      "x-request-id": name.id,
      ...dialect.headers,
    };
    return { viewer, headers };
  }

  drain(withinMs: number): Promise<void> {
    return this.#host.drain(withinMs);
  }

  /** Returns the response for a request that has failed. */
  refused(error: unknown, dialect: Dialect, { id: requestId }: RequestName): Response {
    return errorResponse(error, { requestId, describe: this.#settings.policy.describe, body: dialect.refusal });
  }
}

/** The view of a run that a response shows. */
interface Showing {
  readonly feed: Feed;
  /** The conversation, as the caller calls it. */
  readonly chat: string;
  readonly after: EntryId | undefined;
  readonly encoder: EncoderOf | undefined;
  readonly history?: ChatHistory | undefined;
}

/** @throws {Refusal} 400 when the cursor is malformed */
function cursorOf(given: string | undefined): EntryId | undefined {
  if (given === undefined) return undefined;
  if (positionOf(given)) return given as EntryId;
  throw badRequest("`after` must be the id of an event.");
}

/** @throws every error but that something is unknown */
function ifUnknown(error: unknown): undefined {
  if (error instanceof Refusal && error.status === 404) return undefined;
  throw error;
}

function nothing(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}

function answer({ contentType, text }: DialectBody): Response {
  return new Response(text, { headers: { "content-type": contentType, "cache-control": "no-store" } });
}
