/** The rules of Anthropic Messages for a conversation. */

import type { JsonObject } from "../../platform/json-object.ts";
import { type ClaudeCapabilities, claudeCapabilitiesOf } from "../../protocols/capabilities/claude.ts";
import { ANTHROPIC_ROOT_REFUSALS } from "../../protocols/common/tool-parameters.ts";
import { anthropicOptionFault } from "./anthropic-option-rules.ts";
import { signatureFault } from "./anthropic-signatures.ts";
import { unreadableFault } from "./common-rules.ts";
import { isBlankText, listOf, objectOr, type Recorded, type Signatures } from "./rules.ts";
import { rootFault } from "./tool-rules.ts";

interface Turn {
  readonly role: unknown;
  readonly blocks: readonly JsonObject[];
}

/**
 * Returns the refusal of Anthropic; `undefined` for a valid request.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
 */
export function anthropicFault(body: unknown, signatures: Signatures, recorded: Recorded): string | undefined {
  const request = objectOr(body);
  const { max_tokens, messages, model, tools } = request;
  const capabilities = claudeCapabilitiesOf(String(model));
  if (typeof max_tokens !== "number") return "max_tokens: Field required";
  const option = unreadableFault(body) ?? anthropicOptionFault(request, capabilities);
  if (option !== undefined) return option;
  if (listOf(request.system).some(isBlankText)) return `system: ${BLANK}`;
  for (const [at, { type = "custom", input_schema }] of listOf(tools).entries()) {
    const fault = type === "custom" ? rootFault(input_schema, ANTHROPIC_ROOT_REFUSALS) : undefined;
    if (fault !== undefined) return `tools.${at}.custom.input_schema: ${fault}`;
  }
  const turns = turnsOf(listOf(messages));
  if (turns.length === 0) return "messages: at least one message is required";
  if (turns[0]?.role !== "user") return 'messages: first message must use the "user" role';
  // Thinking before the last question may be left out; adaptive thinking may be absent everywhere.
  const thinks = objectOr(request.thinking).type === "enabled";
  const mustThink = capabilities.thinking === "budget" || thinks;
  const asked = turns.findLastIndex(
    ({ role, blocks }) => role === "user" && blocks.some(({ type }) => type !== "tool_result"),
  );
  for (const [at, turn] of turns.entries()) {
    const fault =
      turnFault(turn, turns[at - 1], turns[at + 1]) ??
      (mustThink && at > asked ? thinkingFault(turn, signatures, thinks) : undefined);
    if (fault !== undefined) return `messages.${at}: ${fault}`;
  }
  const ids = turns.flatMap((turn) => idsOf(turn, "tool_use", "id"));
  if (new Set(ids).size < ids.length) return "messages: `tool_use` ids must be unique";
  return (
    providerToolFault(turns) ??
    signatureFault(request, recorded, capabilities.bindsThinking) ??
    prefillFault(turns.at(-1), request, capabilities, signatures)
  );
}

/** Returns why the beginning of an answer is refused. A reply that the provider has paused is not one: it continues. */
function prefillFault(
  last: Turn | undefined,
  { thinking, fallback_credit_token }: JsonObject,
  { prefill, thinksByDefault }: ClaudeCapabilities,
  signatures: Signatures,
): string | undefined {
  if (last?.role !== "assistant" || signatures.has(pauseMark(last.blocks))) return undefined;
  if (last.blocks.some((block) => isProviderCall(block) || block.type === "compaction")) return undefined;
  const words = last.blocks.at(-1)?.text;
  if (typeof words === "string" && /\s$/.test(words))
    return "messages: final assistant content cannot end with trailing whitespace";
  const { type = thinksByDefault ? "adaptive" : "disabled" } = objectOr(thinking);
  const thinks = type === "enabled" || type === "adaptive";
  if (fallback_credit_token !== undefined || (prefill !== "refused" && !thinks)) return undefined;
  return "This model does not support assistant message prefill. The conversation must end with a user message.";
}

/** Returns the mark by which a reply that the provider has paused is recognized in a later request. */
export function pauseMark(blocks: readonly JsonObject[]): string {
  return JSON.stringify([
    "paused",
    ...blocks.flatMap(({ type, text }) => (type === "text" ? [String(text).trim()] : [])),
  ]);
}

/**
 * Returns the fault of the provider's own tools: a call without a result, or a result without a call. The reply that
 * continues now may have open calls.
 */
