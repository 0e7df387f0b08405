/** What Anthropic Messages demands of a conversation. */

import { type Loose, listOf, looseOf, type Seals } from "./demands.ts";
import { sealOf } from "./seal.ts";

interface Turn {
  readonly role: unknown;
  readonly blocks: readonly Loose[];
}

/**
 * Why Anthropic would refuse the request; `undefined` when it would not.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
 */
export function anthropicFault(body: unknown, seals: Seals): string | undefined {
  const { max_tokens, messages } = looseOf(body);
  if (typeof max_tokens !== "number") return "max_tokens: Field required";
  const turns = turnsOf(listOf(messages));
  if (turns.length === 0) return "messages: at least one message is required";
  if (turns[0]?.role !== "user") return 'messages: first message must use the "user" role';
  // Thinking before the last question may be left out.
  const asked = turns.findLastIndex(
    ({ role, blocks }) => role === "user" && blocks.some(({ type }) => type !== "tool_result"),
  );
  for (const [at, turn] of turns.entries()) {
    const fault =
      turnFault(turn, turns[at - 1], turns[at + 1]) ?? (at > asked ? thinkingFault(turn, seals) : undefined);
    if (fault !== undefined) return `messages.${at}: ${fault}`;
  }
  const last = turns.at(-1);
  const words = last?.role === "assistant" ? last.blocks.at(-1)?.text : undefined;
  if (typeof words === "string" && /\s$/.test(words))
    return "messages: final assistant content cannot end with trailing whitespace";
  return undefined;
}

/** Neighbours of one role are one turn. */
function turnsOf(messages: readonly Loose[]): readonly Turn[] {
  const turns: { role: unknown; blocks: Loose[] }[] = [];
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
  const fault = blocks.map((block) => blockFault(block, role)).find((found) => found !== undefined);
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

function blockFault({ type, text, id, input, thinking, signature }: Loose, role: string): string | undefined {
  switch (type) {
    case "text":
      return typeof text === "string" && text !== "" ? undefined : "text content blocks must be non-empty";
    case "thinking":
      return role === "assistant" && typeof thinking === "string" && signature === sealOf(thinking)
        ? undefined
        : "Invalid `signature` in `thinking` block";
    case "tool_use":
      if (!/^[\w-]+$/.test(String(id))) return "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'";
      return typeof input === "object" && input !== null
        ? undefined
        : "tool_use.input: Input should be a valid dictionary";
    default:
      return undefined;
  }
}

function thinkingFault({ blocks }: Turn, seals: Seals): string | undefined {
  for (const [at, { type, id }] of blocks.entries()) {
    const seal = type === "tool_use" ? seals.get(String(id)) : undefined;
    if (seal !== undefined && !blocks.slice(0, at).some(({ signature }) => signature === seal))
      return "Expected `thinking` or `redacted_thinking`, but found `tool_use`";
  }
  return undefined;
}

function idsOf(turn: Turn | undefined, type: string, field: string): readonly unknown[] {
  return (turn?.blocks ?? []).flatMap((block) => (block.type === type ? [block[field]] : []));
}
