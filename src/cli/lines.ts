/** Lines that a person types or a script pipes in, Ctrl-C and the end of input, in order and on demand. */

import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { oneLine } from "./one-line.ts";
import type { ProcessStreams, Terminal } from "./terminal.ts";

export type Line =
  | { readonly type: "line"; readonly text: string }
  /** Ctrl-C while nothing was typed. */
  | { readonly type: "interrupt" }
  | { readonly type: "end" };

export interface Lines {
  /** True for a terminal. */
  readonly isInteractive: boolean;
  /** Resolves with the next line. Only a terminal shows the prompt. */
  next(prompt: string): Promise<Line>;
  /** Sets the listener of the next Ctrl-C while no line is awaited. Returns a function that removes the listener. */
  onInterrupt(listener: () => void): () => void;
  close(): void;
}

/** Lines that arrived before they were requested. */
class LineQueue {
  #lines: Line[] = [];
  /** The number of lines that were taken. Shifting all others for each would be slow in a long pipe. */
  #taken = 0;
  #waiter: ((line: Line) => void) | undefined;
  #listener: (() => void) | undefined;

  /** An interrupt precedes all lines that wait. */
  push(line: Line): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter) waiter(line);
    else if (line.type === "interrupt") this.#interrupt(line);
    else this.#lines.push(line);
  }

  #interrupt(line: Line): void {
    this.#lines = [line, ...this.#lines.slice(this.#taken)];
    this.#taken = 0;
  }

  take(): Line | undefined {
    const line = this.#lines[this.#taken++];
    if (this.#taken >= this.#lines.length) {
      this.#lines = [];
      this.#taken = 0;
    }
    return line;
  }

  wait(): Promise<Line> {
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  /** Ctrl-C: calls the listener. Returns false without one. */
  stop(): boolean {
    const listener = this.#listener;
    listener?.();
    return listener !== undefined;
  }

  onInterrupt(listener: () => void): () => void {
    this.#listener = listener;
    return () => {
      if (this.#listener === listener) this.#listener = undefined;
    };
  }
}

/** Reads stdin: with editing, history and pasting where it is a terminal, else line by line. */
export function readLines(terminal: Terminal, completions: readonly string[]): Lines {
  const { streams } = terminal;
  const isInteractive = streams.stdin.isTTY === true && streams.stderr.isTTY === true;
  return isInteractive ? new Keyboard(terminal, completions) : new PipedLines(terminal);
}

class PipedLines implements Lines {
  readonly isInteractive = false;
  readonly #queue = new LineQueue();
  readonly #readline: Interface;
  readonly #offInterrupt: () => void;

  constructor(terminal: Terminal) {
    const { stdin } = terminal.streams;
    this.#readline = createInterface({ input: stdin, terminal: false, crlfDelay: Number.POSITIVE_INFINITY });
    this.#readline.on("line", (text) => this.#queue.push({ type: "line", text }));
    this.#readline.on("close", () => this.#queue.push({ type: "end" }));
    let isFirst = true;
    this.#offInterrupt = terminal.onInterrupt(() => {
      // The next line is requested at once, so the second Ctrl-C means all of them.
      const isEnough = this.#queue.stop() && isFirst;
      isFirst = false;
      if (!isEnough) this.#queue.push({ type: "interrupt" });
    });
  }

  async next(): Promise<Line> {
    return this.#queue.take() ?? this.#queue.wait();
  }

  onInterrupt(listener: () => void): () => void {
    return this.#queue.onInterrupt(listener);
  }

  close(): void {
    this.#offInterrupt();
    this.#readline.close();
  }
}

const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";

/**
 * Always listens, so that Ctrl-C works during a reply (a terminal in raw mode sends no signal). It keeps text that is
 * typed meanwhile, and shows typed text only while a line is awaited.
 */
class Keyboard implements Lines {
  readonly isInteractive = true;
  readonly #queue = new LineQueue();
  readonly #stdin: NodeJS.ReadableStream;
  readonly #screen: NodeJS.WritableStream;
  readonly #echo: Echo;
  readonly #readline: Interface;
  readonly #offInterrupt: () => void;
  /** Complete lines of a paste. The terminal marks its start and end: a pasted newline sends nothing. */
  #pasted: string[] = [];
  #isPasting = false;
  #prompt = "";