function providerToolFault(turns: readonly Turn[]): string | undefined {
  const all = turns.flatMap(({ blocks }) => blocks);
  const answers = all.filter(isProviderResult).map(({ tool_use_id }) => tool_use_id);
  const called = all.filter(isProviderCall).map(({ id }) => id);
  const callers = all.map(({ caller }) => objectOr(caller).tool_id);
  for (const [at, { blocks }] of turns.entries()) {
    if (at === turns.length - 1) break;
    const open = blocks.find((block) => isProviderCall(block) && ![...answers, ...callers].includes(block.id));
    if (open) return `messages.${at}: \`${open.type}\` ids were found without a result block: ${open.id}`;
  }
  const stray = answers.find((id) => !called.includes(id));
  return stray === undefined ? undefined : `messages: unexpected \`tool_use_id\` found in a result block: ${stray}`;
}

function isProviderCall({ type }: JsonObject): boolean {
  return type === "server_tool_use" || type === "mcp_tool_use";
}

function isProviderResult({ type }: JsonObject): boolean {
  return String(type).endsWith("_tool_result");
}

/** Returns the messages as turns: neighbours of one role are merged. */
function turnsOf(messages: readonly JsonObject[]): readonly Turn[] {
  const turns: { role: unknown; blocks: JsonObject[] }[] = [];
  for (const { role, content } of messages) {
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : listOf(content);
    const last = turns.at(-1);
    if (last?.role === role && last) last.blocks.push(...blocks);
    else turns.push({ role, blocks: [...blocks] });
  }
  return turns;
}

function turnFault(turn: Turn, before: Turn | undefined, after: Turn | undefined): string | undefined {
  const { role, blocks } = turn;
  if (role !== "user" && role !== "assistant") return "Input tag must be 'user' or 'assistant'";
  if (blocks.length === 0) return "all messages must have non-empty content";
  const fault = blocks.map(blockFault).find((found) => found !== undefined);
  if (fault !== undefined) return fault;
  const calls = idsOf(turn, "tool_use", "id");
  const answers = idsOf(after, "tool_result", "tool_use_id");
  const unanswered = calls.filter((id) => !answers.includes(id));
  if (unanswered.length > 0)
    return `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${unanswered.join(", ")}`;
  const asked = idsOf(before, "tool_use", "id");
  const stray = idsOf(turn, "tool_result", "tool_use_id").filter((id) => !asked.includes(id));
  if (stray.length > 0) return `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray.join(", ")}`;
  const words = blocks.findIndex(({ type }) => type !== "tool_result");
  if (words >= 0 && blocks.slice(words).some(({ type }) => type === "tool_result"))
    return "`tool_result` blocks must come before other content";
  return undefined;
}

const BLANK = "text content blocks must contain non-whitespace text";

function blockFault(block: JsonObject): string | undefined {
  const { type, id, input, content, text } = block;
  if (type === "text") {
    if (text === "" || typeof text !== "string") return "text content blocks must be non-empty";
    return isBlankText(block) ? BLANK : undefined;
  }
  if (typeof content === "string" && content !== "" && content.trim() === "") return BLANK;
  if (listOf(content).some(isBlankText)) return BLANK;
  if (type !== "tool_use") return undefined;
  if (!/^[\w-]{1,128}$/.test(String(block.name)))
    return "tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'";
  if (!/^[\w-]+$/.test(String(id))) return "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'";
  return typeof input === "object" && input !== null ? undefined : "tool_use.input: Input should be a valid dictionary";
}

/** Returns the mark of a call that was written with thinking on. */
export function thinkerMark(id: string): string {
  return `thinker of ${id}`;
}

/** A model whose thinking was on when it wrote the call, and is off now, does without. */
function thinkingFault({ blocks }: Turn, signatures: Signatures, thinks: boolean): string | undefined {
  for (const [at, { type, id }] of blocks.entries()) {
    const expected = type === "tool_use" ? signatures.get(String(id)) : undefined;
    if (expected === undefined || (!thinks && signatures.has(thinkerMark(String(id))))) continue;
    if (!blocks.slice(0, at).some(({ signature }) => signature === expected))
      return "Expected `thinking` or `redacted_thinking`, but found `tool_use`";
  }
  return undefined;
}

function idsOf(turn: Turn | undefined, type: string, field: string): readonly unknown[] {
  return (turn?.blocks ?? []).flatMap((block) => (block.type === type ? [block[field]] : []));
}
