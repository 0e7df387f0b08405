/** The tool calls of a reply as its viewer shows them: their ids, and whether they wait for a result. */

import { shownCallId } from "./call-ids.ts";
import type { UiChunk } from "./parts.ts";

/**
 * A call that the viewer shows: its arguments arrive, they were taken back, it waits for a result, it was left without
 * one by an earlier run, or it has one.
 */
interface ShownCall {
  readonly name: string;
  /** A person must allow it. */
  readonly isAsked: boolean;
  state: "input" | "discarded" | "waiting" | "left" | "answered";
}

/** Front ends show this sentence. */
const CUT_CALL = "This call was not completed.";

/** Collects the calls of one reply by the ids that the viewer shows. */
export class ShownCalls {
  readonly #calls = new Map<string, ShownCall>();
  /** How often each id was used: see `shownCallId`. */
  readonly #uses = new Map<string, number>();
  #providerCalls = 0;

  /** Returns the shown id of the last call of an id. */
  idOf(id: string): string {
    return shownCallId(id, this.#uses.get(id) ?? 1);
  }

  /** Adds a call, or the next state of one. Returns its shown id. */
  begin(id: string, call: ShownCall): string {
    const shownId = this.#idOfNext(id);
    this.#calls.set(shownId, call);
    return shownId;
  }

  /** Adds a piece of a call's arguments. `isNew`: it is the first, also of a call whose arguments were taken back. */
  beginInput(id: string, name: string): { readonly shownId: string; readonly isNew: boolean } {
    const shownId = this.#idOfNext(id);
    const state = this.#calls.get(shownId)?.state;
    const isNew = state === undefined || state === "discarded";
    if (isNew) this.#calls.set(shownId, { name, isAsked: false, state: "input" });
    return { shownId, isNew };
  }

  /** Adds a call that its provider has answered, and may not have named. Returns its shown id. */
  beginAnswered(id: string | undefined, name: string): string {
    return this.begin(id ?? `provider-${++this.#providerCalls}`, { name, isAsked: false, state: "answered" });
  }

  /** Notes the result of a call. */
  answer(id: string): { readonly shownId: string; readonly isAsked: boolean } {
    const shownId = this.idOf(id);
    const call = this.#calls.get(shownId);
    if (call) call.state = "answered";
    return { shownId, isAsked: call?.isAsked === true };
  }

  /** Leaves the calls that wait to the run that made them: they ask for nothing again. */
  leaveWaiting(): void {
    for (const call of this.#calls.values()) if (call.state === "waiting") call.state = "left";
  }

  /**
   * Takes back the calls whose arguments are not complete.
   * @param forgets whether the viewer takes them back as well, so that nothing of them has to be ended
   */
  takeBackInput(forgets: boolean): void {
    for (const [shownId, call] of this.#calls) {
      if (call.state !== "input" && call.state !== "discarded") continue;
      if (forgets) this.#calls.delete(shownId);
      else call.state = "discarded";
    }
  }

  /**
   * Ends the calls whose arguments are not complete, and returns the parts for that. Front ends look for such a call in
   * the current step only.
   */
  endInput(): readonly UiChunk[] {
    const parts: UiChunk[] = [];
    for (const [toolCallId, call] of this.#calls) {
      if (call.state !== "input" && call.state !== "discarded") continue;
      call.state = "answered";
      parts.push({ type: "tool-input-error", toolCallId, toolName: call.name, input: null, errorText: CUT_CALL });
    }
    return parts;
  }

  /**
   * Returns the parts that end the calls without a result.
   * @param resultOf returns the part for a call that waits; `undefined` for one that stays open
   */
  endsOfOpen(resultOf: (shownId: string) => UiChunk | undefined): readonly UiChunk[] {
    const parts = [...this.endInput()];
    for (const [toolCallId, { state }] of this.#calls) {
      const part = state === "waiting" ? resultOf(toolCallId) : undefined;
      if (part) parts.push(part);
    }
    return parts;
  }

  /** Returns the shown id of a call that is being made: another one when the last call of this id has its result. */
  #idOfNext(id: string): string {
    const shownId = this.idOf(id);
    if (this.#calls.get(shownId)?.state !== "answered") return shownId;
    this.#uses.set(id, (this.#uses.get(id) ?? 1) + 1);
    return this.idOf(id);
  }
}
