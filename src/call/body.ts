/** The body of one answer: detects its form, and turns its events or its document into chunks through the protocol. */

import { SendError } from "../contract/errors.ts";
import { parseExact } from "../platform/exact-json.ts";
import { isDeeper, MAX_DEPTH } from "../platform/json-depth.ts";
import { isJson } from "../platform/json-text.ts";
import type { Decoder, Protocol } from "../protocols/protocol.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { ChunkSink } from "../stream/source.ts";
import { createSseParser, type SseParser } from "../transport/sse.ts";
import { createEventJsonParser } from "./event-json.ts";
import type { EventShapes } from "./event-shapes.ts";

/** Maximum length of the quotation from a body that is neither events nor a document. */
const MAX_QUOTE_LENGTH = 200;

/** Events without content, which some proxies write in words, by their names or by these words themselves. */
const PULSE = /^\[?(ping|pong|heart_?-?beat|keep_?-?alive|end|done|close|complete)\]?$/i;

const FIELDS = ["data:", "event:", "id:", "retry:", ":"];

/** The form of the body, as its text shows it. The content type is not used. */
type Form =
  | { readonly kind: "unknown"; text: string }
  | { readonly kind: "events"; readonly parser: SseParser; readonly end: "\n" | "\n\n" }
  | { readonly kind: "document"; readonly pieces: string[] };

/** The destination of a body's chunks and facts. */
export interface BodyTarget {
  readonly protocol: Protocol;
  readonly facts: ReplyFacts;
  readonly sink: ChunkSink;
  /** See `Exchange.decode`. */
  readonly decode: (delivered: string) => string;
  readonly shapes: EventShapes;
  /** See `SendOptions.raw`. */
  readonly raw: boolean;
  /**
   * Maximum length of one event, in characters. Equals the limit of the reply: one event may hold a picture, and the
   * last event all of them.
   */
  readonly maxEventLength: number;
}

/** Reads one body. Errors it throws end the attempt; the chunks before them are in the sink. */
export class Body {
  readonly decoder: Decoder;
  readonly #target: BodyTarget;
  readonly #parse: (data: string) => unknown;
  #form: Form = { kind: "unknown", text: "" };
  #anyChunk = false;
  #anyEvent = false;
  /** Kept only for `SendOptions.raw`. */
  #lastEvent: unknown;
  /** The beginning of the body, as long as no event has come. */
  #beginning = "";
  /** The text that came in the same read as the first chunk, and is not read yet. */
  #rest = "";
  /** Whether the reply is complete; later text is ignored. */
  isComplete = false;

  /** `decoder`: the one that has read the beginning of this reply; default: a new one. */
  constructor(target: BodyTarget, decoder: Decoder = target.protocol.createDecoder(target.facts)) {
    this.decoder = decoder;
    this.#target = target;
    this.#parse = createEventJsonParser(target.decode, target.shapes, parseExact);
  }

  get hasRest(): boolean {
    return this.#rest !== "";
  }

  /** Reads the next text; without one, the rest of the last. Appends chunks to the sink. */
  read(text: string = this.#rest): void {
    this.#rest = "";
    let form = this.#form;
    if (form.kind === "unknown") {
      form.text += text;
      text = withoutMark(form.text);
      const [first] = text.trimStart();
      if (first === undefined) {
        if (text !== "") form.text = "\n"; // stands for any number of empty lines
        return;
      }
      form = this.#form = this.#formOf(first);
    }
    if (form.kind === "events") {
      if (!this.#anyEvent && this.#beginning.length < MAX_QUOTE_LENGTH)
        this.#beginning += text.slice(0, MAX_QUOTE_LENGTH);
      this.#readEvents(text, form.parser, form.end);
    } else if (form.kind === "document") {
      form.pieces.push(text);
    }
  }

  /** Ends the body. Throws `truncated` when the reply is not complete. */
  end(): void {
    const { facts, decode } = this.#target;
    const form = this.#form;
    switch (form.kind) {
      case "unknown":
        throw new SendError("truncated", `${facts.provider} answered with an empty body.`);
      case "document":
        this.#readDocument(form.pieces.join(""));
        break;
      case "events": {
        const last = form.parser.end();
        // Proxies lose the last blank line; an event that still parses is complete.
        if (last) this.#parseEnd(() => this.#event(last.data, last.event));
        if (!this.#anyEvent && !isEventStream(this.#beginning)) throw new SyntaxError(decode(this.#beginning).trim());
        if (!this.isComplete) this.#end(false);
      }
    }
    this.isComplete = true;
  }

  /**
   * Returns the form that the first character shows. Labels are wrong: event streams come as `text/plain`, errors as
   * event streams.
   */
  #formOf(first: string): Form {
    if (first === "<") throw new SyntaxError("a web page came instead of a reply. Check the base URL.");
    const { protocol, maxEventLength } = this.#target;
    const { framing } = protocol;
    const onEvent = (data: string, type: string) => this.#event(data, type);
    if (first === "{" && framing) return { kind: "events", parser: framing(onEvent, { maxEventLength }), end: "\n" };
    if (first === "{" || first === "[") return { kind: "document", pieces: [] };
    return { kind: "events", parser: createSseParser(onEvent, { maxEventLength }), end: "\n\n" };
  }

  /**
   * Reads events one by one up to the first chunk of the reply, and keeps the rest. So the first token arrives first.
   */
  #readEvents(text: string, parser: SseParser, eventEnd: "\n" | "\n\n"): void {
    if (this.#anyChunk) return parser.push(text);
    const { sink } = this.#target;
    let from = 0;
    while (from < text.length && sink.chunks.length === 0 && !this.isComplete) {
      const end = text.indexOf(eventEnd, from);
      const next = end < 0 ? text.length : end + eventEnd.length;
      parser.push(text.slice(from, next));
      from = next;
    }
    this.#anyChunk = sink.chunks.length > 0;
    if (!this.isComplete) this.#rest = text.slice(from);
  }

  /** Returns true when no later event matters. */
  #event(data: string, type: string): boolean {
    const { decode, protocol, facts } = this.#target;
    this.#anyEvent = true;
    if (data[0] !== "{") {
      const text = data.trim();
      if (text === "") return false;
      if (text === "[DONE]") {
        this.#end(true);
        this.isComplete = true;
        return true;
      }
      // The name of the event says how to read its text.
      if (type === "error" && !text.startsWith("[")) throw protocol.readError(facts.provider, 0, decode(text));
      if (PULSE.test(text) || (PULSE.test(type) && !text.startsWith("["))) return false;
    }
    let event: unknown;
    try {
      event = this.#parse(data);
    } catch (error) {
      if (data.includes("\n")) return this.#joinedEvents(data, error);
      throw error;
    }
    if (data.length > 2 * MAX_DEPTH) checkDepth(event); // each level has two brackets
    this.isComplete = this.#target.raw ? this.#pushRaw(event, type) : this.#push(event, type);
    return this.isComplete;
  }

