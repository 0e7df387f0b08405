/** The reply as a viewer shows it, as its relay has it, and the chunks that lead from the one to the other. */

import type { MessageChunk, ToolCallDeltaChunk } from "../contract/chunk.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { ViewerFold } from "./native/viewer-fold.ts";

/** The parts of a message that chunks make. */
type Shown = Pick<AssistantMessage, "content" | "reasoning"> & Partial<AssistantMessage>;

const NOTHING: Shown = { content: "", reasoning: "" };

/**
 * Keeps a viewer in step with its relay. While they are, chunks pass as they are. After a summary, or when the relay
 * begins again from the start, only what differs is shown: no word twice, and no rewind unless a word changes.
 */
export class Mirror {
  readonly #facts: ReplyFacts;
  /** The reply as the viewer has it. */
  readonly shown: ViewerFold;
  /** The reply as the relay says it again; absent while the viewer is in step. */
  #again: ViewerFold | undefined;
  /** A call is shown once, also when it was answered since, and so is its result. */
  readonly #tools = new Set<string>();
  #isEmpty = true;
  /** Calls and results that the relay says again. */
  #toolsAgain: readonly MessageChunk[] = [];
  /** The arguments that the relay says again, by call: their pieces joined. */
  #argumentsAgain = new Map<string, ToolCallDeltaChunk>();

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
    this.shown = new ViewerFold(facts);
  }

  /** Takes the next chunks of the relay. Returns those to show. */
  add(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
    if (!this.#again) return this.#shownNow(chunks);
    for (const chunk of chunks) {
      this.#again.add(chunk);
      if (chunk.type !== "toolCallDelta") continue;
      const { argumentsDelta = "" } = this.#argumentsAgain.get(chunk.id) ?? {};
      this.#argumentsAgain.set(chunk.id, { ...chunk, argumentsDelta: argumentsDelta + chunk.argumentsDelta });
    }
    this.#toolsAgain = this.#toolsAgain.concat(chunks.filter(toolKey));
    return this.#caughtUp();
  }

  /** The relay begins again, from the start of the reply. A viewer that has nothing of it takes it as it comes. */
  restart(): void {
    if (!this.isEmpty) this.#compare([]);
  }

  #compare(tools: readonly MessageChunk[]): void {
    this.#again = new ViewerFold(this.#facts);
    this.#toolsAgain = tools;
    this.#argumentsAgain = new Map();
  }

  /**
   * The relay sends the reply again: a summary of it so far, or its end. Returns the chunks to show. A viewer keeps
   * the words that it has beyond the relay's log, unless the reply is complete.
   * @param tools calls and their results, which the message does not have
   */
  replace(message: Shown, end?: "complete" | "failed", tools: readonly MessageChunk[] = []): readonly MessageChunk[] {
    this.#compare(tools);
    for (const chunk of chunksBetween(NOTHING, message, new Set())) this.#again?.add(chunk);
    return this.#caughtUp(end);
  }

  /** Returns whether nothing was shown so far. */
  get isEmpty(): boolean {
    return this.#isEmpty && !this.#again;
  }

  /** Nothing shows while the relay says what the viewer has: its words may continue differently, or not. */
  #caughtUp(end?: "complete" | "failed"): readonly MessageChunk[] {
    const [shown, wanted] = [this.shown, this.#again];
    if (!wanted) return [];
    const isMore = end !== "complete" && isAhead(shown, wanted);
    if (isMore && !end) return [];
    this.#again = undefined;
    // Each list is made when the one before it is shown.
    return [
      ...this.#shownNow(this.#toolsAgain.flatMap((chunk) => this.#newOf(chunk))),
      ...this.#shownNow(isMore ? [] : rewindsBetween(shown, wanted)),
      ...this.#shownNow(chunksBetween(shown, wanted, this.#tools)),
    ];
  }

  /** Returns a call behind the rest of its arguments, or a result; nothing where the viewer has it. */
  #newOf(chunk: MessageChunk): readonly MessageChunk[] {
    if (this.#tools.has(toolKey(chunk))) return [];
    const id = chunk.type === "toolCall" ? chunk.toolCall.id : "";
    const again = this.#argumentsAgain.get(id);
    const seen = this.shown.unfinishedToolCalls.find((call) => call.id === id)?.argumentsText ?? "";
    if (!again?.argumentsDelta.startsWith(seen)) return [chunk];
    const argumentsDelta = again.argumentsDelta.slice(seen.length);
    return argumentsDelta ? [{ ...again, argumentsDelta }, chunk] : [chunk];
  }

  #shownNow(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
    for (const chunk of chunks) {
      this.#isEmpty = false;
      this.shown.add(chunk);
      this.#tools.add(toolKey(chunk));
    }
    return chunks;
  }
}

