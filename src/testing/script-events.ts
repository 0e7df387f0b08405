/** Converts a script to the events of its player, one at a time. Lazy: a script may be endless. */

import type { Citation, Media } from "../contract/message.ts";
import type { Pause } from "./pause.ts";
import type {
  AcceptedScript,
  ScriptEnding,
  ScriptedError,
  ScriptedFinish,
  ScriptedMedia,
  ScriptedToolCall,
  ScriptStep,
} from "./script.ts";

/** The provider's normal end, with its reason filled in. */
export interface FinishEvent extends ScriptedFinish {
  readonly type: "finish";
  readonly finishReason: NonNullable<ScriptedFinish["finishReason"]>;
}

/** A piece of a tool call; the first one `opens` it. */
interface ToolCallDeltaEvent {
  readonly type: "toolCallDelta";
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly argumentsDelta: string;
  readonly opens: boolean;
}

/** The provider closes a tool call. */
interface ToolCallEndEvent {
  readonly type: "toolCallEnd";
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly argumentsText: string;
}

/** A medium: all of it, a preview (`partial`), or a piece (`append`); the last piece is not `partial`. */
interface MediaEvent {
  readonly type: "media";
  readonly index: number;
  readonly medium: Media;
  readonly append?: true;
}

/** How a reply ends; the last event of every script. */
export type EndingEvent =
  | FinishEvent
  | ({ readonly type: "error" } & ScriptedError)
  | { readonly type: "cut" }
  | { readonly type: "reset" }
  | { readonly type: "hang" };

/** The next action of a player. */
export type ScriptEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  | ToolCallDeltaEvent
  | ToolCallEndEvent
  | { readonly type: "citation"; readonly citation: Citation }
  | MediaEvent
  | { readonly type: "pause"; readonly pause: Pause }
  | EndingEvent;

/** Returns the events of a script, in order. The last event, and only that, is an `EndingEvent`. */
export function* eventsOf(script: AcceptedScript): Generator<ScriptEvent, void> {
  let calls = 0;
  let media = 0;
  for (const step of "steps" in script ? script.steps : [{ text: script.text }]) {
    if ("toolCall" in step) yield* toolCallEvents(step.toolCall, calls++);
    else if ("media" in step) yield* mediaEvents(step.media, media++);
    else yield* stepEvents(step);
  }
  yield endingEvent(script.ending ?? {}, calls > 0);
}

type PlainStep = Exclude<ScriptStep, { readonly toolCall: ScriptedToolCall } | { readonly media: ScriptedMedia }>;

function* stepEvents(step: PlainStep): Generator<ScriptEvent, void> {
  if ("text" in step) for (const text of piecesOf(step.text)) yield { type: "text", text };
  else if ("reasoning" in step) for (const text of piecesOf(step.reasoning)) yield { type: "reasoning", text };
  else if ("citation" in step) yield { type: "citation", citation: step.citation };
  else yield { type: "pause", pause: step.pause };
}

function piecesOf(text: string | Iterable<string>): Iterable<string> {
  return typeof text === "string" ? [text] : text;
}

function* toolCallEvents(call: ScriptedToolCall, index: number): Generator<ScriptEvent, void> {
  const { name, id = `call_${index + 1}`, unfinished = false } = call;
  const fragments = "fragments" in call ? call.fragments : [JSON.stringify(call.arguments ?? {})];
  let opens = true;
  for (const argumentsDelta of fragments.length > 0 ? fragments : [""]) {
    yield { type: "toolCallDelta", index, id, name, argumentsDelta, opens };
    opens = false;
  }
  const argumentsText = fragments.join("");
  if (!unfinished && isComplete(argumentsText)) yield { type: "toolCallEnd", index, id, name, argumentsText };
}

function* mediaEvents(scripted: ScriptedMedia, index: number): Generator<MediaEvent, void> {
  const { previews = [], ...medium } = scripted;
  const { mediaType } = medium;
  for (const data of previews) yield { type: "media", index, medium: { mediaType, data, partial: true } };
  if (!("pieces" in medium)) return yield { type: "media", index, medium };
  const { pieces, ...about } = medium;
  for (const data of pieces) yield { type: "media", index, medium: { mediaType, data, partial: true }, append: true };
  yield { type: "media", index, medium: { ...about, data: "" }, append: true };
}

function isComplete(argumentsText: string): boolean {
  if (argumentsText === "") return true; // many providers write a call without arguments so
  try {
    JSON.parse(argumentsText);
    return true;
  } catch {
    return false;
  }
}

function endingEvent(ending: ScriptEnding, anyCall: boolean): EndingEvent {
  if (typeof ending === "string") return { type: ending };
  if ("error" in ending) return { type: "error", ...ending.error };
  const usual = ending.rawFinishReason !== undefined ? "unknown" : anyCall ? "toolCalls" : "stop";
  return { type: "finish", ...ending, finishReason: ending.finishReason ?? usual };
}
