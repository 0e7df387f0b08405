/** Input and output of the command line: the one place that distinguishes screens from pipes. */

import { oneLine } from "./one-line.ts";

/** The parts of a process that are used; `process` itself fits. */
export interface ProcessStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  on(event: EndSignal, listener: () => void): unknown;
  off(event: EndSignal, listener: () => void): unknown;
}

/** The signals that end a process: Ctrl-C, that of a supervisor such as systemd, and that of a terminal that closes. */
type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** The streams of a process, with its two outputs, and the interrupt key. */
export interface Terminal {
  /** The underlying streams, for reading keys. */
  readonly streams: ProcessStreams;
  /** The output for replies only. */
  readonly stdout: Output;
  /** The output for everything else. */
  readonly stderr: Output;
  /** Calls back on each Ctrl-C until the returned function is called; without any listener, Ctrl-C ends the process. */
  onInterrupt(listener: () => void): () => void;
  /** The same for each signal that ends a process. */
  onEnd(listener: () => void): () => void;
}

/** @param settings `color: false` disables colours in any environment */
export function createTerminal(
  streams: ProcessStreams,
  env: NodeJS.ProcessEnv,
  settings: { readonly color?: false },
): Terminal {
  const onSignals = (signals: readonly EndSignal[], listener: () => void) => {
    for (const signal of signals) streams.on(signal, listener);
    return () => {
      for (const signal of signals) streams.off(signal, listener);
    };
  };
  const output = (stream: OutputStream) => {
    const isTerminal = stream.isTTY === true;
    const color = settings.color ?? wantsColor(isTerminal, env);
    return new Output(stream, { isTerminal, color, canErase: isTerminal && env.TERM !== "dumb" });
  };
  return {
    streams,
    stdout: output(streams.stdout),
    stderr: output(streams.stderr),
    onInterrupt: (listener) => onSignals(["SIGINT"], listener),
    onEnd: (listener) => onSignals(["SIGINT", "SIGTERM", "SIGHUP"], listener),
  };
}

/**
 * `FORCE_COLOR` beats `NO_COLOR`, as in Node itself; without either, terminals that can have colours.
 * @see https://no-color.org, https://force-color.org
 */
export function wantsColor(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: kind } = env;
  if (force !== undefined) return force !== "0" && force !== "false";
  return isTerminal && !no && kind !== "dumb";
}

/** On Windows, a closed pipe reports its end this way. */
function isReaderGone(error: NodeJS.ErrnoException): boolean {
  return ["EPIPE", "EOF", "ECONNRESET"].includes(error.code ?? "");
}

/** One output: text in order, as fast as its reader takes it. */
export class Output {
  /** True for a screen, where foreign text must not drive the terminal. */
  readonly isTerminal: boolean;
  readonly color: boolean;
  /** True if the text of the current line can be erased. */
  readonly canErase: boolean;
  readonly #stream: OutputStream;
  readonly #gone = new AbortController();
  #failure: Error | undefined;

  constructor(
    stream: OutputStream,
    traits: { readonly isTerminal: boolean; readonly color: boolean; readonly canErase: boolean },
  ) {
    this.#stream = stream;
    this.isTerminal = traits.isTerminal;
    this.color = traits.color;
    this.canErase = traits.canErase;
    stream.on("error", (error) => {
      if (!this.gone.aborted && !isReaderGone(error)) this.#failure = error;
      this.#gone.abort();
    });
  }

  /** Fires when the reader is gone, as after `| head -1`, or when writing fails. Later writes are dropped. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /**
   * Resolves when all text has been taken, with the reason if writing failed, such as a full disk. A reader that is
   * gone has had enough.
   */
  async ended(): Promise<Error | undefined> {
    if (!this.gone.aborted) await new Promise((resolve) => this.#stream.write("", resolve));
    return this.#failure;
  }

  /** The width in characters. */
  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  /** Writes text unchanged. Resolves when there is room for more. */
  async write(text: string): Promise<void> {
    if (text === "" || this.gone.aborted || this.#stream.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#stream.off("drain", done);
        this.gone.removeEventListener("abort", done);
        resolve();
      };
      this.#stream.on("drain", done);
      this.gone.addEventListener("abort", done);
    });
  }

  /** Writes one line of our own; text that it quotes cannot break it. */
  line(text: string): Promise<void> {
    return this.write(`${oneLine(text)}\n`);
  }

  /** Writes the same, dimmed. */
  aside(text: string): Promise<void> {
    return this.write(`${this.dim(oneLine(text))}\n`);
  }

  /** Returns the text, dimmed if colours are on. */
  dim(text: string): string {
    return this.color ? `\x1b[2m${text}\x1b[22m` : text;
  }
}
