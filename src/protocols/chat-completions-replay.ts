/** What a Chat Completions server wants back with an earlier reply (law 8). */

import type { Replay } from "../message.ts";

export const PROTOCOL_NAME = "chat-completions";

/** As it stands in `Replay.data`: fields for the assistant's message, and for each of its calls by id. */
export interface ChatReplay {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly callFields?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** One element of OpenRouter's `reasoning_details`. */
export interface ReasoningDetail {
  readonly type?: string;
  readonly index?: number;
  readonly text?: string | null;
  readonly summary?: string | null;
  readonly data?: string | null;
  readonly signature?: string | null;
}

const JOINED = ["text", "summary", "data"] as const;

/** Collects it while the reply streams. */
export class ReplayCollector {
  readonly #details: Record<string, unknown>[] = [];
  readonly #callFields: Record<string, Readonly<Record<string, unknown>>> = {};
  #reasoning = "";

  /**
   * Pieces belong together by type and index: Gemini's text and its encrypted twin share an index.
   * Text, summary and data are joined; everything else, signatures among it, replaces.
   */
  addDetail(piece: ReasoningDetail): void {
    const known = this.#details.find(
      (detail) => detail.type === piece.type && detail.index === piece.index && piece.index !== undefined,
    );
    if (!known) return void this.#details.push({ ...piece });
    for (const [name, value] of Object.entries(piece)) {
      if (value === null || value === undefined) continue;
      const joined = JOINED.some((field) => field === name) && typeof known[name] === "string";
      known[name] = joined ? `${known[name]}${value}` : value;
    }
  }

  /** Gemini's thought signature rides on the call. */
  addCallField(callId: string, extraContent: unknown): void {
    this.#callFields[callId] = { extra_content: extraContent };
  }

  addReasoning(text: string): void {
    this.#reasoning += text;
  }

  /** `reasoningField`: where the server wants its plain thinking back; absent where it does not. */
  replay(provider: string, reasoningField: string | undefined): Replay | undefined {
    const fields = {
      ...(this.#details.length > 0 && { reasoning_details: this.#details }),
      ...(reasoningField && this.#reasoning !== "" && { [reasoningField]: this.#reasoning }),
    };
    const data: ChatReplay = {
      ...(Object.keys(fields).length > 0 && { fields }),
      ...(Object.keys(this.#callFields).length > 0 && { callFields: this.#callFields }),
    };
    return Object.keys(data).length > 0 ? { provider, protocol: PROTOCOL_NAME, data } : undefined;
  }
}
