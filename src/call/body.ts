/** The body of one answer: what form it has, and its events or its document through the protocol into chunks. */

import { SendError } from "../contract/errors.ts";
import { parseExact } from "../platform/exact-json.ts";
import { isDeeper, MAX_DEPTH } from "../platform/json-depth.ts";
import type { Decoder, Protocol } from "../protocols/protocol.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { ChunkSink } from "../stream/source.ts";
import { createSseParser, type SseParser } from "../transport/sse.ts";
import { createEventJsonParser } from "./event-json.ts";
import type { EventShapes } from "./event-shapes.ts";

/** In a read that has not room for so many events like the one at hand, they go to `JSON.parse`; else they are compared with the last. */
const SEVERAL_EVENTS = 3;

/** Of a body that is neither events nor a document, so much is told. */
const MAX_QUOTE_LENGTH = 200;

const FIELDS = ["data:", "event:", "id:", "retry:", ":"];

/** How the body turned out to be written, whatever its content type says. */
type Form =
  | { readonly kind: "unknown"; text: string }
  | { readonly kind: "events"; readonly parser: SseParser }
  | { readonly kind: "document"; readonly pieces: string[] };

/** Where a body's chunks and facts go. */
export interface BodyTarget {
  readonly protocol: Protocol;
  readonly facts: ReplyFacts;
  readonly sink: ChunkSink;
  /** See `Exchange.decode`. */
  readonly decode: (delivered: string) => string;
  readonly shapes: EventShapes;
  /** See `SendOptions.raw`. */
  readonly raw: boolean;
  /** The longest event, in characters: as long as the whole reply may be, since a picture comes in one, and all of them in the last. */
  readonly maxEventLength: number;
}

/** Reads one body. What it throws ends the attempt; the chunks before it are in the sink. */
export class Body {
  readonly decoder: Decoder;
  readonly #target: BodyTarget;
  readonly #parse: (data: string) => unknown;
  #form: Form = { kind: "unknown", text: "" };
  #anyChunk = false;
  #readLength = 0;
  #anyEvent = false;
  /** How the body begins, as long as no event has come. */
  #beginning = "";
  /** What came in the same read as the first chunk, and is not read yet. */
  #rest = "";
  /** Whether the reply is whole, whatever may follow. */
  isComplete = false;

  /** `decoder`: the one that has read the beginning of this reply; default: a fresh one. */
  constructor(target: BodyTarget, decoder: Decoder = target.protocol.createDecoder(target.facts)) {
    this.decoder = decoder;
    this.#target = target;
    this.#parse = createEventJsonParser(target.decode, target.shapes, parseExact);
  }

  get hasRest(): boolean {
    return this.#rest !== "";
  }

