/** The relay: web requests in, replies out that outlive their connections. */

import type { ClientWrapper } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { ChatHistory, NativeEvent } from "../dialects/native.ts";
import { LLMSession } from "../session/session.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import { Chats } from "./chats.ts";
import { corsHeaders, originRefusal, preflightResponse } from "./cors.ts";
import { type EntryId, positionOf } from "./entry-id.ts";
import { exposedChunks, exposedMessage } from "./exposed-message.ts";
import { Feed, type Mask } from "./feed.ts";
import { exposedHistory } from "./history.ts";
import type { LogWriter, RunEnd, RunHead, RunRequest } from "./log.ts";
import { LogFollower } from "./log-follower.ts";
import { errorResponse, maskedError } from "./masked-error.ts";
import { messageSoFar } from "./message-so-far.ts";
import type { Caller } from "./policy.ts";
import { badRequest, notFound, Refusal } from "./refusal.ts";
import { type RelayOptions, type RelaySettings, settingsOf } from "./relay-options.ts";
import { routeOf } from "./route.ts";
import { Run, type RunParts, type RunSource, type TakenOver } from "./run.ts";
import { within } from "./run-writer.ts";
import { Runs } from "./runs.ts";
import { openConversation, SessionTurn } from "./session-turn.ts";
import { type Signer, signerOf } from "./signature.ts";
import { type CheckedStart, startRequestOf, stopRequestOf } from "./start-request.ts";
import { canContinue, chunksShown, openRest } from "./take-over.ts";
import { Viewer } from "./viewer.ts";

/** The server of replies. Its functions need no `this`. */
export interface Relay {
  /** Answers a request. Never rejects. */
  readonly handle: (request: Request) => Promise<Response>;
  /**
   * Ends the relay: for SIGTERM. New runs are refused with 503. Those under way have `withinMs` milliseconds; then each is
   * handed over to another process (`recover: "continue"`), or ends as `truncated` with its text. Resolves when the log
   * has everything.
   */
  readonly drain: (withinMs: number) => Promise<void>;
}

/** A log that does not answer a start for so long is left aside, in milliseconds. */
const LOG_PATIENCE_MS = 1_000;

/** Clients come back to a relay that drains after so long, in milliseconds. */
const DRAIN_RETRY_MS = 1_000;

/** A stop waits for the run's end for so long, in milliseconds. */
const STOP_MS = 2_000;

/** The last runs of a relay that drains have so long to end, in milliseconds. */
const DRAIN_END_MS = 5_000;

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

class RelayServer {
  readonly #settings: RelaySettings;
  readonly #runs: Runs;
  readonly #chats: Chats;
  readonly #signer: Signer | undefined;
  readonly #now = (): number => performance.now();
  #isDraining = false;

  constructor(settings: RelaySettings) {
    const { log, onBusy, policy } = settings;
    this.#settings = settings;
    this.#runs = new Runs(this.#now);
    this.#chats = new Chats(log, this.#runs, onBusy);
    this.#signer = policy.secret === undefined ? undefined : signerOf(policy.secret);
  }

  async handle(request: Request): Promise<Response> {
    const { policy } = this.#settings;
    const requestId = crypto.randomUUID();
    let response: Response;
    try {
      response = await this.#answer(request, requestId);
    } catch (error) {
      if (!(error instanceof Refusal)) this.#settings.onError(errorOf(error), undefined);
      response = errorResponse(error, { requestId, describe: policy.describe });
    }
    for (const [name, value] of Object.entries(corsHeaders(request, policy))) response.headers.set(name, value);
    return response;
  }

  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    for (const { feed } of this.#runs.followers) feed.sendAway(DRAIN_RETRY_MS);
    await settledWithin(this.#runs.running, withinMs);
    const rest = this.#runs.running;
    for (const run of rest) run.stop(run.canBeHandedOver ? "handedOver" : "shutdown");
    await settledWithin(rest, DRAIN_END_MS);
  }

  async #answer(request: Request, requestId: string): Promise<Response> {
    const { policy, path } = this.#settings;
    const route = routeOf(request, path);
    if (route.name === "preflight") return preflightResponse(request, policy);
    const refusal = originRefusal(request, policy);
    if (refusal) throw refusal;
    const caller = await policy.authorize(request);
    if (caller instanceof Response) return caller;
    if (!caller) throw new Refusal(401, "authentication", "Sign in first.");
    switch (route.name) {
      case "start":
        return this.#start(request, caller, requestId);
      case "attach":
        return this.#attachTo(route.chat, request, caller, requestId);
      case "stop":
        return this.#stop(route.chat, request, caller);
      case "history":
        return this.#history(route.chat, caller);
    }
  }

