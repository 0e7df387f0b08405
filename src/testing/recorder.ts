/** Records what a provider sends, packet by packet and without secrets, as the loopback server replays it. */

import { Redactions } from "../call/redact.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { recordedBody } from "./recorded-body.ts";
import type { Recording } from "./server/recording.ts";

/** A response that was recorded. Plain data, so that `JSON.stringify` keeps it, unless its body is not text. */
export interface RecordedReply extends Recording {
  readonly body: string | Uint8Array;
  /** The request that it answers, without secrets. For people: the server does not read it. */
  readonly request: { readonly method: string; readonly url: string; readonly body: string };
}

/** The options of `recorder`. */
export interface RecorderOptions {
  /**
   * Sends the requests.
   * @default the global `fetch`
   */
  readonly fetch?: ((input: string, init: RequestInit) => Promise<Response>) | undefined;
  /**
   * Whether the recordings have the pauses between packets.
   * @default false: a replay waits only until the client has read the packet before
   */
  readonly timing?: boolean | undefined;
  /**
   * More texts to remove, such as the name of an account. The values of request headers,
   * and fields of the body that are named like secrets, are always removed.
   */
  readonly secrets?: readonly string[] | undefined;
  /**
   * Called with each recording when its response has ended, for example to write it to a file. Its errors do nothing.
   */
  readonly onRecording?: ((recording: RecordedReply) => void) | undefined;
}

/** A `fetch` that records. */
export interface Recorder {
  /** For the option `fetch` of a client, also of another library. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** The responses that have ended, in the order of their requests. */
  readonly recordings: readonly RecordedReply[];
  /**
   * Resolves with the recordings when no response is under way. A client has its reply a little earlier than the end of
   * the response.
   */
  done(): Promise<readonly RecordedReply[]>;
}

/** Headers of a response that a client reads. All others are left out: they name accounts, cookies and hosts. */
const KEPT_HEADERS =
  /^(?:content-type|retry-after(?:-ms)?|x-should-retry|(?:x-)?request-id|x-generation-id|x-ratelimit-.+|anthropic-ratelimit-.+)$/;

/**
 * Returns a `fetch` that records the responses of a provider: the body cut as it arrived, the status, the headers that
 * clients read, and how it ended. A list of the recordings is a script for `startProviderServer`.
 *
 * A chunk is passed on when it has arrived, and nothing is read ahead of the client. Secrets are removed when the
 * response has ended. Look at a recording before you publish it: the words of the conversation are in it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { CompatibleClient } from "cloudllm";
 * import { recorder, startProviderServer } from "cloudllm/testing";
 *
 * export async function recordAndReplay(): Promise<void> {
 *   await using provider = await startProviderServer([{ text: ["One", "Two"] }]); // in place of a real one
 *   const tape = recorder();
 *   const client = new CompatibleClient({ model: "any", baseUrl: provider.baseUrl, fetch: tape.fetch });
 *   const first = await (await client.sendMessageStream([{ role: "user", content: "Count" }])).finalMessage();
 *
 *   const file = JSON.stringify(await tape.done());
 *   await using server = await startProviderServer(JSON.parse(file));
 *   const again = new CompatibleClient({ model: "any", baseUrl: server.baseUrl });
 *   assert.equal((await again.sendMessage([{ role: "user", content: "Count" }])).content, first.content);
 * }
 * ```
 */
export function recorder(options: RecorderOptions = {}): Recorder {
  checkNames(options, allNames<RecorderOptions>({ fetch: true, timing: true, secrets: true, onRecording: true }));
  const { timing = false, secrets = [], onRecording } = options;
  const send = options.fetch ?? ((input: string, init: RequestInit) => globalThis.fetch(input, init));
  const recordings: (RecordedReply | undefined)[] = [];
  let wakers: (() => void)[] = [];

  async function record(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const request = input instanceof Request ? new Request(input, init) : undefined;
    const number = recordings.push(undefined) - 1;
    const url = request?.url ?? String(input);
    const method = request?.method ?? init.method ?? "GET";
    const headers = Object.fromEntries(request?.headers ?? new Headers(init.headers));
    const body = request ? await request.clone().text() : typeof init.body === "string" ? init.body : "";
    const ofRequest = new Redactions().of(headers, { url, body: parsed(body) });
    const redact = (text: string): string =>
      secrets.reduce((clean, secret) => clean.replaceAll(secret, "[key]"), ofRequest(text));
    const keep = (rest: Omit<RecordedReply, "request">): void => {
      const recording = { request: { method, url: redact(url), body: redact(body) }, ...rest };
      recordings[number] = recording;
      try {
        onRecording?.(recording);
      } catch {
        // the reply is the client's, and does not fail for it
      }
      if (recordings.includes(undefined)) return;
      for (const wake of wakers) wake();
      wakers = [];
    };
    const signal = request?.signal ?? init.signal;
    let response: Response;
    try {
      response = await send(url, request ? { method, headers, signal: request.signal, ...(body && { body }) } : init);
    } catch (error) {
      keep({ body: "", raw: true, ending: signal?.aborted ? "hang" : "reset" });
      throw error;
    }
    const head = { status: response.status, headers: keptHeaders(response.headers, redact) };
    if (!response.body) {
      keep({ ...head, body: "" });
      return response;
    }
    const taped = tapedBody(response.body, (packets, pauses, ending) => {
      const { body: text, cuts } = recordedBody(packets, redact);
      const isPaced = timing && cuts.length === pauses.length;
      keep({ ...head, body: text, cuts, ...(isPaced && { pace: pauses }), ...(ending !== "end" && { ending }) });
    });
    const { status, statusText, headers: given } = response;
    return Object.defineProperty(new Response(taped, { status, statusText, headers: given }), "url", {
      value: response.url,
    });
  }

  const ended = (): readonly RecordedReply[] => recordings.filter((recording) => recording !== undefined);
  return {
    fetch: record,
    get recordings() {
      return ended();
    },
    async done() {
      if (recordings.includes(undefined)) await new Promise<void>((resolve) => wakers.push(resolve));
      return ended();
    },
  };
}

/** Returns a body that notes its packets as they are read, and calls `onEnd` once. */
function tapedBody(
  body: ReadableStream<Uint8Array>,
  onEnd: (packets: readonly Uint8Array[], pauses: readonly number[], ending: "end" | "reset" | "hang") => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const packets: Uint8Array[] = [];
  const pauses: number[] = [];
  let lastAt = 0;
  let isOver = false;
  const end = (ending: "end" | "reset" | "hang"): void => {
    if (isOver) return;
    isOver = true;
    onEnd(packets, pauses, ending);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            end("end");
            return controller.close();
          }
          const now = performance.now();
          if (packets.length > 0) pauses.push(Math.round(now - lastAt));
          lastAt = now;
          packets.push(value.slice());
          controller.enqueue(value);
        } catch (error) {
          // The client's own signal breaks the body also.
          end(error instanceof Error && error.name === "AbortError" ? "hang" : "reset");
          controller.error(error);
        }
      },
      cancel(reason) {
        end("hang"); // the client leaves here, when it is replayed also
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function keptHeaders(headers: Headers, redact: (text: string) => string): Readonly<Record<string, string>> {
  const kept = [...headers].filter(([name]) => KEPT_HEADERS.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, redact(value)]));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