  /** The next read; without one, the rest of the last. Chunks are appended to the sink. */
  read(text: string = this.#rest): void {
    if (this.#rest === "") this.#readLength = text.length;
    this.#rest = "";
    let form = this.#form;
    if (form.kind === "unknown") {
      form.text += text;
      text = withoutMark(form.text);
      const first = /\S/.exec(text)?.[0];
      if (first === undefined) {
        if (text !== "") form.text = "\n"; // as good as any number of empty lines
        return;
      }
      form = this.#form = this.#formOf(first);
    }
    if (form.kind === "events") {
      if (!this.#anyEvent && this.#beginning.length < MAX_QUOTE_LENGTH)
        this.#beginning += text.slice(0, MAX_QUOTE_LENGTH);
      this.#readEvents(text, form.parser);
    } else if (form.kind === "document") {
      form.pieces.push(text);
    }
  }

  /** The body is over. Throws `truncated` when the reply is not. */
  end(): void {
    const { protocol, facts, sink, decode } = this.#target;
    const form = this.#form;
    switch (form.kind) {
      case "unknown":
        throw new SendError("truncated", `${facts.provider} answered with an empty body.`);
      case "document": {
        const text = decode(form.pieces.join(""));
        const whole = this.#whole(() => parseExact(text));
        checkDepth(whole);
        if (this.#target.raw) facts.raw = whole;
        // Google's servers, also those that speak another protocol, put their errors into a list of one.
        protocol.decodeComplete(Array.isArray(whole) && whole.length === 1 ? whole[0] : whole, facts, sink.chunks);
        break;
      }
      case "events": {
        const last = form.parser.end();
        // Proxies lose the last blank line; an event that still parses is whole.
        if (last) this.#whole(() => this.#event(last.data, last.event));
        if (!this.#anyEvent && !isEventStream(this.#beginning)) throw new SyntaxError(decode(this.#beginning).trim());
        if (!this.isComplete) this.decoder.end(false, sink.chunks);
      }
    }
    this.isComplete = true;
  }

  /** Labels lie (event streams come as `text/plain`, errors as event streams): the first character does not. */
  #formOf(first: string): Form {
    if (first === "<") throw new SyntaxError("a web page came instead of a reply; is the base URL right?");
    if (first === "{" || first === "[") return { kind: "document", pieces: [] };
    const { maxEventLength } = this.#target;
    return { kind: "events", parser: createSseParser((data, type) => this.#event(data, type), { maxEventLength }) };
  }

  /** First token first: up to the first chunk of the reply, events are read one by one, and the rest waits for its turn. */
  #readEvents(text: string, parser: SseParser): void {
    if (this.#anyChunk) return parser.push(text);
    const { sink } = this.#target;
    let from = 0;
    while (from < text.length && sink.chunks.length === 0 && !this.isComplete) {
      const end = text.indexOf("\n\n", from);
      const next = end < 0 ? text.length : end + 2;
      parser.push(text.slice(from, next));
      from = next;
    }
    this.#anyChunk = sink.chunks.length > 0;
    if (!this.isComplete) this.#rest = text.slice(from);
  }

  /** Returns true when nothing after this event matters. */
  #event(data: string, type: string): boolean {
    const { sink, decode, protocol, facts } = this.#target;
    this.#anyEvent = true;
    if (data[0] !== "{") {
      const text = data.trim();
      if (text === "") return false;
      if (text === "[DONE]") {
        this.decoder.end(true, sink.chunks);
        this.isComplete = true;
        return true;
      }
      // Its name says what its words are.
      if (type === "error" && !text.startsWith("[")) throw protocol.readError(facts.provider, 0, decode(text));
    }
    // Where events come alone, the runtime's own parser is as good, and warm.
    const alone = this.#readLength < SEVERAL_EVENTS * data.length;
    const event: unknown = alone ? parseExact(decode(data)) : this.#parse(data);
    if (data.length > 2 * MAX_DEPTH) checkDepth(event); // each level has two brackets
    this.isComplete = this.#target.raw ? this.#pushRaw(event, type) : this.#push(event, type);
    return this.isComplete;
  }

  /** Events are objects; Google's servers put their errors into a list. What else is JSON is no event of any protocol. */
  #push(event: unknown, type: string): boolean {
    if (Array.isArray(event)) return event.some((one) => this.#push(one, type));
    if (typeof event !== "object" || event === null) return false;
    return this.decoder.push(event, type, this.#target.sink.chunks);
  }

  /** The same, with the event on its chunks; also on those before an error. */
  #pushRaw(event: unknown, type: string): boolean {
    const { chunks } = this.#target.sink;
    const from = chunks.length;
    try {
      return this.#push(event, type);
    } finally {
      for (const chunk of chunks.slice(from)) Object.assign(chunk, { raw: event });
    }
  }

  /** What does not parse at the end of the body was cut there. */
  #whole<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const message = `The reply of ${this.#target.facts.provider} was cut: its end is not valid JSON.`;
      throw new SendError("truncated", message);
    }
  }
}

/** Whether a text without an event may be the beginning of a stream of them: comments, names, half a line. */
function isEventStream(beginning: string): boolean {
  const lines = beginning.split(/[\r\n]+/);
  return lines.some((line) =>
    FIELDS.some((field) => line.startsWith(field) || (line !== "" && field.startsWith(line))),
  );
}

/** What is read here is written down again elsewhere: in requests, in sessions, for people. */
function checkDepth(value: unknown): void {
  if (isDeeper(value)) throw new RangeError(`JSON nested more than ${MAX_DEPTH} deep`);
}

/** A byte order mark, decoded or not, is no part of what follows. Nothing is left while it may still be coming. */
function withoutMark(text: string): string {
  if (text.charCodeAt(0) < 0x80) return text;
  if ("\xEF\xBB\xBF".startsWith(text)) return "";
  return text.replace(/^(?:\uFEFF|\xEF\xBB\xBF)/, "");
}
