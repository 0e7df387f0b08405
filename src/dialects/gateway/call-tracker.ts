/** The tool calls of one reply, as they are shown to a program: each has a place, and its arguments are shown once. */

import type { ToolCallChunk, ToolCallDeltaChunk } from "../../contract/chunk.ts";
import { argumentsText } from "./calls.ts";

/** A call that is shown. */
interface ShownCall {
  /** Counts the calls of the reply from 0. */
  readonly place: number;
  readonly id: string;
  readonly name: string;
  /** Whether all of its arguments are shown. */
  readonly isComplete: boolean;
}

/** The next part of a call to show. */
export interface CallPart {
  readonly call: ShownCall;
  /** Whether the call has not been shown before. */
  readonly isNew: boolean;
  /** The next piece of its arguments, which may be empty. */
  readonly text: string;
}

interface KeptCall extends ShownCall {
  /** The number of the provider's deltas; absent for a call that came in one piece. */
  readonly index: number | undefined;
  text: string;
  isComplete: boolean;
}

/** Tracks the calls of one reply. */
export class CallTracker {
  readonly #calls: KeptCall[] = [];
  /** Makes an id for a call that a model made up without one. */
  readonly #idOf: (place: number) => string;

  constructor(idOf: (place: number) => string) {
    this.#idOf = idOf;
  }

  /** Returns whether a call was begun and is not complete. */
  get hasOpen(): boolean {
    return this.#calls.some(({ isComplete }) => !isComplete);
  }

  delta({ index, id, name, argumentsDelta: text }: ToolCallDeltaChunk): CallPart {
    const known = this.#calls.find((call) => call.index === index && !call.isComplete);
    const call = known ?? this.#begin(id, name, index);
    call.text += text;
    return { call, isNew: !known, text };
  }

  /** The call is complete. Its arguments are shown now, unless they were before. */
  complete({ toolCall }: ToolCallChunk): CallPart {
    const { id, name } = toolCall;
    const known = this.#calls.find((call) => !call.isComplete && (call.id === id || (id === "" && call.name === name)));
    const call = known ?? this.#begin(id, name, undefined);
    const text = call.text.trim() === "" ? argumentsText(toolCall) : "";
    call.text += text;
    call.isComplete = true;
    return { call, isNew: !known, text };
  }

  #begin(id: string, name: string, index: number | undefined): KeptCall {
    const place = this.#calls.length;
    const call = { place, id: id || this.#idOf(place), name, index, text: "", isComplete: false };
    this.#calls.push(call);
    return call;
  }
}
