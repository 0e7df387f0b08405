/**
 * Remembers what providers want back with their replies (`replay`): thinking, its signatures, encrypted items. The APIs
 * of programs have no field for it, so a reply that comes back in a conversation is recognized by what it says.
 */

import type { AssistantTurn, Message, Replay } from "../../contract/message.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";

/** The memory forgets the oldest replies beyond this size, in UTF-16 units. */
const MAX_LENGTH = 16_777_216;

interface Remembered {
  readonly replay: Replay;
  readonly length: number;
}

/** Keeps the replays of the last replies. */
export class ReplayMemory {
  /** In the order of the last use. */
  readonly #replays = new Map<string, Remembered>();
  readonly #maxLength: number;
  #length = 0;

  constructor(maxLength: number = MAX_LENGTH) {
    this.#maxLength = maxLength;
  }

  /** Remembers the replay of a reply, for requests of the same user. */
  remember(user: string, turn: AssistantTurn): void {
    const { replay } = turn;
    if (!replay) return;
    const key = keyOf(user, turn);
    const length = key.length + JSON.stringify(replay).length;
    if (length > this.#maxLength) return;
    this.#forget(key);
    this.#replays.set(key, { replay, length });
    this.#length += length;
    for (const oldest of this.#replays.keys()) {
      if (this.#length <= this.#maxLength) break;
      this.#forget(oldest);
    }
  }

  /** Returns the conversation with the replays of the replies that are remembered. */
  restored(user: string, messages: readonly Message[]): readonly Message[] {
    if (this.#replays.size === 0) return messages;
    return messages.map((message) => {
      if (message.role !== "assistant") return message;
      const key = keyOf(user, message);
      const known = this.#replays.get(key);
      if (!known) return message;
      this.#replays.delete(key);
      this.#replays.set(key, known);
      return { ...message, replay: known.replay };
    });
  }

  #forget(key: string): void {
    this.#length -= this.#replays.get(key)?.length ?? 0;
    this.#replays.delete(key);
  }
}

/**
 * Ids alone may repeat from reply to reply, so the key has all that the reply says. Some programs sort the arguments of
 * a call.
 */
function keyOf(user: string, { content, toolCalls = [] }: AssistantTurn): string {
  const calls = toolCalls.map(({ id, name, arguments: args }) => [id, name, args]);
  return JSON.stringify([user, content, calls], (_name, value: unknown) =>
    isJsonObject(value) ? sorted(value) : value,
  );
}

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)));
}
