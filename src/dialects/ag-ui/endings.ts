/** The last events of a run: calls that it leaves, its outcome, and its tokens. */

import type { FinishReason } from "../../contract/finish-reason.ts";
import type { AssistantMessage, ToolCall } from "../../contract/message.ts";
import { type AgUiEvent, type AgUiInterrupt, type AgUiOutcome, type AgUiUsage, interruptOf } from "./events.ts";
import { sealOf } from "./received-reply.ts";

/** The names of the reasons why a run ends, as TanStack AI calls them. */
const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: "stop",
  length: "length",
  toolCalls: "tool_calls",
  contentFilter: "content_filter",
  refusal: "content_filter",
  stopped: "stop",
  budget: "length",
  interrupted: "stop",
  unknown: "stop",
};

/**
 * Returns the events that leave calls to the front end: the relay's signature, which comes back with the call, and the
 * event at which TanStack AI runs a tool.
 */
export function callsToAnswer(message: AssistantMessage): readonly AgUiEvent[] {
  const { replay } = message;
  const calls = openCallsOf(message);
  const signature = typeof replay?.data === "string" ? replay.data : undefined;
  const sealed = calls.flatMap(({ id, needsApproval = false }): readonly AgUiEvent[] => {
    if (signature === undefined) return [];
    const encryptedValue = sealOf(signature, needsApproval);
    return [{ type: "REASONING_ENCRYPTED_VALUE", subtype: "tool-call", entityId: id, encryptedValue }];
  });
  const ofPage = calls.filter(({ needsApproval }) => !needsApproval);
  return [
    ...sealed,
    ...ofPage.map(({ id, name, arguments: input }): AgUiEvent => {
      return { type: "CUSTOM", name: "tool-input-available", value: { toolCallId: id, toolName: name, input } };
    }),
  ];
}

/**
 * Returns the fields of the end of a run.
 * @param isNew whether the client has sent a protocol version: 1.0 or later
 */
export function finishOf(
  message: AssistantMessage,
  isNew: boolean,
): Pick<Extract<AgUiEvent, { readonly type: "RUN_FINISHED" }>, "outcome" | "usage" | "metadata"> {
  const outcome = outcomeOf(message, isNew);
  return {
    ...(outcome && { outcome }),
    ...usageOf(message),
    metadata: { tanstack: { finishReason: FINISH_REASONS[message.finishReason] } },
  };
}

/** Returns the fields of the end of a run that shows a conversation, whose last reply may wait for a person. */
export function finishOfPause(interrupts: readonly AgUiInterrupt[]): { readonly outcome?: AgUiOutcome } {
  return interrupts.length > 0 ? { outcome: { type: "interrupt", interrupts } } : {};
}

/** A reply that was stopped asks for nothing. */
function openCallsOf({ interrupted, toolCalls }: AssistantMessage): readonly ToolCall[] {
  return interrupted ? [] : toolCalls;
}

function outcomeOf(message: AssistantMessage, isNew: boolean): AgUiOutcome | undefined {
  const calls = openCallsOf(message);
  const interrupts = calls.filter(({ needsApproval }) => needsApproval).map(interruptOf);
  if (interrupts.length > 0) return { type: "interrupt", interrupts };
  if (!isNew) return undefined;
  if (message.interrupted) return { type: "cancelled" };
  return calls.length > 0 ? { type: "success", pendingToolCallIds: calls.map(({ id }) => id) } : undefined;
}

/** Returns the tokens of a run, where the provider has counted them. */
export function usageOf({ usage, provider, model }: AssistantMessage): { readonly usage?: readonly AgUiUsage[] } {
  if (!usage) return {};
  const { inputTokens, outputTokens, totalTokens, reasoningTokens, cachedInputTokens, cacheWriteTokens } = usage;
  const tokens: AgUiUsage = {
    provider,
    model,
    inputTokens,
    outputTokens,
    totalTokens,
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteInputTokens: cacheWriteTokens }),
  };
  return { usage: [tokens] };
}
