/** A session as plain data. */

import type { ContentPart, Message } from "../contract/message.ts";
import { base64Of } from "../platform/base64.ts";
import { isTurnUsage, type TurnUsage } from "./usage.ts";

/** What `JSON.stringify(session)` writes: everything but the client and the counter. */
export interface SavedSession {
  readonly version: 1;
  readonly systemPrompt?: string;
  readonly maxTokens?: number;
  readonly onInterrupt: "keep" | "discard";
  readonly maxSteps?: number;
  readonly history: readonly Message[];
  readonly turns: readonly TurnUsage[];
}

/**
 * What `JSON.parse` gave back, if it is a session at all; its parts that are options are the constructor's to check.
 * @throws {TypeError} that says what is wrong with it
 */
export function readSession(json: unknown): SavedSession {
  if (typeof json === "string") throw new TypeError("This is text: give `fromJSON` what `JSON.parse` makes of it.");
  if (typeof json !== "object" || json === null) throw new TypeError("This is not a saved session.");
  const saved = json as Partial<SavedSession>;
  if (saved.version !== 1) {
    const version = JSON.stringify(saved.version) ?? "none";
    throw new TypeError(
      `This is not a session that this version of cloudllm can read: its \`version\` is ${version}, not 1.`,
    );
  }
  if (!Array.isArray(saved.turns) || !saved.turns.every(isTurnUsage)) {
    throw new TypeError("This saved session is damaged: `turns` is not a list of what its turns cost.");
  }
  if (!Array.isArray(saved.history)) throw new TypeError("This saved session is damaged: it has no `history`.");
  return saved as SavedSession;
}

/** Messages that survive JSON: bytes become base64, which `AttachmentSource` takes as well. */
export function plainMessages(history: readonly Message[]): readonly Message[] {
  return history.map((message) =>
    message.role === "user" && typeof message.content !== "string"
      ? { ...message, content: message.content.map(plainPart) }
      : message,
  );
}

function plainPart(part: ContentPart): ContentPart {
  return "data" in part && typeof part.data !== "string" ? { ...part, data: base64Of(part.data) } : part;
}
