/** The tool calls of a reply that is being written: begun, delivered, answered. */

import type { ToolCall, UnfinishedToolCall } from "../contract/message.ts";
import { LiveEstimate, Sample } from "../tokens/live-estimate.ts";

interface BegunCall {
  readonly id: string;
  readonly name: string;
  argumentsText: string;
  /** The version that a message showed, until more arrives. */
  shown?: UnfinishedToolCall | undefined;
}

/**
 * Collects the calls. Each chunk costs the same however many calls there are, and so does a look between two changes.
 */
export class CallsSoFar {
  readonly #begun = new Map<number, BegunCall>();
  readonly #begunIndices = new Map<string, number[]>();
  /** By the order in which they came; an id may come twice. */
  readonly #delivered = new Map<number, ToolCall>();
  readonly #deliveredNumbers = new Map<string, number[]>();
  #count = 0;
  readonly #text = new Sample();
  readonly #estimate = new LiveEstimate(this.#text);
  #shownDelivered: readonly ToolCall[] | undefined;
  #shownBegun: readonly UnfinishedToolCall[] | undefined;

  begin(index: number, id: string, name: string, argumentsDelta: string): void {
    this.#shownBegun = undefined;
    this.#text.add(argumentsDelta);
    const call = this.#begun.get(index);
    if (call) {
      call.argumentsText += argumentsDelta;
      call.shown = undefined;
      return;
    }
    this.#begun.set(index, { id, name, argumentsText: argumentsDelta });
    append(this.#begunIndices, id, index);
  }

  deliver(call: ToolCall): void {
    this.#shownDelivered = undefined;
    this.#delivered.set(this.#count, call);
    append(this.#deliveredNumbers, call.id, this.#count++);
    const begun = this.#begunIndices.get(call.id);
    if (!begun) return this.#text.add(callText(call));
    this.#shownBegun = undefined;
    for (const index of begun) this.#begun.delete(index);
    this.#begunIndices.delete(call.id);
  }

  /** Removes the first call of that id, which a session has answered. */
  answer(id: string): void {
    const numbers = this.#deliveredNumbers.get(id);
    const first = numbers?.shift();
    if (first === undefined) return;
    this.#shownDelivered = undefined;
    this.#delivered.delete(first);
    if (numbers?.length === 0) this.#deliveredNumbers.delete(id);
  }

  dropBegun(): void {
    this.#shownBegun = undefined;
    this.#begun.clear();
    this.#begunIndices.clear();
  }

  /** Returns the estimated tokens of all calls so far, from the beginning of their text. */
  get liveTokens(): number {
    return this.#estimate.tokens();
  }

  /** Returns the texts of the current calls, one by one, for an estimate. */
  texts(): readonly string[] {
    return [...this.delivered.map(callText), ...this.begun.map((call) => call.name + call.argumentsText)];
  }

  /** The same array as long as nothing changes. */
  get delivered(): readonly ToolCall[] {
    this.#shownDelivered ??= [...this.#delivered.values()];
    return this.#shownDelivered;
  }

  /** The same array as long as nothing changes. */
  get begun(): readonly UnfinishedToolCall[] {
    this.#shownBegun ??= Array.from(this.#begun.values(), shownOf);
    return this.#shownBegun;
  }
}

/**
 * Returns the text of a call for an estimate. A call that cannot be written as JSON counts only its name: an estimate
 * must not make its message fail.
 */
function callText({ name, arguments: args }: ToolCall): string {
  try {
    return name + JSON.stringify(args);
  } catch {
    return name;
  }
}

function shownOf(call: BegunCall): UnfinishedToolCall {
  const { id, name, argumentsText } = call;
  call.shown ??= { id, name, argumentsText };
  return call.shown;
}

function append<Key>(lists: Map<Key, number[]>, key: Key, value: number): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
