/** Reads the relay's own wire as it arrives: text in, events out. */

import { SendError } from "../contract/errors.ts";
import { decodeEvent, type NativeEvent } from "./native.ts";

/** Maximum length of one event, in UTF-16 units: several times that of the largest reply of a relay. */
const MAX_EVENT_LENGTH = 33_554_432;

/** The event of a stream that has not ended yet, and the events before it. One for each connection. */
export class NativeReader {
  #unfinished = "";
  #isAtLineEnd = false;

  /**
   * Returns the events that the text completes. Comments, and events of a later version, are skipped.
   * @throws {SendError} kind `protocol` for an event that is not one, or is too long
   */
  push(text: string): readonly NativeEvent[] {
    const events: NativeEvent[] = [];
    let start = 0;
    // Only the new text is searched: to search the unfinished event again for each piece would be quadratic.
    let blank = this.#isAtLineEnd && text.startsWith("\n") ? 0 : blankLineIn(text, 0);
    for (; blank >= 0; blank = blankLineIn(text, start)) {
      const event = eventIn(this.#unfinished + text.slice(start, blank));
      if (event) events.push(event);
      this.#unfinished = "";
      start = blank + 1;
    }
    this.#unfinished += text.slice(start);
    if (text !== "") this.#isAtLineEnd = text.endsWith("\n");
    if (this.#unfinished.length > MAX_EVENT_LENGTH) throw fault(`is longer than ${MAX_EVENT_LENGTH} characters`);
    return events;
  }
}

/** Returns the place of the line feed that makes a line blank; -1 without one. */
function blankLineIn(text: string, from: number): number {
  const at = text.indexOf("\n\n", from);
  return at < 0 ? at : at + 1;
}

function eventIn(lines: string): NativeEvent | undefined {
  const data = /(?:^|\n)data: ?([^\n]*)/.exec(lines)?.[1];
  if (data === undefined) return undefined;
  try {
    return decodeEvent(data, /(?:^|\n)id: ?([^\n]*)/.exec(lines)?.[1]);
  } catch (cause) {
    throw fault("is not JSON of the relay", cause);
  }
}

function fault(what: string, cause?: unknown): SendError {
  return new SendError("protocol", `An event of the relay ${what}.`, { retryable: false, cause });
}