  async #start(request: Request, caller: Caller, requestId: string): Promise<Response> {
    const { policy, tools, headersWithinMs } = this.#settings;
    const toolNames = tools.map(({ name }) => name);
    const { user } = caller;
    const start = await startRequestOf(request, { policy, user, signer: this.#signer, toolNames });
    const run = this.#runs.run(start.run) ?? (await this.#runs.start(start.run, () => this.#begin(start, caller)));
    if (!run) return this.#attach(start.run, undefined, request, caller, requestId);
    if (run.head.owner !== user) throw notFound();
    await within(run.opened, headersWithinMs).catch(() => undefined);
    const { end, length } = run.feed;
    if (run.isOver && end?.type === "failed" && length === 0) {
      return errorResponse(SendError.from(end.error), { requestId, describe: policy.describe });
    }
    return this.#show(run.feed, undefined, request, requestId);
  }

  /** Begins a run; resolves with `undefined` when another process has begun it. */
  async #begin(start: CheckedStart, caller: Caller): Promise<Run | undefined> {
    const { log } = this.#settings;
    const { run: id, turn, options, model } = start;
    const chosen = this.#clientOf(model);
    const isKept = turn.type === "messages" && this.#settings.continues && !this.#runsTools();
    const request: RunRequest | undefined = isKept
      ? { messages: this.#prompted(turn.messages), options: { ...options, ...(model !== undefined && { model }) } }
      : undefined;
    const head: RunHead = {
      id,
      chat: scoped(caller.user, start.chat),
      owner: caller.user,
      startedAt: Date.now(),
      provider: chosen.provider,
      model: chosen.model,
      ...(request && { request }),
    };
    if (this.#isDraining) throw new Refusal(503, "overloaded", "The server is about to end.", DRAIN_RETRY_MS);
    const begun = begunBy(() => log.begin(head));
    const writer = await this.#answered(begun, head);
    if (writer === undefined) return undefined;
    try {
      await this.#admit(head, caller, writer !== "away", start.chat !== id);
    } catch (error) {
      if (writer !== "away") await log.delete(id).catch(() => undefined);
      throw error;
    }
    const source = this.#sourceOf(start, caller, chosen);
    return this.#run({ head, source, writer: writer === "away" ? begun : writer });
  }

  /** Resolves with the writer; with `undefined` when the id is taken, and with `away` when the log does not answer. */
  async #answered(begun: Promise<LogWriter | undefined>, head: RunHead): Promise<LogWriter | "away" | undefined> {
    try {
      return await within(begun, LOG_PATIENCE_MS);
    } catch (cause) {
      const message = "The log cannot take the run: viewers cannot come back to it.";
      this.#settings.onError(new SendError("storage", message, { cause }), head);
      return "away";
    }
  }

  /** @throws {Refusal} 409 or 429 when the run may not start */
  async #admit(head: RunHead, caller: Caller, isLogThere: boolean, hasChat: boolean): Promise<void> {
    const { limits, limit } = this.#settings.policy;
    const running = this.#runs.running.filter((run) => run.head.owner === caller.user).length;
    if (running >= limits.runsPerUser) {
      throw new Refusal(429, "rateLimit", `At most ${limits.runsPerUser} replies may be written at once.`, 1_000);
    }
    const answer = await limit?.(caller);
    if (answer) throw new Refusal(429, "rateLimit", "The limit of replies is reached.", answer.retryAfterMs);
    if (!hasChat) return;
    if (isLogThere) await this.#chats.claim(head);
    else await this.#chats.claimHere(head);
  }

