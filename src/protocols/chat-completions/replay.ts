/** The data that goes back to a Chat Completions server with an earlier reply (law 8). */

import type { Replay } from "../../contract/message.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { holdsSignature } from "../common/tool-call-ids.ts";
import { listIn, textIn } from "../common/wire-values.ts";
import type { SoundReference } from "./media.ts";
import type { ReasoningReplay } from "./reasoning-replay.ts";
import type { ReasoningDetail, ThinkingBlock, WirePart, WireToolCall } from "./wire.ts";

export const PROTOCOL_NAME = "chat-completions";

/** The contents of `Replay.data`; every member may be missing. */
export interface ChatReplay {
  /** OpenRouter's `reasoning_details`, as they came. */
  readonly details?: readonly unknown[];
  /** Claude's signed thinking, as LiteLLM's `thinking_blocks` hold it. */
  readonly blocks?: readonly unknown[];
  /** Plain thinking, and the field it came in. */
  readonly reasoning?: { readonly field: string; readonly text: string };
  /** Content that came in parts, thinking included. */
  readonly parts?: readonly unknown[];
  /** Fields of a call in addition to its function, by its id. */
  readonly callFields?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The place of `details` or `blocks` in their conversation, for models that refuse them in another place. */
  readonly place?: unknown;
  /** The reference to the generated sound. */
  readonly sound?: SoundReference;
}

const JOINED = ["text", "summary", "data"] as const;

/** Collects the data while the reply streams. */
export class ReplayCollector {
  readonly #details: Record<string, unknown>[] = [];
  /** The details that may grow, by type and index. */
  readonly #openDetails = new Map<string, Record<string, unknown>>();
  /** The fields of calls by the call's id, which may be `__proto__`. */
  readonly #callFields = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #blocks: ThinkingBlock[] = [];
  readonly #parts: WirePart[] = [];
  readonly #grown = new WeakMap<WirePart, WirePart[]>();
  #field = "";
  #reasoning = "";
  sound: SoundReference | undefined;

  /**
   * Pieces belong together by type and index: Gemini's text and its encrypted twin share an index. Text, summary and
   * data are joined. Every other field, signatures included, replaces the old one. Some providers give each thought the
   * same index: then another id begins another detail, and so does text behind a signature.
   */
  addDetail(piece: ReasoningDetail): void {
    const mark = piece.index === undefined ? undefined : JSON.stringify([piece.type, piece.index]);
    const known = mark === undefined ? undefined : this.#openDetails.get(mark);
    if (!known || isAnother(known, piece)) {
      const detail: Record<string, unknown> = { ...piece };
      this.#details.push(detail);
      if (mark !== undefined) this.#openDetails.set(mark, detail);
      return;
    }
    for (const [name, value] of Object.entries(piece)) {
      if (value === null || value === undefined) continue;
      const joined = JOINED.some((field) => field === name) && typeof known[name] === "string";
      known[name] = joined ? `${known[name]}${value}` : value;
    }
  }

  /** Adds a block of thinking, or a piece of one. */
  addBlock(piece: ThinkingBlock): void {
    const last = this.#blocks.at(-1);
    if (last?.type !== "thinking" || last.signature || piece.type !== "thinking") return void this.#blocks.push(piece);
    const before = textIn(last.thinking);
    // The piece with the signature may repeat the block.
    const isAgain = piece.signature && piece.thinking === before;
    this.#blocks[this.#blocks.length - 1] = {
      ...last,
      ...piece,
      thinking: isAgain ? before : before + textIn(piece.thinking),
    };
  }

  /** Adds fields that belong to a call: Gemini's thought signature, and the type of a call that is not a function's. */
  addCallFields(callId: string, fields: Readonly<Record<string, unknown>>): void {
    this.#callFields.set(callId, { ...this.#callFields.get(callId), ...fields });
  }

  /** `field`: the field that the text came in. */
  addReasoning(text: string, field: string): void {
    this.#field = field;
    this.#reasoning += text;
  }

  /** Adds a part. Pieces of one text are joined, also within a thought. */
  addPart(part: WirePart): void {
    addTo(this.#parts, part, this.#grown);
  }

  /** Returns the replay; `undefined` where there is nothing to keep. For `placeOf`, see `ProtocolRequest.binding`. */
  replay(
    provider: string,
    model: string,
    place: ReasoningReplay["place"] | undefined,
    placeOf?: () => unknown,
  ): Replay | undefined {
    const isSplit = this.#parts.some(({ type }) => type !== "text");
    const field = place === "as it came" ? this.#field : place;
    const blocks = this.#blocks.filter(({ type, signature }) => type !== "thinking" || signature);
    const data: ChatReplay = {
      ...(this.#details.length > 0 && { details: this.#details }),
      ...(blocks.length > 0 && { blocks }),
      ...(placeOf && { place: placeOf() }),
      ...(field && field !== "parts" && this.#reasoning !== "" && { reasoning: { field, text: this.#reasoning } }),
      ...(place === "parts" && isSplit && { parts: this.#parts }),
      ...(this.#callFields.size > 0 && { callFields: Object.fromEntries(this.#callFields) }),
      ...(this.sound && { sound: this.sound }),
    };
    return Object.keys(data).length > 0 ? { provider, protocol: PROTOCOL_NAME, model, data } : undefined;
  }
}

/** Returns whether a piece that has the marks of a detail begins one of its own. */
function isAnother(known: ReasoningDetail, { id, text }: ReasoningDetail): boolean {
  return Boolean((id && known.id && id !== known.id) || (known.signature && text));
}

/**
 * Appends a piece to the parts, or joins it with the last part where it continues that part.
 * @param grown the arrays of thoughts that this function created and may extend, by their part
 */
function addTo(parts: WirePart[], piece: WirePart, grown: WeakMap<WirePart, WirePart[]>): void {
  const last = parts.at(-1);
  const joins = piece.type === "text" || piece.type === "thinking";
  if (!last || !joins || last.type !== piece.type) return void parts.push(piece);
  const fields = { ...last, ...piece };
  if (piece.type === "text") {
    parts[parts.length - 1] = { ...fields, text: `${last.text ?? ""}${piece.text ?? ""}` };
    return;
  }
  const thoughts = grown.get(last) ?? [...thoughtsOf(last)];
  for (const thought of thoughtsOf(piece)) addTo(thoughts, thought, grown);
  const joined = { ...fields, thinking: thoughts };
  grown.set(joined, thoughts);
  parts[parts.length - 1] = joined;
}

function thoughtsOf({ thinking }: WirePart): readonly WirePart[] {
  return typeof thinking === "string" ? [{ type: "text", text: thinking }] : listIn(thinking);
}

/** Returns the fields that sign a call; empty ones where its id does so; `undefined` where nothing does. */
export function signatureOf(call: WireToolCall, id: string): JsonObject | undefined {
  const { extra_content, thought_signature } = call;
  if (extra_content) return { extra_content };
  if (typeof thought_signature === "string") return { thought_signature };
  const specific = call.provider_specific_fields ?? call.function?.provider_specific_fields;
  if (isJsonObject(specific) && typeof specific.thought_signature === "string")
    return { provider_specific_fields: specific };
  return holdsSignature(id) ? {} : undefined;
}
