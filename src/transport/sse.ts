/**
 * Parses server-sent events from text, synchronously: text in, calls of `onEvent` out. No decoding, no clock.
 * `id` and `retry` serve reconnecting. A client that POSTs does not reconnect, so they are ignored.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */

import { isJson } from "../platform/json-text.ts";

/**
 * Receives one event. `event` is `""` for the default type; `data` may also be `""` (`data:` and nothing more).
 * Returning `true`, or throwing, ends the parsing for good: later text is ignored.
 */
export type OnSseEvent = (data: string, event: string) => boolean | undefined;

export interface SseParserOptions {
  /**
   * Maximum length of one event, in characters of the pushed text: UTF-16 units of decoded text, bytes of text that is
   * not decoded yet. All text since the last blank line counts, including comments and an unfinished line.
   * @default 33 554 432 (32 Mi). Clients count bytes instead, with any transport, and pass their `maxReplyBytes` here.
   */
  readonly maxEventLength?: number;
}

export interface SseParser {
  /**
   * Parses the next piece of text, cut anywhere. Every event that it completes is delivered before `push` returns.
   * Linear in the length of the text, for any cuts. Must not be called from within `onEvent`.
   * @throws SseOverflowError when an event exceeds `maxEventLength`; any error of `onEvent`. Both end the parsing.
   */
  push(text: string): void;
  /**
   * Ends the body. Returns the event that still lacks its blank line, if it has data; its last line may be cut.
   * The standard drops this event, but proxies lose final blank lines. The caller should use it if it
   * parses, and otherwise report the reply as truncated.
   */
  end(): { readonly data: string; readonly event: string } | undefined;
}

/** Thrown when an event, or an unfinished line, exceeds `maxEventLength`. */
export class SseOverflowError extends Error {
  override readonly name = "SseOverflowError";
  constructor(limit: number) {
    super(`an event is longer than ${limit} characters`);
  }
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const BOM = 0xfeff;

/**
 * Returns a parser for one response body. Its text is decoded UTF-8, or undecoded UTF-8 with one character for each
 * byte: the grammar is ASCII except for the byte order mark. One U+FEFF at the very start is dropped; any other is
 * data. A caller that decodes later drops the three bytes of the mark itself.
 *
 * There are two departures from the standard. Each makes an event with the data `{"error":…}`:
 * - a field `error` that holds JSON, if the event has no data of its own (llama.cpp until September 2025)
 * - lines of plain JSON with a member `error` (Gemini in mid-stream)
 *
 * Without them a failed reply would look complete. @see https://github.com/ggml-org/llama.cpp/pull/16109
 */
export function createSseParser(onEvent: OnSseEvent, options: SseParserOptions = {}): SseParser {
  const { maxEventLength = 32 * 1024 * 1024 } = options;
  const line = new Pieces(); // the line that has not ended yet
  const data = new Pieces(); // the data lines of the event that has not ended yet
  let dataLines = 0;
  let event = "";
  let errorJson = "";
  let plainLines = ""; // lines of JSON without a field name
  let lengthBefore = 0; // length of the event that has not ended yet, in earlier pushes
  let skipFirst = BOM; // dropped when the next text starts with it: the BOM, later the LF of a CR LF cut in two
  let stopped = false;

  function push(text: string): void {
    if (stopped || text === "") return;
    let at = text.charCodeAt(0) === skipFirst ? 1 : 0;
    skipFirst = text.charCodeAt(text.length - 1) === CR ? LF : -1; // the CR itself ends its line at once
    let start = lengthBefore === 0 ? at : 0; // of the event: an LF skipped within it counts, a BOM before it does not
    let lf = find(text, "\n", at);
    let cr = find(text, "\r", at); // searched once: a search on each line would be quadratic
    for (;;) {
      const end = lf < cr ? lf : cr;
      if (end === text.length) break;
      let next = afterLineEnd(text, end);
      const code = text.charCodeAt(next);
      if (line.length > 0) {
        line.add(text.slice(at, end));
        readLine(line.take());
      } else if (end === at) {
        checkLength(lengthBefore + at - start);
        const joined = takeData();
        const type = event;
        event = "";
        if (joined !== undefined) emit(joined, type);
        lengthBefore = 0;
        start = next;
      } else if ((code === LF || code === CR) && dataLines === 0 && text.slice(at, at + 5) === "data:") {
        // Nearly every event of an LLM is one line of data and a blank line. It never enters the buffers.
        checkLength(lengthBefore + next - start);
        const type = event;
        event = errorJson = "";
        emit(text.slice(text.charCodeAt(at + 5) === SPACE ? at + 6 : at + 5, end), type);
        next = afterLineEnd(text, next);
        lengthBefore = 0;
        start = next;
      } else {
        readLine(text.slice(at, end));
      }
      if (stopped) return;
      at = next;
      if (lf < at) lf = find(text, "\n", at);
      if (cr < at) cr = find(text, "\r", at);
    }
    if (at < text.length) line.add(text.slice(at));
    lengthBefore += text.length - start;
    checkLength(lengthBefore);
  }

  function readLine(text: string): void {
    const colon = text.indexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1);
    if (name === "data") {
      if (dataLines > 0) data.add("\n");
      data.add(value);
      dataLines += 1;
    } else if (name === "event") {
      event = value;
    } else if (name === "error" && isJson(value)) {
      errorJson = value;
    } else if (plainLines !== "" || text.startsWith("{") || text.startsWith("[")) {
      plainLines += `${text}\n`;
    }
  }

