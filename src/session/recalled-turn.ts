/** The reply of a turn that a session has already, by the name of the turn; and a session that is opened for a turn. */

import type { AssistantMessage, Message } from "../contract/message.ts";
import { endLeft } from "./end-left.ts";
import { endedOutcome } from "./left-session.ts";
import { completed, recordsOfTurn } from "./left-turn.ts";
import type { OpenOptions } from "./options.ts";
import type { SessionRecord } from "./record.ts";
import { LLMSession, sessionOptionsOf, sessionParts } from "./session.ts";
import { recordsIn, storageError } from "./session-log.ts";
import type { ReservedSession } from "./stored-session.ts";

/** A session that is opened for a turn. One read answers whether it has the turn already, and opens it. */
export class SessionOpening {
  readonly #setup: OpenOptions;
  readonly #turn: string;
  readonly #session: LLMSession;
  #reserved: Promise<ReservedSession> | undefined;
  /** Whether the store has not answered yet. */
  #isPending = false;

  /** @param turn its name in the store */
  constructor(setup: OpenOptions, turn: string) {
    this.#setup = setup;
    this.#turn = turn;
    this.#session = new LLMSession(sessionOptionsOf(setup));
  }

  /**
   * Resolves with the reply of the turn, as `endedTurn` returns it. The session is reserved for `open`, where its store
   * can do that and no other has it.
   * @throws {SendError} kind `storage` when the store fails
   */
  async recall(): Promise<AssistantMessage | undefined> {
    const { store, client } = this.#setup;
    const reserving = store.claim ? sessionParts(this.#session).reserve(this.#setup) : undefined;
    this.#reserved = reserving;
    this.#isPending = reserving !== undefined;
    const reserved = await reserving?.catch(() => {
      this.#reserved = undefined; // `open` tries again
    });
    this.#isPending = false;
    return endedTurn(reserved?.records ?? (await recordsOf(this.#setup)), this.#turn, client);
  }

  /**
   * Opens the session. Resolves with it, and with the part that the history keeps of a turn with the same name, whose
   * process has died: it ends here, and is not asked for again.
   * @throws {SendError} as `LLMSession.open`
   */
  async open(): Promise<{ readonly session: LLMSession; readonly left?: AssistantMessage | undefined }> {
    const session = this.#session;
    const { conversation, load } = sessionParts(session);
    const reserved = await this.#taken();
    let left: AssistantMessage | undefined;
    const end = (): void => {
      const { turn: open, history } = conversation.state;
      endLeft(conversation);
      if (open?.id === this.#turn) left = partialReply(session.history.slice(history.length), session.client);
    };
    await load(this.#setup, end, reserved);
    return { session, left };
  }

  /**
   * Gives the reservation back, unless the session is open: its own end does that. A reservation that a slow store has
   * not made yet is given back when it comes; nothing waits for it.
   */
  async release(): Promise<void> {
    const released = this.#taken().then(
      (reserved) => reserved?.release(),
      () => undefined, // none was made
    );
    if (!this.#isPending) await released;
  }

  /** Returns the reservation, once. */
  async #taken(): Promise<ReservedSession | undefined> {
    const reserved = this.#reserved;
    this.#reserved = undefined;
    return reserved;
  }
}

/**
 * Resolves with the complete reply of the last turn; `undefined` where that has another name, or another end.
 * @throws {SendError} kind `storage` when the store fails
 */
export async function storedReply(
  place: Pick<OpenOptions, "store" | "id">,
  turn: string,
  client: OpenOptions["client"],
): Promise<AssistantMessage | undefined> {
  const stored = await recordsOf(place);
  const records = recordsOfTurn(stored, turn);
  const end = records?.at(-1);
  if (!records || !end || stored.slice(stored.indexOf(end) + 1).some(changesHistory)) return undefined;
  const outcome = endedOutcome(records, client, { steps: [] });
  return outcome.type === "complete" ? outcome.message : undefined;
}

/**
 * Returns the reply of a turn that has ended, also of one that the history has lost since. The reply is `interrupted`
 * where the turn has ended without a complete one. `undefined` for a turn that the records do not have, or of which
 * nothing is kept.
 */
function endedTurn(
  stored: readonly SessionRecord[],
  turn: string,
  client: OpenOptions["client"],
): AssistantMessage | undefined {
  const records = recordsOfTurn(stored, turn);
  const end = records?.at(-1);
  if (!records || end?.type !== "end" || !end.stays) return undefined;
  const outcome = endedOutcome(records, client, { steps: [] });
  const messages = records.flatMap((record) => {
    return (record.type === "reply" || record.type === "end") && record.message ? [record.message] : [];
  });
  return outcome.type === "complete" ? outcome.message : partialReply(messages, client);
}

/** Returns the words of a turn that has ended without a complete reply. */
function partialReply(messages: readonly Message[], client: OpenOptions["client"]): AssistantMessage {
  const texts = messages.map((message) => (message.role === "assistant" ? message.content : ""));
  return completed({ role: "assistant", content: texts.join(""), interrupted: true }, client);
}

async function recordsOf({ store, id }: Pick<OpenOptions, "store" | "id">): Promise<readonly SessionRecord[]> {
  try {
    return await recordsIn(store, id);
  } catch (error) {
    throw storageError(error);
  }
}

function changesHistory({ type }: SessionRecord): boolean {
  return type === "said" || type === "cut" || type === "saved";
}
