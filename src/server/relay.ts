/** The relay: web requests in, replies out that outlive their connections. */

import { checkArgument } from "../contract/argument.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { Refusal } from "../dialects/refusal.ts";
import { sendErrorOf } from "../stream/transfer.ts";
import { type Answer, type Asked, handlerOf, withHeaders } from "./http/handler.ts";
import { isResponse } from "./policy/policy-options.ts";
import { RelayOperations, RequestName } from "./relay-operations.ts";
import { checkedPath, type RelayOptions, type RelaySettings, settingsOf } from "./relay-options.ts";
import { corsHeaders, originRefusal, preflightResponse } from "./request/cors.ts";
import { jsonBodyOf } from "./request/request-body.ts";

/** The server of replies. Its functions need no `this`. */
export interface Relay {
  /** Answers a request, in the dialect of the option `dialect`. Never rejects. */
  readonly handle: (request: Request) => Promise<Response>;
  /**
   * Returns a handler for front ends of another dialect. They share the runs, chats and limits of this relay.
   * @throws {TypeError} when an argument is invalid
   */
  readonly handlerFor: (
    dialect: Dialect,
    options?: Pick<RelayOptions, "path">,
  ) => (request: Request) => Promise<Response>;
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
 * export const DELETE = relay.handle;
 * process.once("SIGTERM", () => relay.drain(10_000));
 * ```
 */
export function createRelay(options: RelayOptions): Relay {
  const settings = settingsOf(options);
  const server = new RelayServer(settings);
  const { dialect, path } = settings;
  return {
    handle: handlerOf((asked) => server.handle(asked, { dialect, path })),
    handlerFor: (other, options = {}) => {
      checkArgument("dialect", other, { routeOf: "function", startOf: "function" });
      checkArgument("options", options);
      const { path: given } = options;
      const mount = { dialect: other, path: checkedPath(given) };
      return handlerOf((asked) => server.handle(asked, mount));
    },
    drain: (withinMs) => server.drain(withinMs),
  };
}

/** Where a handler is mounted, and the dialect of its front ends. */
interface Mount {
  readonly dialect: Dialect;
  readonly path: string | undefined;
}

/** Finds the route and the caller of each request. */
class RelayServer {
  readonly #settings: RelaySettings;
  readonly #operations: RelayOperations;

  constructor(settings: RelaySettings) {
    this.#settings = settings;
    this.#operations = new RelayOperations(settings);
  }

  async handle(request: Asked, mount: Mount): Promise<Answer> {
    const name = new RequestName();
    let answer: Answer;
    try {
      answer = await this.#answer(request, mount, name);
    } catch (error) {
      if (!(error instanceof Refusal)) this.#settings.onError(sendErrorOf(error, "relay, or a hook of it,"), undefined);
      answer = this.#operations.refused(error, mount.dialect, name);
    }
    return withHeaders(answer, corsHeaders(request, this.#settings.policy));
  }

  drain(withinMs: number): Promise<void> {
    return this.#operations.drain(withinMs);
  }

  async #answer(request: Asked, { dialect, path }: Mount, name: RequestName): Promise<Answer> {
    const { policy } = this.#settings;
    const route = dialect.routeOf(request, path);
    if (route.name === "preflight") return preflightResponse(request, policy);
    const refusal = originRefusal(request, policy);
    if (refusal) throw refusal;
    const caller = await policy.authorize(request);
    if (caller && isResponse(caller)) return caller;
    if (!caller) throw new Refusal(401, "authentication", "Sign in first.");
    const call = { request, dialect, caller, name };
    if (route.name !== "inBody") return this.#operations.perform(route, call);
    const body = await jsonBodyOf(request, policy.limits);
    return this.#operations.perform(await route.routeOf(body, caller.user), { ...call, read: { body } });
  }
}
