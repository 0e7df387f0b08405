/** Prints one reply: its words to stdout as they arrive, everything else to stderr. */

import {
  type AssistantMessage,
  type ClientWrapper,
  type Media,
  type MessageChunk,
  MessageStream,
  reportWaiting,
  SendError,
} from "../index.ts";
import { visibleJson } from "../page/visible-json.ts";
import { createMarkdownRenderer, type MarkdownRenderer, printable } from "./markdown/markdown.ts";
import { columnsOf } from "./markdown/table.ts";
import { quoted } from "./one-line.ts";
import { createSilence, type Spinner, startSpinner } from "./spinner.ts";
import type { Terminal } from "./terminal.ts";

/** The outcome of a reply. `unread`: the reader of stdout has gone. */
export type Outcome =
  | { readonly status: "answered"; readonly message: AssistantMessage }
  | { readonly status: "stopped"; readonly message: AssistantMessage | undefined }
  | { readonly status: "failed"; readonly error: SendError }
  | { readonly status: "unread" };

/** The pictures and sounds that arrived, also those of a failed reply. */
export function mediaOf(outcome: Outcome): readonly Media[] | undefined {
  if (outcome.status === "unread") return undefined;
  return (outcome.status === "failed" ? outcome.error.partial : outcome.message)?.media;
}

export interface ShowOptions {
  /** Writes every chunk as a line of JSON instead of the text. */
  readonly json?: boolean;
  /** The source of Ctrl-C; each one calls back. */
  readonly onInterrupt: Terminal["onInterrupt"];
}

/**
 * Sends and shows. The first Ctrl-C stops the reply, at any moment; the text so far stays.
 * @param send opens the stream; its signal fires when the reply is no longer wanted
 * @throws the error of `send`, if it is not a `SendError`
 */
export async function showReply(
  send: (signal: AbortSignal) => Promise<MessageStream>,
  client: ClientWrapper,
  terminal: Terminal,
  { json = false, onInterrupt }: ShowOptions,
): Promise<Outcome> {
  const { gone } = terminal.stdout;
  if (gone.aborted) return { status: "unread" };
  const abort = new AbortController();
  let stream: MessageStream | undefined;
  const stop = () => {
    offInterrupt(); // a second Ctrl-C is not for the reply
    // A stop is a normal end, which a session keeps as such. Before the stream is open, only the signal can end the
    // call.
    if (stream)
      stream.stop().catch(() => undefined); // the loop reports a failure of the reply
    else abort.abort();
  };
  const offInterrupt = onInterrupt(stop);
  gone.addEventListener("abort", stop);
  const spinner = startSpinner(terminal.stderr, `waiting for ${quoted(client.model)}`);
  const silence = createSilence(terminal);
  const view = json ? new JsonView(terminal, spinner) : new TextView(terminal, spinner);
  try {
    stream = await reportWaiting(
      () => send(abort.signal),
      // The first sign says the same until the first word.
      ({ waitedMs }) => spinner.isShown || view.isAtEdge || silence.show(waitedMs),
    );
    for await (const chunk of stream) {
      silence.end();
      await view.show(chunk);
      if (chunk.type !== "final") continue;
      await view.end();
      if (gone.aborted) return { status: "unread" };
      const { message } = chunk;
      return { status: message.finishReason === "stopped" ? "stopped" : "answered", message };
    }
    throw new SendError("protocol", "The stream ended without a final chunk."); // law 2 forbids it
  } catch (error) {
    silence.end();
    await view.end();
    if (gone.aborted) return { status: "unread" };
    if (!(error instanceof SendError)) throw error;
    return error.kind === "aborted" ? { status: "stopped", message: error.partial } : { status: "failed", error };
  } finally {
    silence.end();
    spinner.end();
    gone.removeEventListener("abort", stop);
    offInterrupt();
  }
}

/** Returns a non-streamed reply as a stream. */
export function streamOf(message: AssistantMessage): MessageStream {
  async function* chunks(): AsyncGenerator<MessageChunk> {
    if (message.reasoning !== "")
      yield { type: "reasoning", content: "", reasoning: message.reasoning, isFinal: false };
    if (message.content !== "") yield { type: "text", content: message.content, isFinal: false };
    for (const [index, medium] of (message.media ?? []).entries())
      yield { type: "media", content: "", index, ...medium, isFinal: false };
    for (const citation of message.citations) yield { type: "citation", content: "", ...citation, isFinal: false };
    yield { type: "final", content: "", message, isFinal: true };
  }
  return MessageStream.from(chunks());
}

interface View {
  /** Whether the last line fills the screen exactly: a terminal forgets that when it goes to another line and back. */
  readonly isAtEdge: boolean;
  /** Resolves when the reader has room for more. */
  show(chunk: MessageChunk): Promise<void>;
  /** Ends the output. Further calls do nothing. */
  end(): Promise<void>;
}

