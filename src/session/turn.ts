/** A turn under way: what is asked of whom, and the way out of it. */

import type { TypedClient } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { SendOptions } from "../contract/options.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import type { Fitted } from "./budget.ts";
import { TurnTimeout } from "./turn-timeout.ts";

/** What a turn is made of. */
export interface TurnFacts<Output> {
  readonly client: TypedClient;
  readonly systemPrompt: string | undefined;
  /** As they are sent, without the signal. */
  readonly options: SendOptions<Output>;
  /** The same with the client's own defaults: what a request really carries. */
  readonly carried: SendOptions;
  readonly maxSteps: number;
  readonly request: Fitted;
  /** `timeouts.total`, wherever it was set. */
  readonly totalMs: number | undefined;
}

/** Who hears of a signal ends at once (law 5); a client or a store that does not is not waited for any longer, in milliseconds. */
const GRACE_MS = 1_000;

/** It can be left from outside as well, at any moment: its requests hear of that by a signal, as they do of the caller's. */
export class Turn<Output = unknown> {
  readonly client: TypedClient;
  readonly systemPrompt: string | undefined;
  readonly options: SendOptions<Output>;
  readonly carried: SendOptions;
  readonly maxSteps: number;
  readonly startedAt: number = performance.now();
  readonly limit: TurnTimeout;
  /** What was sent last. */
  request: Fitted;
  /** What the caller reads, once the client has answered. */
  stream: MessageStream | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #leaving = new AbortController();
  readonly #onAbort = (): void => this.#leaving.abort(this.#caller?.reason);
  readonly #ended: Promise<void>;
  #end: (() => void) | undefined;

  constructor({ client, systemPrompt, options, carried, maxSteps, request, totalMs }: TurnFacts<Output>) {
    this.client = client;
    this.systemPrompt = systemPrompt;
    this.carried = carried;
    this.maxSteps = maxSteps;
    this.request = request;
    this.limit = new TurnTimeout(totalMs, this.startedAt);
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const { signal } = options;
    const isSignal = signal === undefined || signal instanceof AbortSignal;
    this.options = isSignal ? { ...options, signal: this.#leaving.signal } : options; // what is none, the client refuses
    if (!isSignal) return;
    this.#caller = signal;
    if (signal?.aborted) this.#onAbort();
    else onAbort(signal, this.#onAbort);
  }

  get isOver(): boolean {
    return this.#end === undefined;
  }

  /** It has ended. */
  end(): void {
    offAbort(this.#caller, this.#onAbort);
    this.#end?.();
    this.#end = undefined;
  }

  /**
   * What is waited for before the client is asked.
   * @throws {SendError} kind `aborted` as soon as the turn is left or the caller's signal fires
   */
  async before(work: Promise<void> | undefined): Promise<void> {
    const { signal } = this.#leaving;
    if (!work || signal.aborted) return; // the client refuses
    const { provider, model } = this.client;
    let abort: () => void = () => undefined;
    const left = new Promise<never>((_resolve, reject) => {
      abort = () =>
        reject(
          new SendError("aborted", "The caller's signal ended the call.", { provider, model, cause: signal.reason }),
        );
    });
    onAbort(signal, abort);
    try {
      await Promise.race([work, left]);
    } finally {
      offAbort(signal, abort);
    }
  }

  /** What is waited for at the end: not for ever when the turn was left. */
  async after(work: Promise<void>): Promise<void> {
    await (this.#leaving.signal.aborted ? patiently(work) : work);
  }

  /** Ends a reply that nobody reads, as the caller's signal would. Resolves when the turn has ended, or should have. */
  async abandon(unreadMs: number): Promise<void> {
    this.#leaving.abort(new Error(`Nobody has read the stream for ${unreadMs} ms (\`unreadTimeoutMs\`).`));
    await patiently(this.#ended);
  }

  /** Stops the reply, or what there is instead of one. Resolves when the turn has ended, or should have. */
  async leave(): Promise<void> {
    if (this.stream) return void this.stream.stop();
    this.#leaving.abort(new Error("The session was closed."));
    await patiently(this.#ended);
  }
}

async function patiently(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GRACE_MS);
  });
  await Promise.race([work, patience]).finally(() => clearTimeout(timer));
}