  #run(parts: Pick<RunParts, "head" | "source" | "writer" | "takenOver"> & { readonly feed?: Feed }): Run {
    const { log, lingerMs, policy, onError, onRunEnd, waitUntil } = this.#settings;
    const { head } = parts;
    const run = new Run({
      feed: this.#feed(head),
      ...parts,
      lingerMs,
      totalMs: policy.limits.totalMs,
      isViewedElsewhere: () => log.isViewed(head.id).catch(() => false),
      isInLog: () => log.head(head.id).then(Boolean, () => true),
      onError,
      onEnd: onRunEnd,
      now: this.#now,
    });
    this.#runs.add(run);
    waitUntil(run.settled);
    return run;
  }

  #sourceOf({ turn, options, chat }: CheckedStart, { user }: Caller, client: ClientWrapper): RunSource {
    const { sessions, tools, systemPrompt } = this.#settings;
    const all = this.#withTools(options);
    if (turn.type === "messages") {
      const messages = this.#prompted(turn.messages);
      return { open: (signal) => openConversation(client, messages, all.tools ?? [], { ...options, signal }) };
    }
    if (!sessions) throw badRequest("The relay keeps no conversations. Send `messages`.");
    const setup = {
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(tools.length > 0 && { tools }),
      ...sessions,
    };
    const said =
      turn.type === "regenerate"
        ? turn
        : ({ type: "turn", input: turn.type === "message" ? turn.content : turn.results } as const);
    return new SessionTurn(client, setup, scoped(user, chat), said, options.tools ? all : options);
  }

  #withTools(options: SendOptions): SendOptions {
    const tools = [...this.#settings.tools, ...(options.tools ?? [])];
    return tools.length > 0 ? { ...options, tools } : options;
  }

  #runsTools(): boolean {
    return this.#settings.tools.some(({ run }) => run !== undefined);
  }

  #prompted(messages: readonly Message[]): readonly Message[] {
    const { systemPrompt: content } = this.#settings;
    return content === undefined ? messages : [{ role: "system", content }, ...messages];
  }

  #clientOf(model: unknown): ClientWrapper {
    const { client, policy } = this.#settings;
    const chosen = typeof model === "string" && Object.hasOwn(policy.models, model) ? policy.models[model] : undefined;
    return chosen ?? client;
  }

  async #attachTo(chat: string, request: Request, caller: Caller, requestId: string): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const after = searchParams.get("after") ?? request.headers.get("last-event-id") ?? undefined;
    if (after === "end") return nothing();
    if (after !== undefined && !positionOf(after)) throw badRequest("`after` must be the id of an event.");
    const id = searchParams.get("run") ?? (await this.#lastRunOf(chat, caller));
    if (id === undefined) return nothing();
    return this.#attach(id, after as EntryId | undefined, request, caller, requestId, chat);
  }

  /** Resolves with the last run of a chat, whose id may be that of its only run. */
  async #lastRunOf(chat: string, { user }: Caller): Promise<string | undefined> {
    const { log } = this.#settings;
    const name = scoped(user, chat);
    const here = this.#runs.running.find((run) => run.head.chat === name);
    if (here) return here.head.id;
    const latest = await log.latestRun(name);
    if (latest) return latest.run;
    const head = this.#runs.run(chat)?.head ?? (await log.head(chat));
    return head?.owner === user ? chat : undefined;
  }

  async #attach(
    id: string,
    after: EntryId | undefined,
    request: Request,
    caller: Caller,
    requestId: string,
    chat?: string,
  ): Promise<Response> {
    const here = this.#runs.run(id) ?? this.#runs.follower(id);
    const head = here?.head ?? (await this.#settings.log.head(id));
    if (!head || head.owner !== caller.user) throw notFound();
    if (chat !== undefined && head.chat !== scoped(caller.user, chat)) throw notFound();
    const known = this.#runs.run(id) ?? this.#runs.follower(id);
    if (known) return this.#show(known.feed, after, request, requestId);
    if (this.#isDraining) throw new Refusal(503, "overloaded", "The server is about to end.", DRAIN_RETRY_MS);
    return this.#show(this.#follow(head).feed, after, request, requestId);
  }

  #follow(head: RunHead): LogFollower {
    const { log, continues } = this.#settings;
    const { request } = head;
    const follower: LogFollower = new LogFollower({
      log,
      head,
      feed: this.#feed(head),
      ...(continues && request && { takeOver: (attempt) => this.#takeOver(follower, request, attempt) }),
      onOver: () => {
        if (this.#runs.follower(head.id) === follower) this.#runs.unfollow(head.id);
      },
      now: this.#now,
    });
    this.#runs.follow(follower);
    return follower;
  }

  /** Goes on with a run whose process has died. Resolves with false when this process may not. */
  async #takeOver({ head, feed }: LogFollower, request: RunRequest, attempt: number): Promise<boolean> {
    const partial = messageSoFar(head, feed.entries);
    if (this.#isDraining || !canContinue(partial)) return false;
    const writer = await this.#settings.log.takeOver(head.id, attempt);
    if (!writer) return false;
    const { model, ...options } = request.options;
    const client = this.#clientOf(model);
    const takenOver: TakenOver = { attempt, message: partial, after: feed.last?.id, chunks: chunksShown(partial) };
    const rest = { messages: request.messages, options: { ...this.#withTools(options) } };
    const source: RunSource = { open: (signal) => openRest(client, rest, partial, signal) };
    this.#run({ head, feed, source, writer, takenOver });
    return true;
  }

  async #stop(chat: string, request: Request, caller: Caller): Promise<Response> {
    const { run = await this.#lastRunOf(chat, caller) } = await stopRequestOf(request, this.#settings.policy.limits);
    if (run === undefined) return nothing();
    const head = this.#runs.run(run)?.head ?? (await this.#settings.log.head(run));
    if (head?.owner !== caller.user || head.chat !== scoped(caller.user, chat)) throw notFound();
    return json({ run, stopped: await this.#chats.stop(run, STOP_MS) });
  }

  async #history(chat: string, caller: Caller): Promise<Response> {
    const { sessions, policy, log } = this.#settings;
    if (!sessions) throw notFound();
    const id = scoped(caller.user, chat);
    const { history } = await LLMSession.peek({ store: sessions.store, id });
    const latest = await log.latestRun(id).catch(() => undefined);
    const answer: ChatHistory = {
      messages: exposedHistory(history, policy.expose),
      ...(latest && { run: latest.run }),
    };
    return json(answer);
  }

  #show(feed: Feed, after: EntryId | undefined, request: Request, requestId: string): Response {
    const { viewersPerRun } = this.#settings.policy.limits;
    if (feed.readers.size >= viewersPerRun) {
      throw new Refusal(429, "rateLimit", `At most ${viewersPerRun} connections may watch a reply.`, 1_000);
    }
    const viewer = new Viewer(feed, after, this.#now);
    request.signal.addEventListener("abort", () => viewer.gone(), { once: true });
    return new Response(viewer.body, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "x-stream-id": feed.run,
        "x-request-id": requestId,
      },
    });
  }

  #feed(head: RunHead): Feed {
    const { expose, describe } = this.#settings.policy;
    const exposed = (message: AssistantMessage): AssistantMessage => exposedMessage(message, expose);
    const mask: Mask = {
      chunks: (chunks) => exposedChunks(chunks, expose),
      message: exposed,
      end: (end: RunEnd) => {
        if (end.type === "complete") return this.#complete(exposed(end.message), head.owner);
        return {
          type: "failed",
          error: maskedError(SendError.from(end.error), { requestId: head.id, describe, exposed }),
        };
      },
    };
    return new Feed(head.id, mask);
  }

  /** A message with tool calls is signed, for a relay that must recognize them when they come back. */
  #complete(message: AssistantMessage, user: string): NativeEvent | Promise<NativeEvent> {
    const unsigned: NativeEvent = { type: "complete", message };
    if (!this.#signer || message.toolCalls.length === 0) return unsigned;
    return this.#signer.sign(user, message).then(
      (signed): NativeEvent => ({ type: "complete", message: signed }),
      () => unsigned,
    );
  }
}

/** Returns the name of a user's chat. No two users share one. */
function scoped(user: string, chat: string): string {
  return `${encodeURIComponent(user)}/${chat}`;
}

function nothing(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}

function json(value: unknown): Response {
  const headers = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };
  return new Response(JSON.stringify(value), { headers });
}

/** A log of another party may throw at once. */
async function begunBy(begin: () => Promise<LogWriter | undefined>): Promise<LogWriter | undefined> {
  return begin();
}

function errorOf(error: unknown): SendError {
  return error instanceof SendError ? error : sendErrorOf(error);
}

async function settledWithin(runs: readonly Run[], ms: number): Promise<void> {
  await within(Promise.all(runs.map(({ settled }) => settled)), ms).catch(() => undefined);
}
