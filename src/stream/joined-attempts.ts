/** The chunks of several attempts as those of one reply: each is the first, begins again, or continues the text. */

import type { MessageChunk, RewindChunk, TextChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { TextBuffer } from "../platform/text-buffer.ts";
import { type Joined, OverlapRemover } from "./overlap-remover.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import { shiftCitation } from "./shift-citation.ts";
import { type ChunkSink, NO_SINK } from "./source.ts";
import { isUnrepeatable } from "./unrepeatable.ts";

const UNKNOWN_PLACE =
  "The reply broke, and its rest begins with words that the text repeats anyway: its place in the text is ambiguous. " +
  'Use `recover: "restart"` for texts that repeat themselves.';

/** Relays the chunks of one attempt after another, without the words that a continuation repeats. */
export class JoinedAttempts {
  readonly #facts: ReplyFacts;
  #sink: ChunkSink = NO_SINK;
  /** The text that the reader has been shown, and the length of its reasoning. */
  readonly #shown = new TextBuffer();
  #reasoningLength = 0;
  /** A call was begun and not delivered: the next attempt begins it again. */
  #anyOpenCall = false;
  /** A part is there that no further attempt may make again. */
  #isUnrepeatable = false;
  /** Joins a continuation to the text that was shown. */
  #remover: OverlapRemover | undefined;
  /** The last text chunk that arrived. A text that is joined from several keeps its `raw`. */
  #lastText: TextChunk | undefined;
  /**
   * The text to be discarded. It is reported with the first chunk that takes its place, not before: there may never be
   * one.
   */
  #discard: Pick<RewindChunk, "length" | "reasoningLength"> | undefined;

  /** @param facts of the reply */
  constructor(facts: ReplyFacts) {
    this.#facts = facts;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
  }

  /** Returns the text that the reader has been shown. */
  get text(): string {
    return this.#shown.toString();
  }

  /** Returns whether a part is there that no further attempt may make again. */
  get isUnrepeatable(): boolean {
    return this.#isUnrepeatable;
  }

  /** Returns whether the attempt continues a text that was shown. */
  get isContinued(): boolean {
    return this.#remover !== undefined;
  }

  /** Returns whether the place of the continuation in the text is ambiguous. */
  get isPlaceUnknown(): boolean {
    return this.#remover?.isUnknown === true;
  }

  /** Returns the failure of a reply whose continuation has an ambiguous place. */
  placeError(): SendError {
    const { provider, model } = this.#facts;
    return new SendError("truncated", UNKNOWN_PLACE, { provider, model });
  }

  /**
   * Begins another attempt.
   * @param kept the part of the text that it continues; `undefined` when it begins again
   */
  beginAttempt(kept: string | undefined): void {
    this.#remover = kept === undefined ? undefined : new OverlapRemover(kept);
    const length = this.#shown.length - (kept?.length ?? 0);
    const reasoningLength = kept === undefined ? this.#reasoningLength : 0;
    this.#discard = length + reasoningLength > 0 || this.#anyOpenCall ? { length, reasoningLength } : undefined;
  }

  /** The provider took the given text as the beginning of its reply. */
  continueExactly(): void {
    if (this.#remover) this.#remover.trust();
    else this.#facts.continuesExactly = true;
  }

  /**
   * Takes the next chunks of an attempt. Returns the message of the final chunk, if it is there.
   * @throws {SendError} when the place of the continuation is ambiguous
   */
  take(batch: readonly MessageChunk[]): AssistantMessage | undefined {
    for (const chunk of batch) {
      switch (chunk.type) {
        case "text":
          this.#addText(chunk);
          break;
        case "final":
          this.#closeRemover();
          return chunk.message;
        case "citation": {
          this.#closeRemover();
          this.#push(shiftCitation(this.#remover?.shift ?? 0, chunk));
          break;
        }
        case "rewind":
          this.#closeRemover();
          this.#rewind(chunk);
          // The next call may be another continuation of the same text.
          if (this.#remover) this.#remover = new OverlapRemover(this.#shown.toString());
          break;
        case "reasoning":
          this.#push(chunk);
          this.#reasoningLength += chunk.reasoning.length;
          break;
        case "toolCallDelta":
          this.#closeRemover();
          this.#push(chunk);
          this.#anyOpenCall = true;
          break;
        case "toolCall":
          this.#closeRemover();
          this.#isUnrepeatable = true;
          this.#push(chunk);
          break;
        case "media":
        case "providerToolCall":
          this.#isUnrepeatable ||= isUnrepeatable(chunk);
          this.#push(chunk);
          break;
        case "toolResult":
          this.#push(chunk);
      }
    }
    return undefined;
  }

  #addText(chunk: TextChunk): void {
    this.#lastText = chunk;
    this.#show(this.#remover?.isOpen ? this.#remover.add(chunk.content) : { rewind: 0, text: chunk.content });
  }

  #closeRemover(): void {
    if (!this.#remover?.isOpen) return;
    this.#show(this.#remover.end());
  }

  #show({ rewind, text }: Joined): void {
    if (this.isPlaceUnknown) throw this.placeError();
    if (rewind > 0) this.#rewind({ length: rewind, reasoningLength: 0 });
    if (text === "") return;
    const last = this.#lastText;
    this.#push(last?.content === text ? last : { type: "text", isFinal: false, ...last, content: text });
    this.#shown.add(text);
  }

  #push(chunk: MessageChunk): void {
    const discard = this.#discard;
    this.#discard = undefined;
    if (discard) this.#rewind(discard);
    this.#sink.chunks.push(chunk);
  }

  #rewind({ length, reasoningLength }: Pick<RewindChunk, "length" | "reasoningLength">): void {
    this.#push({ type: "rewind", content: "", length, reasoningLength, isFinal: false });
    this.#shown.cut(this.#shown.length - length);
    this.#reasoningLength -= reasoningLength;
    this.#anyOpenCall = false;
  }
}