  /**
   * Reads the events of a server that does not put blank lines between them. Each has its own line, and none a name: of
   * the names, only the last is left.
   */
  #joinedEvents(data: string, error: unknown): boolean {
    const lines = data.split("\n");
    if (!isJson(this.#target.decode(lines[0] ?? ""))) throw error;
    return lines.some((line) => this.#event(line, ""));
  }

  #pushRaw(event: unknown, type: string): boolean {
    const { protocol, facts } = this.#target;
    const isFirst = this.#lastEvent === undefined;
    this.#lastEvent = event;
    const isComplete = this.#marked(() => this.#push(event, type));
    // A complete reply in one line is a document.
    if (isFirst && isComplete && protocol.framing) facts.raw = event;
    return isComplete;
  }

  /**
   * Decodes an event: an object, or an array of errors as Google's servers send it. Other JSON is not an event of any
   * protocol.
   */
  #push(event: unknown, type: string): boolean {
    if (Array.isArray(event)) return event.some((one) => this.#push(one, type));
    if (typeof event !== "object" || event === null) return false;
    return this.decoder.push(event, type, this.#target.sink.chunks);
  }

  /** Closes what is open in the reply. Its last event belongs to the chunks that this makes. */
  #end(isMarked: boolean): void {
    const { sink, raw } = this.#target;
    if (raw) this.#marked(() => this.decoder.end(isMarked, sink.chunks));
    else this.decoder.end(isMarked, sink.chunks);
  }

  /** Decodes, and puts the last event on the chunks, including those before an error. */
  #marked<T>(decode: () => T): T {
    const { chunks } = this.#target.sink;
    const from = chunks.length;
    try {
      return decode();
    } finally {
      for (const chunk of chunks.slice(from)) Object.assign(chunk, { raw: this.#lastEvent });
    }
  }

  /** Reads a body that begins like a document. Some servers send their events so: one a line, or all in an array. */
  #readDocument(text: string): void {
    const { protocol, facts, sink, decode, raw } = this.#target;
    const lines = text.split(/[\r\n]+/);
    if (lines.length > 1 && !isJson(decode(text)) && isJson(decode(lines[0] ?? ""))) {
      this.#parseEnd(() => lines.some((line) => this.#event(line.replace(/^data: ?/, ""), "")));
    } else {
      const document = this.#parseEnd(() => parseExact(decode(text)));
      checkDepth(document);
      if (raw) facts.raw = document;
      const isList = Array.isArray(document) && document.length > 1;
      // Google's servers put their errors into an array of one, also in other protocols.
      const one: unknown = Array.isArray(document) && document.length === 1 ? document[0] : document;
      if (!isList) return protocol.decodeComplete(one, facts, sink.chunks);
      this.isComplete = this.#push(document, "");
    }
    if (!this.isComplete) this.#end(false);
  }

  /** Parses the end of the body. Text that does not parse there was cut. */
  #parseEnd<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const message = `The reply of ${this.#target.facts.provider} was cut: its end is not valid JSON.`;
      throw new SendError("truncated", message);
    }
  }
}

/** Whether a text without an event may begin an event stream: comments, field names, half a line. */
function isEventStream(beginning: string): boolean {
  const lines = beginning.split(/[\r\n]+/);
  return lines.some((line) =>
    FIELDS.some((field) => line.startsWith(field) || (line !== "" && field.startsWith(line))),
  );
}

/** Limits the depth of JSON: the values are written again in requests, in sessions and for people. */
function checkDepth(value: unknown): void {
  if (isDeeper(value)) throw new RangeError(`JSON nested more than ${MAX_DEPTH} deep`);
}

/** Removes a byte order mark, decoded or not. Returns an empty string while the mark may still arrive. */
function withoutMark(text: string): string {
  if (text.charCodeAt(0) < 0x80) return text;
  if ("\xEF\xBB\xBF".startsWith(text)) return "";
  return text.replace(/^(?:\uFEFF|\xEF\xBB\xBF)/, "");
}
