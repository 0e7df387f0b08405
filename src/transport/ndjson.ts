/**
 * Parses newline-delimited JSON from text, synchronously, with the interface and the bounds of the SSE parser: one
 * value a line. No decoding, no clock.
 * @see https://github.com/ndjson/ndjson-spec
 */

import { TextBuffer } from "../platform/text-buffer.ts";
import { type OnSseEvent, SseOverflowError, type SseParser, type SseParserOptions } from "./sse.ts";

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;

/**
 * Returns a parser for one response body. Its text is decoded UTF-8, or undecoded UTF-8 with one character for each
 * byte. Lines end with LF or CR LF; empty lines are skipped. Events have no type.
 *
 * A body whose first line is not a complete object is one document over several lines: a server that ignores the
 * request for a stream may write it so. `end` returns it.
 */
export function createNdjsonParser(onEvent: OnSseEvent, options: SseParserOptions = {}): SseParser {
  const { maxEventLength = 32 * 1024 * 1024 } = options;
  let line = new TextBuffer(); // the line that has not ended yet
  let form: "unknown" | "lines" | "document" = "unknown";
  let stopped = false;

  function push(text: string): void {
    if (stopped) return;
    let at = 0;
    for (let end = lineEnd(text, 0); end >= 0; end = lineEnd(text, at)) {
      const piece = text.slice(at, end);
      at = end + 1;
      if (line.length === 0) readLine(piece);
      else readLine(takeLine(piece));
      if (stopped) return;
    }
    if (at < text.length) line.add(at === 0 ? text : text.slice(at));
    checkLength(line.length);
  }

  /** Returns the next end of a line; -1 without one. A document is one line, with its line breaks. */
  function lineEnd(text: string, from: number): number {
    return form === "document" ? -1 : text.indexOf("\n", from);
  }

  function takeLine(end: string): string {
    line.add(end);
    const text = line.toString();
    line = new TextBuffer();
    return text;
  }

  function readLine(text: string): void {
    checkLength(text.length);
    const data = withoutSpace(text);
    if (data === "") return;
    if (form === "unknown" && !data.endsWith("}")) {
      form = "document";
      line.add(`${text}\n`);
      return;
    }
    form = "lines";
    stopped = true; // stays so if `onEvent` throws
    stopped = onEvent(data, "") === true;
  }

  function checkLength(length: number): void {
    if (length <= maxEventLength) return;
    stopped = true;
    line = new TextBuffer();
    throw new SseOverflowError(maxEventLength);
  }

  function end(): { data: string; event: string } | undefined {
    if (stopped) return undefined;
    stopped = true;
    const data = withoutSpace(takeLine(""));
    return data === "" ? undefined : { data, event: "" };
  }

  return { push, end };
}

/**
 * Returns the text without the white space of JSON around it. Other white space may be a part of a character's bytes.
 */
function withoutSpace(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from += 1;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === SPACE || code === LF || code === CR || code === TAB;
}
