/** Reads the relay's own wire as it arrives: bytes in, events out. */

import { SendError, type SendErrorFacts } from "../../contract/errors.ts";
import { decodeEvent, type NativeEvent } from "./wire.ts";

/** The event of a stream that has not ended yet, and the events before it. One for each connection. */
export class NativeReader {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #unfinished = "";
  /** A line feed at the end, which the next may make a blank line. */
  #lineEnd = "";

  /**
   * Returns the events that the bytes complete. Comments, and events of a later version, are skipped.
   * @throws {SendError} kind `protocol` for an event that is not one, and for bytes that are not UTF-8
   */
  push(bytes: Uint8Array): readonly NativeEvent[] {
    // Only the new text is searched: to search the unfinished event again for each piece would be quadratic.
    const blocks = (this.#lineEnd + this.#textOf(bytes)).split("\n\n");
    const rest = blocks.pop() ?? "";
    const events = blocks.flatMap((block) => {
      const event = eventIn(this.#unfinished + block);
      this.#unfinished = "";
      return event ?? [];
    });
    this.#lineEnd = rest.endsWith("\n") ? "\n" : "";
    this.#unfinished += rest.slice(0, rest.length - this.#lineEnd.length);
    return events;
  }

  #textOf(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes, { stream: true });
    } catch {
      throw relayFault("is not UTF-8");
    }
  }
}

/**
 * Returns the error of an answer that is not one of a relay.
 * @param what the end of a sentence about the answer
 */
export function relayFault(what: string, facts?: SendErrorFacts): SendError {
  return new SendError("protocol", `The answer of the relay ${what}.`, { retryable: false, ...facts });
}

function eventIn(block: string): NativeEvent | undefined {
  const { data, id } = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s)));
  try {
    return data && decodeEvent(data, id);
  } catch (cause) {
    throw relayFault("is not JSON of a relay", { cause });
  }
}