  function takeData(): string | undefined {
    let joined = dataLines > 0 ? data.take() : undefined;
    if (errorJson !== "") joined ??= `{"error":${errorJson}}`;
    if (plainLines !== "" && isError(plainLines)) joined ??= plainLines;
    dataLines = 0;
    errorJson = plainLines = "";
    return joined;
  }

  function emit(event: string, type: string): void {
    stopped = true; // stays so if `onEvent` throws
    stopped = onEvent(event, type) === true;
  }

  function checkLength(length: number): void {
    if (length <= maxEventLength) return;
    stopped = true;
    line.take();
    data.take();
    throw new SseOverflowError(maxEventLength);
  }

  function end(): { data: string; event: string } | undefined {
    if (stopped) return undefined;
    stopped = true;
    if (line.length > 0) readLine(line.take());
    const text = takeData();
    return text === undefined ? undefined : { data: text, event };
  }

  return { push, end };
}

/** Returns the next place of `mark`; the length of the text without one. */
function find(text: string, mark: "\n" | "\r", from: number): number {
  const index = text.indexOf(mark, from);
  return index < 0 ? text.length : index;
}

function afterLineEnd(text: string, end: number): number {
  return text.charCodeAt(end) === CR && text.charCodeAt(end + 1) === LF ? end + 2 : end + 1;
}

function isError(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    const [first] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return Boolean((first as { readonly error?: unknown } | null | undefined)?.error);
  } catch {
    return false;
  }
}

/** Pieces shorter than this on the average are joined in blocks. */
const SHORT_PIECE = 1024;

/**
 * Text that grows by pieces and is joined once, when complete. Every 1024 short pieces become one block. A line that
 * arrives byte by byte then costs no array slot or string header for each byte. Long pieces are not copied before the
 * end: an unfinished line would take twice its length.
 */
class Pieces {
  length = 0;
  #blocks: string[] = [];
  #pieces: string[] = [];
  #joined = 0; // characters in blocks

  add(piece: string): void {
    this.length += piece.length;
    if (this.#pieces.push(piece) < 1024) return;
    if (this.length - this.#joined <= 1024 * SHORT_PIECE) this.#blocks.push(this.#pieces.join(""));
    else this.#blocks.push(...this.#pieces);
    this.#joined = this.length;
    this.#pieces = [];
  }

  take(): string {
    const all = this.#blocks.join("") + this.#pieces.join("");
    this.#blocks = [];
    this.#pieces = [];
    this.length = this.#joined = 0;
    return all;
  }
}
