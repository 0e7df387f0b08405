/**
 * The order in which the parts of a reply came. A summary has the words of a reply; with an outline it has their order
 * also, so that a wire whose events are numbered gives each its number again.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage, ToolCall } from "../contract/message.ts";
import { withoutPrototypeKeys } from "../platform/prototype-keys.ts";
import { chunksOf } from "../stream/complete-source.ts";
import { argumentsText } from "./gateway/calls.ts";

/** The order of the parts of a reply. Plain data. */
export type ReplyOutline = readonly OutlinePart[];

/**
 * A part of a reply.
 * - `text`, `reasoning`: so many UTF-16 units. `citation`, `providerToolCall`, `media`: so many of them.
 * - `arguments`: so many units of the arguments of the call with this id, and its number among the calls.
 * - `call`: the end of a call, and the text of its arguments where its JSON is written otherwise. `result`: its answer.
 * - `attempt`: another process continued. `rewind`: the reply began again, for the so many times.
 */
export type OutlinePart =
  | readonly ["text" | "reasoning" | "citation" | "providerToolCall" | "media", number]
  | readonly ["arguments", string, number, number]
  | readonly ["call", string, string?]
  | readonly ["result", string]
  | readonly ["attempt" | "rewind", number];

/** The order of a summary without an outline. */
const DEFAULT_ORDER: readonly OutlinePart[0][] = ["reasoning", "providerToolCall", "text", "media", "citation", "call"];

/** Notes the order of the chunks of one reply. */
export class OutlineRecorder {
  #parts: OutlinePart[];
  /** The arguments of the open calls so far. */
  readonly #open = new Map<string, string>();
  #rewinds = 0;
  #attempt: number | undefined;

  constructor(outline: ReplyOutline = []) {
    this.#parts = [...outline];
    for (const part of outline) {
      if (part[0] === "rewind") this.#rewinds = part[1];
      if (part[0] === "attempt") this.#attempt = part[1];
    }
  }

  add(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        return this.#count("text", chunk.content.length);
      case "reasoning":
        return this.#count("reasoning", chunk.reasoning.length);
      case "citation":
      case "providerToolCall":
        return this.#count(chunk.type, 1);
      case "media":
        return chunk.partial || chunk.append ? undefined : this.#count("media", 1);
      case "toolCallDelta":
        return this.#arguments(chunk.id, chunk.index, chunk.argumentsDelta);
      case "toolCall":
        return this.#call(chunk.toolCall);
      case "toolResult":
        this.#parts.push(["result", chunk.toolCallId]);
        return;
      case "rewind":
      case "final":
        return;
    }
  }

  /** The reply began again. @param message what stays of it */
  rewound(message: AssistantMessage): void {
    this.#rewinds++;
    this.#open.clear();
    this.#parts = [
      ...(this.#attempt === undefined ? [] : [["attempt", this.#attempt] as const]),
      ["rewind", this.#rewinds],
      ...defaultOutline(message),
    ];
  }

  /** Another process continues. */
  continuedBy(attempt: number): void {
    this.#attempt = attempt;
    this.#parts.push(["attempt", attempt]);
  }

  get parts(): ReplyOutline {
    return this.#parts;
  }

  /** Returns the outline; `undefined` while the order is that of a summary without one. */
  get outline(): ReplyOutline | undefined {
    return isDefault(this.#parts) ? undefined : [...this.#parts];
  }

  #count(type: "text" | "reasoning" | "citation" | "providerToolCall" | "media", count: number): void {
    const last = this.#parts.at(-1);
    if (count === 0) return;
    if (last?.[0] === type) this.#parts[this.#parts.length - 1] = [type, last[1] + count];
    else this.#parts.push([type, count]);
  }

  #arguments(id: string, index: number, delta: string): void {
    const last = this.#parts.at(-1);
    this.#open.set(id, (this.#open.get(id) ?? "") + delta);
    if (last?.[0] === "arguments" && last[1] === id) {
      this.#parts[this.#parts.length - 1] = ["arguments", id, last[2] + delta.length, index];
    } else this.#parts.push(["arguments", id, delta.length, index]);
  }

  #call(call: ToolCall): void {
    const { id } = call;
    const text = this.#open.get(id);
    this.#open.delete(id);
    const isPlain = text === undefined || (text === argumentsText(call) && isShown(call));
    this.#parts.push(isPlain ? ["call", id] : ["call", id, text]);
  }
}

/** Returns whether viewers see the arguments as they are. */
function isShown({ arguments: args }: ToolCall): boolean {
  return withoutPrototypeKeys(args) === args;
}

function isDefault(parts: ReplyOutline): boolean {
  let place = 0;
  return parts.every((part, at) => {
    const next = parts[at + 1];
    // The pieces of a call that stand together are in its end.
    if (part[0] === "arguments") return next === undefined || (next[0] === "call" && next[1] === part[1]);
    const order = part[0] === "call" && part[2] !== undefined ? -1 : DEFAULT_ORDER.indexOf(part[0]);
    const isInOrder = order >= place;
    place = order;
    return isInOrder;
  });
}

/** Returns the order of a summary without an outline. */
export function defaultOutline(message: AssistantMessage, tools?: readonly MessageChunk[]): ReplyOutline {
  const recorder = new OutlineRecorder();
  for (const chunk of inDefaultOrder(message, tools)) recorder.add(chunk);
  return recorder.parts;
}

/**
 * Returns a summary without an outline as chunks.
 * @param tools the calls so far and their results, once there are results
 */
export function inDefaultOrder(message: AssistantMessage, tools?: readonly MessageChunk[]): readonly MessageChunk[] {
  const { toolCalls, unfinishedToolCalls = [] } = message;
  const rest = chunksOf(message).filter(({ type }) => type !== "final" && !(tools && type === "toolCall"));
  return [
    ...rest,
    ...(tools ?? []),
    ...unfinishedToolCalls.map(({ id, name, argumentsText }, place) => {
      const index = toolCalls.length + place;
      return {
        type: "toolCallDelta",
        content: "",
        index,
        id,
        name,
        argumentsDelta: argumentsText,
        isFinal: false,
      } as const;
    }),
  ];
}
