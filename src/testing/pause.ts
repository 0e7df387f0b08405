/** Pauses inside a script: for a time, for an event of the test, or forever. */

import { offAbort, onAbort } from "../platform/abort.ts";

/** Resolves after so many milliseconds; rejects, or resolves early, when the signal fires. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>;

/**
 * The time that a script waits: milliseconds (through the injected `sleep`), until a promise resolves, or until a
 * `Gate` is opened. A gate that stays closed is an endless wait.
 */
export type Pause = number | PromiseLike<unknown> | Gate;

/**
 * A place in a script where the reply waits for the test, and the test may wait for the reply. Neither side needs a
 * timeout.
 *
 * @example
 * ```ts
 * import { Gate, scriptedClient } from "cloudllm/testing";
 *
 * export async function abortWhileItThinks(): Promise<void> {
 *   const thinking = new Gate();
 *   const client = scriptedClient([{ steps: [{ text: "Well" }, { pause: thinking }, { text: ", no." }] }]);
 *   const abort = new AbortController();
 *   const stream = await client.sendMessageStream([{ role: "user", content: "Is it?" }], { signal: abort.signal });
 *   const reply = stream.finalMessage();
 *   await thinking.reached;
 *   abort.abort(); // `reply` rejects with kind "aborted"; its partial has "Well"
 *   await reply.catch(console.log);
 * }
 * ```
 */
export class Gate {
  /** Resolves when a reply has reached this place. */
  readonly reached: Promise<void>;
  #reach: () => void = () => undefined;
  readonly #opened: Promise<void>;
  #open: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Lets every reply pass, now and later. */
  open(): void {
    this.#open();
  }

  /** Resolves when the gate is open. Players of scripts call it. */
  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }
}

/**
 * Waits by the global `setTimeout`, which a test may have replaced. Under fake timers, a pause passes when they are
 * advanced, together with the deadlines. Does not keep a process alive once the signal has fired.
 */
export function realSleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      offAbort(signal, done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) done();
    else onAbort(signal, done);
  });
}

/** Resolves when the pause is over, or at once when the signal fires. Rejects when the pause's own promise does. */
export async function passed(pause: Pause | undefined, signal: AbortSignal, sleep: Sleep): Promise<void> {
  if (pause === undefined || signal.aborted) return;
  const over = typeof pause === "number" ? sleep(pause, signal) : pause instanceof Gate ? pause.pass() : pause;
  await new Promise<void>((resolve, reject) => {
    const stop = () => resolve();
    onAbort(signal, stop);
    Promise.resolve(over)
      .then(
        () => resolve(),
        (error: unknown) => (signal.aborted ? resolve() : reject(error)),
      )
      .finally(() => offAbort(signal, stop));
  });
}
