/** A provider on this machine: a real HTTP server that plays the scripts of a test and records its requests. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { allNames, checkNames } from "../../contract/unknown-option.ts";
import { realSleep, type Sleep } from "../pause.ts";
import { Answers, type ServerReplies } from "./answers.ts";
import { chatWire } from "./chat-wire.ts";
import { Connections } from "./connections.ts";
import { Delivery } from "./delivery.ts";
import { type ProviderRequest, ReceivedRequests } from "./received-requests.ts";
import type { ServerReply } from "./replies.ts";
import { countingWireAt } from "./token-counts.ts";

/** The options of `startProviderServer`. */
export interface ProviderServerOptions {
  /**
   * The port.
   * @default any free port
   */
  readonly port?: number;
  /**
   * Milliseconds before each piece of a scripted reply except the first. A non-streamed reply takes as long.
   * @default 0
   */
  readonly pace?: number;
  /**
   * Whether streams report usage without a request for it, as at Mistral.
   * @default false, as at OpenAI
   */
  readonly usageUnasked?: boolean;
  /**
   * Whether the server validates requests as the provider does, and refuses invalid ones in its words, with status 400.
   * Examples are a call without its result, a result without its call, and missing or changed thinking. A path that is
   * not the protocol's, such as `/v1/v1/messages`, is refused with status 404.
   * @default false
   */
  readonly strict?: boolean;
  /**
   * Returns the tokens of a request that a client wants to be counted (OpenAI's `responses/input_tokens`, Anthropic's
   * `messages/count_tokens`, Google's `:countTokens`). `false`: the server has no such endpoints (status 404).
   * @default an estimate of the body's JSON
   */
  readonly countTokens?: ((request: ProviderRequest) => number) | false;
  /**
   * Waits for pauses in milliseconds.
   * @default `setTimeout`, so that fake timers advance pauses
   */
  readonly sleep?: Sleep;
}

const OPTION_NAMES = /* @__PURE__ */ allNames<ProviderServerOptions>({
  port: true,
  pace: true,
  usageUnasked: true,
  strict: true,
  countTokens: true,
  sleep: true,
});

/** A running loopback server. */
export interface ProviderServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: the base URL of Anthropic's, Google's and Ollama's protocols. */
  readonly origin: string;
  /** `origin` with `/v1`: the base URL of OpenAI's protocols. */
  readonly baseUrl: string;
  /** Every POST so far, without those that ask for a count of tokens. */
  readonly requests: readonly ProviderRequest[];
  /** Every request for a count of tokens so far. They take no reply. */
  readonly counts: readonly ProviderRequest[];
  /** The number of all connections, and of the open ones. */
  readonly connections: { readonly opened: number; readonly open: number };
  /** Resolves with a request once it has arrived. */
  request(index: number): Promise<ProviderRequest>;
  /** Breaks every connection. Resolves when the server is closed. */
  close(): Promise<void>;
}

const MODELS = JSON.stringify({ object: "list", data: [{ id: "stand-in", object: "model" }] });

/** The reply of a server without scripts. */
const WORDS = ["Hello ", "from ", "a ", "server ", "on ", "this ", "machine: ", "no ", "tokens ", "were ", "harmed."];
const DEFAULT_REPLY: ServerReply = { text: WORDS, ending: { usage: { inputTokens: 7, outputTokens: WORDS.length } } };

/**
 * Starts a server on 127.0.0.1 that answers POSTs with the replies of an array in order, or with the reply that a
 * function returns. Without replies, every request gets the same short text word by word. Scripts are written in the
 * wire format of the request's path (Chat Completions, Responses, Anthropic Messages, Gemini's `generateContent`,
 * Ollama's `/api/chat`), streamed or non-streamed as requested; recordings are sent as they are, to any path. A request
 * for which there is no reply is refused with status 400. Its one model is `stand-in`.
 * @throws {TypeError} when a reply has no `text`, `steps`, `refusal` or `body`
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { CompatibleClient } from "cloudllm";
 * import { startProviderServer } from "cloudllm/testing";
 *
 * export async function leavingTheLoopClosesTheSocket(): Promise<void> {
 *   await using server = await startProviderServer([{ text: ["One", "Two"], ending: "hang" }]);
 *   const client = new CompatibleClient({ model: "any", baseUrl: server.baseUrl });
 *   for await (const chunk of await client.sendMessageStream([{ role: "user", content: "Count" }])) {
 *     if (chunk.content === "Two") break;
 *   }
 *   await server.requests[0]?.closed;
 *   assert.equal(server.connections.open, 0);
 * }
 * ```
 */
export async function startProviderServer(
  replies: ServerReplies = () => DEFAULT_REPLY,
  options: ProviderServerOptions = {},
): Promise<ProviderServer> {
  checkNames(options, OPTION_NAMES);
  const { port = 0, pace = 0, usageUnasked = false, strict = false, sleep = realSleep, countTokens } = options;
  const answers = new Answers(replies, { pace, usageUnasked, strict, countTokens });
  const requests = new ReceivedRequests();
  const counts = new ReceivedRequests();

  async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.method !== "POST") return answerOther(incoming, response);
    const { socket, method, url = "/", headers } = incoming;
    const closed = connections.closed(socket);
    const delivery = new Delivery(response, sleep);
    const body = await bodyOf(incoming);
    const counting = countingWireAt(new URL(url, "http://127.0.0.1").pathname);
    const received = counting ? counts : requests;
    const index = received.all.length;
    const request: ProviderRequest = { index, method, path: url, headers, body, sent: delivery.sent, closed };
    received.add(request);
    try {
      await (counting ? answers.count(request, counting, delivery) : answers.reply(request, delivery));
    } catch (error) {
      // A reply that cannot be sent is a mistake in the test. It is reported once, where the test can see it.
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) return void socket.destroy();
      response.writeHead(500, { "content-type": "application/json", "x-should-retry": "false" });
      response.end(JSON.stringify(chatWire.refusal(500, { message })));
    }
  }

  const server = createServer({ noDelay: true, keepAliveTimeout: 0 }, (incoming, response) => {
    receive(incoming, response).catch(() => incoming.socket.destroy()); // the client left before its request was complete
  });
  const connections = new Connections(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const close = async (): Promise<void> => {
    const gone = new Promise<void>((resolve) => server.close(() => resolve()));
    connections.destroy();
    await gone;
  };
  return {
    origin,
    baseUrl: `${origin}/v1`,
    requests: requests.all,
    counts: counts.all,
    connections: {
      get opened() {
        return connections.opened;
      },
      get open() {
        return connections.open;
      },
    },
    request: (index) => requests.request(index),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text; // recorded as it came
  }
}

/** Answers requests other than POST: a connection opened ahead, and the list of models. They are not recorded. */
function answerOther({ method, url = "/" }: IncomingMessage, response: ServerResponse): void {
  if (method === "GET" && url.endsWith("/models")) {
    response.writeHead(200, { "content-type": "application/json" }).end(MODELS);
  } else response.writeHead(method === "HEAD" ? 200 : 404).end();
}