/** For programs. */
class JsonView implements View {
  readonly isAtEdge = false;
  readonly #terminal: Terminal;
  readonly #spinner: Spinner;

  constructor(terminal: Terminal, spinner: Spinner) {
    this.#terminal = terminal;
    this.#spinner = spinner;
  }

  show(chunk: MessageChunk): Promise<void> {
    this.#spinner.end();
    return this.#terminal.stdout.write(`${visibleJson(JSON.stringify(chunk))}\n`);
  }

  async end(): Promise<void> {
    this.#spinner.end();
  }
}

/** Longer addresses are cut, in characters. */
const MAX_URL = 2_000;

/**
 * For people: rendered on a screen, plain into a pipe. Thinking and sources are shown only if both outputs are screens.
 */
class TextView implements View {
  readonly #terminal: Terminal;
  readonly #spinner: Spinner;
  readonly #renderer: MarkdownRenderer;
  readonly #isScreen: boolean;
  readonly #sources = new Map<string, string | undefined>();
  #state: "nothing" | "reasoning" | "text" | "ended" = "nothing";
  #lastCharacter = "\n";
  /** The end of the output from its last line break on. */
  #lastLine = "";

  constructor(terminal: Terminal, spinner: Spinner) {
    const { stdout, stderr } = terminal;
    this.#terminal = terminal;
    this.#spinner = spinner;
    this.#isScreen = stdout.isTerminal && stderr.isTerminal;
    const { color, columns: width } = stdout;
    this.#renderer = stdout.isTerminal || color ? createMarkdownRenderer({ color, width }) : verbatim();
  }

  get isAtEdge(): boolean {
    const width = columnsOf(withoutColors(this.#lastLine));
    return width > 0 && width % this.#terminal.stdout.columns === 0;
  }

  async show(chunk: MessageChunk): Promise<void> {
    switch (chunk.type) {
      case "text":
        return this.#text(this.#renderer.push(chunk.content));
      case "reasoning":
        return this.#reasoning(chunk.reasoning);
      case "citation":
        this.#sources.set(chunk.url, chunk.title);
        return;
      case "rewind":
        // The command line does not enable recovery. It cannot take back printed text, but it can report the rewind.
        return this.#note(`[the last ${chunk.length} characters are withdrawn]`);
      case "media":
        if (chunk.partial) this.#spinner.now("a picture or a sound is being made");
        return;
      case "toolCallDelta":
        return this.#spinner.now(`${quoted(chunk.name)} is being called`);
      case "toolCall":
      case "toolResult":
      case "final":
        return;
    }
  }

  async end(): Promise<void> {
    if (this.#state === "ended") return;
    await this.#text(this.#renderer.end());
    this.#spinner.end();
    await this.#endLine();
    this.#state = "ended";
    if (!this.#isScreen) return;
    let number = 0;
    for (const [url, title] of this.#sources) {
      number += 1;
      await this.#terminal.stderr.aside(`[${number}] ${title ? `${quoted(title)}: ` : ""}${quoted(url, MAX_URL)}`);
    }
  }

  async #text(text: string): Promise<void> {
    if (text === "") return;
    this.#spinner.end();
    if (this.#state === "reasoning") {
      await this.#endLine();
      await this.#terminal.stderr.write("\n");
    }
    this.#state = "text";
    this.#wrote(text);
    await this.#terminal.stdout.write(text);
  }

  async #reasoning(text: string): Promise<void> {
    if (!this.#isScreen) return this.#spinner.now("thinking");
    if (text === "") return;
    this.#spinner.end();
    if (this.#state === "text") await this.#endLine();
    this.#state = "reasoning";
    this.#wrote(text);
    await this.#terminal.stderr.write(this.#terminal.stderr.dim(printable(text)));
  }

  #wrote(text: string): void {
    this.#lastCharacter = text.slice(-1);
    const start = text.lastIndexOf("\n") + 1;
    this.#lastLine = start > 0 ? text.slice(start) : this.#lastLine + text;
  }

  async #note(text: string): Promise<void> {
    await this.#endLine();
    await this.#terminal.stderr.aside(text);
  }

  /** Ends an unfinished line in its own output: the last line of a file also needs an end. */
  async #endLine(): Promise<void> {
    if (this.#lastCharacter === "\n") return;
    this.#wrote("\n");
    const { stdout, stderr } = this.#terminal;
    await (this.#state === "reasoning" ? stderr : stdout).write("\n");
  }
}

/** Without the colours of the renderer, which take no room. */
function withoutColors(text: string): string {
  return text.replace(/\x1b\[[\d;]*m/g, "");
}

/** Passes text on without halves of characters, each of which would become U+FFFD. */
function verbatim(): MarkdownRenderer {
  let half = "";
  return {
    push(text) {
      const joined = half + text;
      half = /[\ud800-\udbff]$/.exec(joined)?.[0] ?? "";
      return half === "" ? joined : joined.slice(0, -1);
    },
    end() {
      const rest = half;
      half = "";
      return rest;
    },
  };
}
