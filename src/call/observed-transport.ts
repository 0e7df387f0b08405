/** The requests and responses of a client, shown to its caller: without secrets, and after the chunks. */

import { messageOf } from "../platform/text-of.ts";
import type { Exchange, HttpRequest, Receiver, ResponseHead, Transport } from "../transport/transport.ts";
import type { ObservedCall, ObservedRequest, ObservedResponse, Observers } from "./observers.ts";
import { isSecretHeader, Redactions } from "./redact.ts";

/** More of a body is not shown: the search for secrets takes time. */
const MAX_BODY_LENGTH = 262_144;

/** Calls a client's observers for the requests of all its calls. */
export class Observer {
  readonly #observers: Observers;
  /** Of the headers that are really sent: a function may have added the key. */
  readonly #redactions = new Redactions();
  #requests = 0;

  constructor(observers: Observers) {
    this.#observers = observers;
  }

  /** Returns the transport, whose requests are observed from now on. */
  transport(transport: Transport, call: ObservedCall): Transport {
    return {
      warm: (url) => transport.warm(url),
      open: (request, receiver) => this.#open(transport, call, request, receiver),
    };
  }

  #open(transport: Transport, call: ObservedCall, request: HttpRequest, receiver: Receiver): Exchange {
    const { onRequest, onResponse } = this.#observers;
    const { provider, model } = call;
    const number = ++this.#requests;
    const ofHeaders = this.#redactions.of(request.headers);
    const redact = (text: string): string => ofHeaders(call.redact(text));
    let shown: ObservedRequest | undefined;
    const requestShown = (): ObservedRequest => {
      const { method = "POST", url, headers, body = "" } = request;
      const cleanHeaders = Object.entries(headers).map(([name, value]) => [name, shownHeader(name, value, redact)]);
      shown ??= {
        number,
        provider,
        model,
        method,
        url: redact(url),
        headers: Object.fromEntries(cleanHeaders),
        body: redact(body.slice(0, MAX_BODY_LENGTH)),
      };
      return shown;
    };
    if (onRequest) later(() => onRequest(requestShown()));
    if (!onResponse) return transport.open(request, receiver);
    const watch = new ResponseWatch((watched) =>
      later(() => onResponse(responseShown(watched, requestShown(), redact))),
    );
    let exchange: Exchange;
    try {
      exchange = transport.open(request, watch.receiver(receiver));
    } catch (error) {
      watch.ended("failed", error);
      throw error;
    }
    watch.decode = (text) => exchange.decode(text);
    return watch.exchange(exchange);
  }
}

/** A response that has ended, as it was seen. */
interface Watched {
  readonly head: ResponseHead | undefined;
  /** Decodes it. */
  readonly body: () => string;
  readonly bytes: number;
  readonly ending: ObservedResponse["ending"];
  readonly error: unknown;
  readonly headMs: number | undefined;
  readonly durationMs: number;
}

/** Watches one response from between the transport and the call. */
class ResponseWatch {
  readonly #onEnd: (watched: Watched) => void;
  readonly #startedAt = performance.now();
  readonly #texts: string[] = [];
  decode: (text: string) => string = (text) => text;
  #head: ResponseHead | undefined;
  #headMs: number | undefined;
  #length = 0;
  #bytes = 0;
  #isOver = false;

  constructor(onEnd: (watched: Watched) => void) {
    this.#onEnd = onEnd;
  }

  receiver(inner: Receiver): Receiver {
    return {
      onHead: (head) => {
        this.#head = head;
        this.#headMs = performance.now() - this.#startedAt;
        inner.onHead(head);
      },
      onText: (text, byteLength) => {
        if (this.#length < MAX_BODY_LENGTH) this.#texts.push(text);
        this.#length += text.length;
        this.#bytes += byteLength;
        inner.onText(text, byteLength);
      },
      onEnd: () => {
        this.ended("complete"); // first: the call closes what has ended
        inner.onEnd();
      },
      onError: (error, safeToResend) => {
        this.ended("failed", error);
        inner.onError(error, safeToResend);
      },
    };
  }

  exchange(inner: Exchange): Exchange {
    return {
      decode: (text) => inner.decode(text),
      pull: () => inner.pull(),
      forget: () => inner.forget?.() === true,
      close: () => {
        inner.close();
        this.ended("closed");
      },
      release: () => {
        inner.release();
        this.ended("complete");
      },
    };
  }

  ended(ending: Watched["ending"], error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const durationMs = performance.now() - this.#startedAt;
    const body = (): string => this.decode(this.#texts.join("").slice(0, MAX_BODY_LENGTH));
    this.#onEnd({ head: this.#head, body, bytes: this.#bytes, ending, error, headMs: this.#headMs, durationMs });
  }
}

function responseShown(
  { head, body, bytes, ending, error, headMs, durationMs }: Watched,
  request: ObservedRequest,
  redact: (text: string) => string,
): ObservedResponse {
  return {
    request,
    ...(head && { status: head.status }),
    header(name) {
      const value = head?.header(name.toLowerCase());
      return value === undefined ? undefined : shownHeader(name.toLowerCase(), value, redact);
    },
    body: redact(body()),
    bytes,
    ending,
    ...(error !== undefined && { error: redact(messageOf(error)) }),
    ...(headMs !== undefined && { headMs }),
    durationMs,
  };
}

function shownHeader(name: string, value: string, redact: (text: string) => string): string {
  return isCredential(name) ? "[key]" : redact(value);
}

/** Returns whether a header's value is a secret. Limits on tokens are not. */
function isCredential(name: string): boolean {
  return isSecretHeader(name.toLowerCase()) && !/ratelimit|rate-limit/i.test(name);
}

/** Calls an observer after everything that is under way. Its errors, and those of a promise of it, do nothing. */
function later(observe: () => unknown): void {
  setTimeout(() => {
    try {
      Promise.resolve(observe()).catch(() => undefined);
    } catch {
      // a log that fails does not affect a call
    }
  }, 0);
}
