/**
 * The signatures of thinking, as Anthropic's servers write and verify them. Since Claude 5.1, each is tied to the
 * conversation that its thinking was written for, and to the thinking before it.
 * @see https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
 */

import type { JsonObject } from "../../platform/json-object.ts";
import { isBlankText, listOf, objectOr, type Recorded } from "./rules.ts";
import { textSignatureOf } from "./signatures.ts";

/** The facts that a signature states in addition to genuine thinking. */
interface Bond {
  /** The signature of the conversation before the block. */
  readonly prefix: string;
  /** The signature of the thinking block before it. */
  readonly after: string;
}

const FIRST = "first";

/** Returns the signature of thinking that follows `blocks` in the reply to this request. */
export function signatureOf(thinking: string, body: JsonObject, blocks: readonly JsonObject[]): string {
  const { prefix, after } = bondAfter(body, blocks);
  return [textSignatureOf(thinking), prefix, after].join(".");
}

/** Notes the thinking in a recorded reply to this request. */
export function noteRecorded(body: JsonObject, blocks: readonly JsonObject[], recorded: Recorded): void {
  for (const [at, block] of blocks.entries()) {
    if (isThinking(block)) recorded.set(markOf(block), bondAfter(body, blocks.slice(0, at)));
  }
}

const TAMPERED = "Invalid `signature` in `thinking` block";
const BOUND_ELSEWHERE = `${TAMPERED}. The block is bound to a different conversation. Remove the block, or set \`thinking.block_binding.prefix_mismatch_behavior\` to "drop_block". That setting requires the \`thinking-binding-controls-2026-08-01\` value in the \`anthropic-beta\` header.`;

/** Returns why thinking in the request would be refused. `binds`: whether the model verifies what the thinking is tied
 * to. */
export function signatureFault(body: JsonObject, recorded: Recorded, binds: boolean): string | undefined {
  const messages = listOf(body.messages);
  let before: JsonObject | undefined;
  for (const [at, message] of messages.entries()) {
    const blocks = blocksOf(message);
    for (const [index, block] of blocks.entries()) {
      if (!isThinking(block)) continue;
      const place = `messages.${at}.content.${index}: `;
      if (message.role !== "assistant") return `${place}${TAMPERED}`;
      const bond = bondOf(block, recorded);
      if (bond === "tampered") return `${place}${TAMPERED}`;
      if (binds && bond !== "free") {
        const prefix = prefixSeal(body, [...messages.slice(0, at), { ...message, content: blocks.slice(0, index) }]);
        if (prefix !== bond.prefix || (before && textSignatureOf(markOf(before)) !== bond.after))
          return place + BOUND_ELSEWHERE;
      }
      before = block;
    }
  }
  return undefined;
}

/** Returns the facts that a block's signature ties it to; `free` where they are unknown. */
function bondOf(block: JsonObject, recorded: Recorded): Bond | "free" | "tampered" {
  const known = recorded.get(markOf(block));
  if (known !== undefined) return known as Bond;
  if (block.type === "redacted_thinking") return "free";
  const { thinking, signature } = block;
  if (typeof thinking !== "string" || typeof signature !== "string") return "tampered";
  const [textSignature, prefix, after] = signature.split(".");
  if (textSignature !== textSignatureOf(thinking)) return "tampered";
  return prefix === undefined || after === undefined ? "free" : { prefix, after };
}

function bondAfter(body: JsonObject, blocks: readonly JsonObject[]): Bond {
  const messages = [...listOf(body.messages), { role: "assistant", content: blocks }];
  const last = messages.flatMap(blocksOf).findLast(isThinking);
  return { prefix: prefixSeal(body, messages), after: last ? textSignatureOf(markOf(last)) : FIRST };
}

/**
 * Returns a hash of system, tools and messages by their values. Thinking, marks for the cache and blank text, which is
 * never sent back, are left out.
 */
function prefixSeal({ system, tools }: JsonObject, messages: readonly JsonObject[]): string {
  const blocks = messages.flatMap((message) =>
    blocksOf(message)
      .filter((block) => !isThinking(block) && !isBlankText(block))
      .map((block) => [message.role, block]),
  );
  const compacted = blocks.findLastIndex(([, block]) => objectOr(block).type === "compaction");
  const offered = listOf(tools)
    .filter(({ defer_loading }) => defer_loading !== true)
    .map((tool) => canonical(tool))
    .sort();
  const texts = typeof system === "string" ? [{ type: "text", text: system }] : listOf(system);
  return textSignatureOf(canonical([texts, offered, blocks.slice(Math.max(0, compacted))]));
}

function blocksOf({ content }: JsonObject): readonly JsonObject[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : listOf(content);
}

function isThinking({ type }: JsonObject): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function markOf({ signature, data }: JsonObject): string {
  return String(signature ?? data);
}

/** Returns JSON with its keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (name, inner: unknown) => {
    if (name === "cache_control") return undefined;
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
