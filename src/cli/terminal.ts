/** Where the command line reads and writes: the one place that knows what is a screen and what is a pipe. */

import { oneLine } from "./one-line.ts";

/** What of a process is used; `process` itself is one. */
export interface ProcessStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  on(event: "SIGINT", listener: () => void): unknown;
  off(event: "SIGINT", listener: () => void): unknown;
}

export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** The streams of a process, its outputs told apart, and the interrupt key. */
export interface Terminal {
  /** What is underneath, for whoever reads keys. */
  readonly streams: ProcessStreams;
  /** Replies, and nothing else. */
  readonly stdout: Output;
  /** Everything else. */
  readonly stderr: Output;
  /** Calls back on each Ctrl-C until the returned function is called; without any listener, Ctrl-C ends the process. */
  onInterrupt(listener: () => void): () => void;
}

/** @param settings `color: false` switches colours off whatever the environment says */
export function createTerminal(
  streams: ProcessStreams,
  env: NodeJS.ProcessEnv,
  settings: { readonly color?: false },
): Terminal {
  const output = (stream: OutputStream) => {
    const isTerminal = stream.isTTY === true;
    const color = settings.color ?? wantsColor(isTerminal, env);
    return new Output(stream, { isTerminal, color, canErase: isTerminal && env.TERM !== "dumb" });
  };
  return {
    streams,
    stdout: output(streams.stdout),
    stderr: output(streams.stderr),
    onInterrupt(listener) {
      streams.on("SIGINT", listener);
      return () => void streams.off("SIGINT", listener);
    },
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

/** On Windows, a pipe that was closed is at its end. */
function isReaderGone(error: NodeJS.ErrnoException): boolean {
  return ["EPIPE", "EOF", "ECONNRESET"].includes(error.code ?? "");
}

/** One output: text in order, as fast as its reader takes it. */
export class Output {
  /** A screen, where text from elsewhere must not drive the terminal. */
  readonly isTerminal: boolean;
  readonly color: boolean;
  /** Whether what is on the line can be taken back. */
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

  /** Fires when the reader is gone, as after `| head -1`, or writing fails. Later writes are dropped. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when all that was written has been taken, with why it could not be, such as a full disk; a reader that went has had enough. */
  async ended(): Promise<Error | undefined> {
    if (!this.gone.aborted) await new Promise((resolve) => this.#stream.write("", resolve));
    return this.#failure;
  }

  /** Its width in characters. */
  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  /** Writes text as it is. Resolves when there is room for more. */
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

  /** Writes one line of our own, whatever it quotes. */
  line(text: string): Promise<void> {
    return this.write(`${oneLine(text)}\n`);
  }

  /** The same, less conspicuous. */
  aside(text: string): Promise<void> {
    return this.write(`${this.dim(oneLine(text))}\n`);
  }

  /** The text dimmed where there are colours. */
  dim(text: string): string {
    return this.color ? `\x1b[2m${text}\x1b[22m` : text;
  }
}
