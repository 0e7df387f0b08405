/** The replies that a conversation has, for requests that are repeated after the log has forgotten their runs. */

import { within } from "../../platform/within.ts";
import { storedTurns } from "../../session/left-session.ts";
import { silence } from "../../session/store-deadline.ts";
import type { RunEnd } from "../log/log.ts";
import { keptEnd } from "../log/lost-run.ts";
import type { RelaySettings } from "../relay-options.ts";

/** A start waits so long for the conversation, in milliseconds: its viewer waits for the headers of the response. */
const MAX_READ_MS = 3_000;

/** Finds the ends of runs in one conversation, which is read once, when it is first asked for. */
export class StoredReplies {
  readonly #settings: Pick<RelaySettings, "sessions" | "client">;
  readonly #chat: string;
  #turns: ReturnType<typeof storedTurns> | undefined;

  /** @param chat as `scopedChat` returns it */
  constructor(settings: Pick<RelaySettings, "sessions" | "client">, chat: string) {
    this.#settings = settings;
    this.#chat = chat;
  }

  /**
   * Resolves with the end of a run; with `undefined` where the conversation has nothing of it, and also when the store
   * fails or is slow: the turn that begins then reports it.
   */
  async endOf(run: string): Promise<RunEnd | undefined> {
    const { sessions, client } = this.#settings;
    if (!sessions) return undefined;
    try {
      this.#turns ??= within(storedTurns({ store: sessions.store, id: this.#chat }, client), MAX_READ_MS, () =>
        silence(MAX_READ_MS),
      );
      const message = (await this.#turns)(run);
      return message && keptEnd(message);
    } catch {
      return undefined;
    }
  }
}
