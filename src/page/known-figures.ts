/** The lines under replies, kept in this browser: the server keeps what was said, and not how long it took. */

import type { ChatReply } from "../web/index.ts";
import { costQueryOf, figuresOf } from "./figures.ts";

/** A line, and the reply that it belongs to: another one may take its place in the conversation. */
interface Kept {
  readonly line: string;
  readonly length: number;
}

export class KnownFigures {
  readonly #key: string;
  readonly #onChange: () => void;
  readonly #lines: Map<string, Kept>;
  readonly #asked = new WeakSet<ChatReply>();

  /** @param onChange called when a line is known that was not */
  constructor(chat: string, onChange: () => void) {
    this.#key = keyOf(chat);
    this.#onChange = onChange;
    this.#lines = new Map(Object.entries(read(this.#key)));
  }

  /** Returns the line under a reply; empty while it is not known. */
  lineOf(reply: ChatReply): string {
    if (reply.state !== "writing" && reply.model !== undefined && !this.#asked.has(reply)) {
      this.#asked.add(reply);
      this.#keep(reply, undefined);
      void this.#askCost(reply);
    }
    const kept = this.#lines.get(reply.id);
    return kept?.length === reply.content.length ? kept.line : figuresOf(reply, undefined);
  }

  async #askCost(reply: ChatReply): Promise<void> {
    const query = costQueryOf(reply);
    if (!query) return;
    try {
      const response = await fetch(`/cost?${query}`);
      const { cost } = (await response.json()) as { readonly cost?: number | null };
      if (typeof cost !== "number") return;
      this.#keep(reply, cost);
      this.#onChange();
    } catch {
      // the line stays as it is
    }
  }

  #keep(reply: ChatReply, cost: number | undefined): void {
    this.#lines.set(reply.id, { line: figuresOf(reply, cost), length: reply.content.length });
    try {
      localStorage.setItem(this.#key, JSON.stringify(Object.fromEntries(this.#lines)));
    } catch {
      // the storage is full, or not allowed
    }
  }
}

/** Forgets the lines of a conversation. */
export function forgetFigures(chat: string): void {
  localStorage.removeItem(keyOf(chat));
}

function keyOf(chat: string): string {
  return `cloudllm.figures.${chat}`;
}

function read(key: string): Readonly<Record<string, Kept>> {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? "{}") ?? {}) as Readonly<Record<string, Kept>>;
  } catch {
    return {};
  }
}