function isAhead(shown: Shown, wanted: Shown): boolean {
  const { content, reasoning } = wanted;
  const isLonger = shown.content.length > content.length || shown.reasoning.length > reasoning.length;
  return isLonger && shown.content.startsWith(content) && shown.reasoning.startsWith(reasoning);
}

/** Returns the chunk that discards what `wanted` does not begin with; none where there is nothing of it. */
function rewindsBetween(shown: Shown, wanted: Shown): readonly MessageChunk[] {
  const length = shown.content.length - commonLength(shown.content, wanted.content);
  const reasoningLength = shown.reasoning.length - commonLength(shown.reasoning, wanted.reasoning);
  if (!length && !reasoningLength && !hasOtherCalls(shown, wanted)) return [];
  return [{ type: "rewind", content: "", length, reasoningLength, isFinal: false }];
}

/** Returns whether a call was begun that is now neither begun in the same way nor complete. */
function hasOtherCalls({ unfinishedToolCalls = [] }: Shown, wanted: Shown): boolean {
  return unfinishedToolCalls.some(({ id, argumentsText }) => {
    const same = wanted.unfinishedToolCalls?.find((call) => call.id === id);
    return same ? !same.argumentsText.startsWith(argumentsText) : !wanted.toolCalls?.some((call) => call.id === id);
  });
}

/** Returns the chunks that `wanted` has more. */
function chunksBetween(shown: Shown, wanted: Shown, calls: ReadonlySet<string>): readonly MessageChunk[] {
  const { toolCalls = [], unfinishedToolCalls = [], providerToolCalls = [], media = [], citations = [] } = wanted;
  const known = new Set([...calls, ...[shown.providerToolCalls, shown.media, shown.citations].flat().map(keyOf)]);
  const isNew = (item: unknown): boolean => !known.has(keyOf(item));
  const more = { content: "", isFinal: false } as const;
  const reasoning = wanted.reasoning.slice(shown.reasoning.length);
  const content = wanted.content.slice(shown.content.length);
  const chunks: readonly (MessageChunk | "" | false)[] = [
    reasoning && { ...more, type: "reasoning", reasoning },
    ...providerToolCalls.map(
      (call) => isNew(call) && ({ ...more, type: "providerToolCall", providerToolCall: call } as const),
    ),
    content && { ...more, type: "text", content },
    ...media.map((medium, index) => isNew(medium) && ({ ...more, type: "media", index, ...medium } as const)),
    ...citations.map((citation) => isNew(citation) && ({ ...more, type: "citation", ...citation } as const)),
    ...toolCalls.map((toolCall) => isNew(toolCall) && ({ ...more, type: "toolCall", toolCall } as const)),
    ...unfinishedToolCalls.map(({ id, name, argumentsText }, place) => {
      const begun = shown.unfinishedToolCalls?.find((call) => call.id === id)?.argumentsText.length ?? 0;
      const argumentsDelta = argumentsText.slice(begun);
      const index = toolCalls.length + place;
      return (
        (argumentsDelta || !begun) && ({ ...more, type: "toolCallDelta", index, id, name, argumentsDelta } as const)
      );
    }),
  ];
  return chunks.filter((chunk) => !!chunk);
}

/** Returns a key of a call or of a result; an empty one for other chunks. */
function toolKey(chunk: MessageChunk): string {
  if (chunk.type === "toolCall") return keyOf(chunk.toolCall);
  return chunk.type === "toolResult" ? keyOf([chunk.toolCallId, chunk.result]) : "";
}

function keyOf(value: unknown): string {
  return JSON.stringify(value);
}

/** Returns the length of the common beginning, whole characters only. */
function commonLength(one: string, other: string): number {
  if (other.startsWith(one)) return one.length;
  let length = 0;
  while (length < other.length && one[length] === other[length]) length++;
  const last = one.charCodeAt(length - 1);
  return last >= 0xd800 && last < 0xdc00 ? length - 1 : length;
}
