/**
 * The part of a reply that its caller sees. Each field is named here: a new one stays on the server until it is added.
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { AssistantMessage, Citation, ProviderToolCall, ToolCall, ToolMessage } from "../../contract/message.ts";
import type { ReplyMetrics } from "../../contract/metrics.ts";
import type { TokenUsage } from "../../contract/usage.ts";
import { withoutPrototypeKeys } from "../../platform/prototype-keys.ts";
import type { Policy } from "./policy.ts";

type Rules = Policy["expose"];

/** The text in the place of what a tool threw: the error is for the model and the program. */
const TOOL_FAILED = "The tool failed.";

/** The text about a call that was not allowed: the sentence for the model is the program's. */
const DENIED = "The call was not allowed.";

/** Returns the result of a tool as a caller sees it. */
export function exposedResult(result: string, { isError, denied }: Pick<ToolMessage, "isError" | "denied">): string {
  if (denied) return DENIED;
  return isError ? TOOL_FAILED : result;
}

/** Returns a message as a caller sees it: without replay, raw values, the provider's ids, limits and attempts. */
export function exposedMessage(message: AssistantMessage, rules: Rules): AssistantMessage {
  const { unfinishedToolCalls, media, search, steps, output, interrupted } = message;
  return {
    role: "assistant",
    content: message.content,
    reasoning: rules.reasoning ? message.reasoning : "",
    toolCalls: message.toolCalls.map(exposedCall),
    citations: message.citations.map(exposedCitation),
    finishReason: message.finishReason,
    metrics: exposedMetrics(message.metrics),
    provider: message.provider,
    model: message.model,
    ...(unfinishedToolCalls && { unfinishedToolCalls }),
    ...(media && { media }),
    ...(search && { search }),
    ...(rules.providerTools &&
      message.providerToolCalls && { providerToolCalls: message.providerToolCalls.map(exposedProviderCall) }),
    ...(rules.logprobs && message.logprobs && { logprobs: message.logprobs }),
    ...(output !== undefined && { output: withoutPrototypeKeys(output) }),
    ...(steps && { steps: steps.map((step) => exposedMessage(step, rules)) }),
    ...(interrupted && { interrupted }),
    ...(rules.usage && message.usage && { usage: exposedUsage(message.usage) }),
    ...(rules.usage && message.estimatedUsage && { estimatedUsage: exposedUsage(message.estimatedUsage) }),
  };
}

/** Returns the chunks of a read as a caller sees them; the same array when it sees all of them as they are. */
export function exposedChunks(chunks: readonly MessageChunk[], rules: Rules): readonly MessageChunk[] {
  let exposed: MessageChunk[] | undefined;
  for (const [index, chunk] of chunks.entries()) {
    const visible = exposedChunk(chunk, rules);
    if (visible !== chunk) exposed ??= chunks.slice(0, index);
    if (exposed && visible) exposed.push(visible);
  }
  return exposed ?? chunks;
}

function exposedChunk(chunk: MessageChunk, rules: Rules): MessageChunk | undefined {
  switch (chunk.type) {
    case "text":
    case "toolCallDelta":
    case "media":
      return withoutRaw(chunk);
    case "reasoning":
      return rules.reasoning ? withoutRaw(chunk) : undefined;
    case "rewind":
      return rules.reasoning || chunk.reasoningLength === 0 ? chunk : { ...chunk, reasoningLength: 0 };
    case "toolCall":
      return { ...withoutRaw(chunk), toolCall: exposedCall(chunk.toolCall) };
    case "toolResult": {
      if (!rules.toolResults) return undefined;
      const { type, content, toolCallId, name, isError, denied, isFinal } = chunk;
      const result = exposedResult(chunk.result, chunk);
      return { type, content, toolCallId, name, result, isError, ...(denied && { denied }), isFinal };
    }
    case "providerToolCall":
      if (!rules.providerTools) return undefined;
      return { ...withoutRaw(chunk), providerToolCall: exposedProviderCall(chunk.providerToolCall) };
    case "citation": {
      const { type, content, isFinal } = chunk;
      return { type, content, isFinal, ...exposedCitation(chunk) };
    }
    case "final":
      return { ...chunk, message: exposedMessage(chunk.message, rules) };
  }
}

function withoutRaw<Chunk extends MessageChunk>(chunk: Chunk): Chunk {
  if (!("raw" in chunk)) return chunk;
  const { raw: _raw, ...rest } = chunk;
  return rest as Chunk;
}

/** The raw arguments go when they may hold a key that the parsed ones may not. */
function exposedCall({ id, name, arguments: given, rawArguments, needsApproval }: ToolCall): ToolCall {
  const args = withoutPrototypeKeys(given);
  return {
    id,
    name,
    arguments: args,
    ...(rawArguments !== undefined && args === given && { rawArguments }),
    ...(needsApproval && { needsApproval }),
  };
}

function exposedProviderCall(call: ProviderToolCall): ProviderToolCall {
  return withoutPrototypeKeys(call);
}

function exposedCitation({ url, title, citedText, startIndex, endIndex }: Citation): Citation {
  return {
    url,
    ...(title !== undefined && { title }),
    ...(citedText !== undefined && { citedText }),
    ...(startIndex !== undefined && { startIndex }),
    ...(endIndex !== undefined && { endIndex }),
  };
}

function exposedUsage({ raw: _raw, ...usage }: TokenUsage): TokenUsage {
  return usage;
}

/** An attempt names the providers that were asked, and how they failed. */
function exposedMetrics(metrics: ReplyMetrics): ReplyMetrics {
  return { ...metrics, attempts: [] };
}
