/** A session as JSON: the form of `LLMSession.toJSON` and of a record of type `saved`. */

import type { ContentPart, Message } from "../contract/message.ts";
import { base64Of } from "../platform/base64.ts";
import { type AnsweredCall, answersFault } from "./call-answer.ts";
import { isTurnUsage, type TurnUsage } from "./usage.ts";

/**
 * A session as plain data: the history, the usage, and the settings that are data. Its client, counter, tools and
 * `defaults` are not in it.
 */
export interface SavedSession {
  readonly version: 1;
  readonly systemPrompt?: string;
  readonly maxTokens?: number;
  readonly onInterrupt: "keep" | "discard";
  readonly maxSteps?: number;
  readonly history: readonly Message[];
  readonly turns: readonly TurnUsage[];
  /** Answers to calls at the end of the history that no turn has carried out yet. */
  readonly answers?: readonly AnsweredCall[];
}

/**
 * Returns a parsed value as a session. The constructor of `LLMSession` validates the parts that are options.
 * @throws {TypeError} when the value is not a session
 */
export function readSession(json: unknown): SavedSession {
  if (typeof json === "string")
    throw new TypeError("A saved session must be an object. Received a string: parse it with `JSON.parse` first.");
  if (typeof json !== "object" || json === null) throw new TypeError("A saved session must be an object.");
  const saved = json as Partial<SavedSession>;
  if (saved.version !== 1) {
    const version = JSON.stringify(saved.version) ?? "undefined";
    throw new TypeError(`This version of cloudllm reads saved sessions of \`version\` 1. Received ${version}.`);
  }
  if (!Array.isArray(saved.turns) || !saved.turns.every(isTurnUsage)) {
    throw new TypeError("The saved session is damaged: `turns` is not an array of usage objects.");
  }
  if (!Array.isArray(saved.history)) throw new TypeError("The saved session is damaged: `history` is not an array.");
  const fault = answersFault(saved.answers);
  if (fault) throw new TypeError(`The saved session is damaged: \`answers\` ${fault}.`);
  return saved as SavedSession;
}

/** Returns messages that survive JSON: bytes become base64, which `AttachmentSource` also accepts. */
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
