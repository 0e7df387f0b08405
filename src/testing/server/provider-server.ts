/** A provider on this machine: a real HTTP server that plays the scripts of a test and records its requests. */

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { checkScript, checkScripts } from "../check-script.ts";
import { realSleep, type Sleep } from "../pause.ts";
import { type ServerReply, sendRecording, sendScript } from "./answers.ts";
import { anthropicWire } from "./anthropic-wire.ts";
import { chatWire } from "./chat-wire.ts";
import { Delivery, type Sent } from "./delivery.ts";
import { geminiWire } from "./gemini-wire.ts";
import { ollamaWire } from "./ollama-wire.ts";
import { recordedText } from "./recording.ts";
import { responsesWire } from "./responses-wire.ts";
import { objectOr, type Recorded, type Signatures } from "./rules.ts";
import { type CountingWire, countingWireAt, tokensOf } from "./token-counts.ts";
import type { Wire } from "./wire.ts";

const WIRES: readonly Wire[] = [chatWire, responsesWire, anthropicWire, geminiWire, ollamaWire];

/** The fields of which a reply has one. */
const REPLY_WORDS = ["text", "steps", "refusal", "body"];

/** One request that the server received. */
export interface ProviderRequest {
  /** The number of the request, counted from 0. */
  readonly index: number;
  readonly method: string;
  /** The path of the request, with its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body, parsed as JSON; the text itself if it is not JSON. */
  readonly body: unknown;
  /** The part of the answer that has left so far. */
  readonly sent: Sent;
  /** Resolves when the connection that the request came on is closed, by either side. */
  readonly closed: Promise<void>;
}

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

const JSON_HEADERS = { "content-type": "application/json" };

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
  replies: readonly ServerReply[] | ((request: ProviderRequest) => ServerReply | PromiseLike<ServerReply>) = () =>
    DEFAULT_REPLY,
  options: ProviderServerOptions = {},
): Promise<ProviderServer> {
  const { port = 0, pace = 0, usageUnasked = false, strict = false, sleep = realSleep, countTokens } = options;
  checkScripts(replies, REPLY_WORDS);
  const requests: ProviderRequest[] = [];
  const counts: ProviderRequest[] = [];
  const signatures: Signatures = new Map();
  const recorded: Recorded = new Map();
  const waiting = new Map<number, (request: ProviderRequest) => void>();
  /** The open connections, and when each will be closed. */
  const sockets = new Map<Socket, Promise<void>>();
  let opened = 0;

  async function replyTo(request: ProviderRequest): Promise<ServerReply> {
    const reply = typeof replies === "function" ? await replies(request) : replies[request.index];
    if (reply !== undefined) {
      checkScript(reply, REPLY_WORDS, "A reply");
      return reply;
    }
    const message = `There is no reply for request ${request.index + 1}; the server was given ${replies.length}.`;
    return { refusal: { status: 400, message } };
  }

  async function answer(request: ProviderRequest, delivery: Delivery): Promise<void> {
    const reply = await replyTo(request);
    const { pathname: path, searchParams: query } = new URL(request.path, "http://127.0.0.1");
    const wire = WIRES.find((candidate) => candidate.serves(path));
    const wireRequest = { index: request.index, path, query, body: request.body, usageUnasked, signatures, recorded };
    if (strict && !wire?.path.test(path)) {
      const refusal = { status: 404, message: `There is nothing at ${path}.` };
      return sendScript({ refusal }, wire ?? chatWire, wireRequest, delivery, pace);
    }
    const fault = strict ? wire?.fault(wireRequest) : undefined;
    if (wire && fault !== undefined)
      return sendScript({ refusal: { status: 400, message: fault } }, wire, wireRequest, delivery, pace);
    if ("body" in reply) {
      if (strict) wire?.note?.(wireRequest, recordedText(reply));
      return sendRecording(reply, delivery);
    }
    if (wire) return sendScript(reply, wire, wireRequest, delivery, pace);
    const message = `The loopback server knows no wire format for ${path}.`;
    return sendScript({ refusal: { status: 404, message } }, chatWire, wireRequest, delivery, pace);
  }

  /** Answers a request for a count of tokens. */
  async function count(request: ProviderRequest, { wire, ...counting }: CountingWire, delivery: Delivery) {
    const { index, path } = request;
    const body = objectOr(request.body);
    const facts = { index, path, query: new URLSearchParams(), usageUnasked, signatures, recorded };
    const wireRequest = { ...facts, body: counting.counted(body) };
    const fault = strict ? (counting.fault(body) ?? wire.fault(wireRequest)) : undefined;
    const missing = countTokens === false ? { status: 404, message: `There is nothing at ${path}.` } : undefined;
    const refusal = missing ?? (fault === undefined ? undefined : { status: 400, message: fault });
    if (refusal) return sendScript({ refusal }, wire, wireRequest, delivery, pace);
    const tokens = countTokens ? countTokens(request) : tokensOf(request.body);
    return sendRecording({ body: JSON.stringify(counting.answer(tokens)), headers: JSON_HEADERS }, delivery);
  }

  async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.method !== "POST") return answerOther(incoming, response);
    const { socket, method, url = "/", headers } = incoming;
    const closed = sockets.get(socket) ?? Promise.resolve();
    const delivery = new Delivery(response, sleep);
    const body = await bodyOf(incoming);
    const counting = countingWireAt(new URL(url, "http://127.0.0.1").pathname);
    const list = counting ? counts : requests;
    const request = { index: list.length, method, path: url, headers, body, sent: delivery.sent, closed };
    list.push(request);
    if (!counting) waiting.get(request.index)?.(request);
    try {
      await (counting ? count(request, counting, delivery) : answer(request, delivery));
    } catch (error) {
      // A reply that cannot be sent is a mistake in the test. It is reported once, where the test can see it.
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) return void socket.destroy();
      response.writeHead(500, { "content-type": "application/json", "x-should-retry": "false" });
      response.end(JSON.stringify(chatWire.refusal(500, { message })));
    }
  }

  const server = createServer({ noDelay: true, keepAliveTimeout: 0 }, (incoming, response) => {
    receive(incoming, response).catch(() => incoming.socket.destroy()); // the client left before its request was whole
  });
  server.on("connection", (socket) => {
    opened += 1;
    const closed = new Promise<void>((resolve) => {
      socket.on("close", () => {
        sockets.delete(socket);
        resolve();
      });
    });
    sockets.set(socket, closed);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const close = async (): Promise<void> => {
    const gone = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets.keys()) socket.destroy();
    await gone;
  };
  return {
    origin,
    baseUrl: `${origin}/v1`,
    requests,
    counts,
    connections: {
      get opened() {
        return opened;
      },
      get open() {
        return sockets.size;
      },
    },
    request(index) {
      const there = requests[index];
      if (there) return Promise.resolve(there);
      const earlier = waiting.get(index);
      return new Promise((resolve) => {
        waiting.set(index, (request) => {
          earlier?.(request);
          resolve(request);
        });
      });
    },
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
