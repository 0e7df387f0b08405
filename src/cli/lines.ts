/** What a person types, or a script pipes in: lines, Ctrl-C and the end of input, in order and on demand. */

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
  /** True when somebody sits there. */
  readonly isInteractive: boolean;
  /** Resolves with the next line. The prompt is shown only to a person. */
  next(prompt: string): Promise<Line>;
  /** Whom the next Ctrl-C stops while no line is being waited for. Returns how to end that. */
  onInterrupt(listener: () => void): () => void;
  close(): void;
}

/** Lines that came and were not asked for yet. */
class LineQueue {
  #lines: Line[] = [];
  /** How many of them were taken: to move all others up for each would be felt in a long pipe. */
  #taken = 0;
  #waiter: ((line: Line) => void) | undefined;
  #listener: (() => void) | undefined;

  /** An interrupt goes before all lines that wait. */
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

  /** Ctrl-C: stops the listener. Returns false when there is none. */
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
      // The next line is under way at once, so the second Ctrl-C means all of them.
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
 * Always listens, so that Ctrl-C works while a reply is being written (a terminal in raw mode sends no signal) and what
 * is typed meanwhile is kept; shows what is typed only while a line is being waited for.
 */
class Keyboard implements Lines {
  readonly isInteractive = true;
  readonly #queue = new LineQueue();
  readonly #stdin: NodeJS.ReadableStream;
  readonly #screen: NodeJS.WritableStream;
  readonly #echo: Echo;
  readonly #readline: Interface;
  readonly #offInterrupt: () => void;
  /** Whole lines of a paste. The terminal marks its start and end: a pasted newline sends nothing. */
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

  /** Back after Ctrl-Z. Readline has paused itself, so that nothing typed would be heard, not even Ctrl-C. */
  #onContinue(): void {
    this.#readline.resume();
    this.#screen.write(PASTE_ON); // the shell had the terminal meanwhile
  }

  #onInterrupt(): void {
    if (this.#queue.stop()) return;
    const isEmpty = this.#readline.line === "" && this.#pasted.length === 0;
    const isShown = this.#echo.isShown;
    this.#pasted = [];
    // What was typed stays on the screen, as in a shell, and is gone all the same.
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

/** Shown where a turn goes on. */
export const MORE = "… ";

/**
 * Control characters and direction overrides that a paste may bring and readline, whose own sequences begin with ESC, does not use. It
 * counts no column for them.
 */
const UNSEEN = /[\u0080-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** What readline writes to: the screen, or nothing. Synchronous, so that it keeps its place among what others write. */
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