  constructor(terminal: Terminal, completions: readonly string[]) {
    const { stdin, stderr } = terminal.streams;
    this.#stdin = stdin;
    this.#screen = stderr;
    this.#echo = new Echo(stderr);
    this.#readline = createInterface({
      input: stdin,
      output: this.#echo,
      terminal: true,
      historySize: 200,
      completer: (line: string) => [
        line.startsWith("/") ? completions.filter((each) => each.startsWith(line)) : [],
        line,
      ],
    });
    stdin.on("keypress", this.#onKey);
    this.#readline.on("line", (text) => this.#onLine(text));
    this.#readline.on("SIGINT", () => this.#onInterrupt());
    this.#readline.on("SIGCONT", () => this.#onContinue());
    this.#readline.on("close", () => this.#queue.push({ type: "end" }));
    this.#offInterrupt = terminal.onInterrupt(() => this.#onInterrupt());
    stderr.write(PASTE_ON);
  }

  async next(prompt: string): Promise<Line> {
    const early = this.#queue.take();
    if (early) {
      if (early.type === "line")
        this.#screen.write(`${prompt}${early.text.split("\n").map(oneLine).join(`\n${MORE}`)}\n`);
      return early;
    }
    this.#echo.isShown = true;
    this.#prompt = prompt;
    this.#readline.setPrompt(this.#pasted.length > 0 ? MORE : prompt);
    this.#readline.prompt(true);
    return this.#queue.wait();
  }

  onInterrupt(listener: () => void): () => void {
    return this.#queue.onInterrupt(listener);
  }

  close(): void {
    this.#offInterrupt();
    this.#stdin.off("keypress", this.#onKey);
    this.#readline.close();
    this.#screen.write(PASTE_OFF);
  }

  readonly #onKey = (_text: string | undefined, key: { readonly name?: string }): void => {
    if (key.name === "paste-start") this.#isPasting = true;
    if (key.name === "paste-end") this.#isPasting = false;
  };

  #onLine(text: string): void {
    if (this.#isPasting) {
      this.#pasted.push(text);
      this.#readline.setPrompt(MORE);
      if (this.#echo.isShown) this.#readline.prompt();
      return;
    }
    this.#echo.isShown = false;
    this.#queue.push({ type: "line", text: [...this.#pasted.splice(0), text].join("\n") });
  }

  /** Resumes after Ctrl-Z. Readline has paused itself, and would not receive any key, not even Ctrl-C. */
  #onContinue(): void {
    this.#readline.resume();
    this.#screen.write(PASTE_ON); // the shell had the terminal meanwhile
  }

  #onInterrupt(): void {
    if (this.#queue.stop()) return;
    const isEmpty = this.#readline.line === "" && this.#pasted.length === 0;
    const isShown = this.#echo.isShown;
    this.#pasted = [];
    // The typed text stays on the screen, as in a shell, but is discarded.
    this.#readline.write(null, { ctrl: true, name: "e" });
    this.#echo.isShown = false;
    this.#readline.write(null, { ctrl: true, name: "u" });
    if (isShown) this.#screen.write("^C\n");
    if (isEmpty) return this.#queue.push({ type: "interrupt" });
    if (!isShown) return;
    this.#echo.isShown = true;
    this.#readline.setPrompt(this.#prompt);
    this.#readline.prompt();
  }
}

/** The prompt within a turn of several lines. */
export const MORE = "… ";

/**
 * Control characters and direction overrides that a paste may bring and readline, whose own sequences begin with ESC,
 * does not use. It counts no column for them.
 */
const UNSEEN = /[\u0080-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The output of readline: the screen, or nothing. Synchronous, so that it keeps its order with other output. */
class Echo extends Writable {
  isShown = false;
  readonly #screen: ProcessStreams["stderr"];

  constructor(screen: ProcessStreams["stderr"]) {
    super({ decodeStrings: false });
    this.#screen = screen;
    screen.on("resize", () => this.emit("resize"));
  }

  get columns(): number {
    return this.#screen.columns ?? 80;
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    if (this.isShown) this.#screen.write(text.replace(UNSEEN, "").replace(/[\u2028\u2029]/g, " "));
    done();
  }
}
