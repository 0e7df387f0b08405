/**
 * The events of AG-UI that a relay sends. A field without a value is absent: `null` for an optional field is an error
 * in all versions of `@ag-ui/client`, and so is an event that one version does not know.
 * @see https://docs.ag-ui.com/concepts/events
 */

import type { ToolCall } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";

/** A message of AG-UI, as its front end has sent it or as `ag-ui/messages.ts` makes it. */
export type AgUiMessage = JsonObject;

/** Tokens of a run, as integers. */
export interface AgUiUsage {
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly reasoningTokens?: number;
  readonly cachedInputTokens?: number;
  readonly cacheWriteInputTokens?: number;
}

/** A call that waits for a person. TanStack AI reads the metadata. */
export interface AgUiInterrupt {
  /** That of the call. */
  readonly id: string;
  readonly reason: "approval_required";
  readonly toolCallId: string;
  readonly metadata: { readonly kind: "approval"; readonly toolName: string; readonly input: unknown };
}

/** Returns the interrupt of a call. */
export function interruptOf({ id, name, arguments: input }: ToolCall): AgUiInterrupt {
  return {
    id,
    reason: "approval_required",
    toolCallId: id,
    metadata: { kind: "approval", toolName: name, input },
  };
}

/** The end of a run. Clients before protocol 1.0 throw at `cancelled`. */
export type AgUiOutcome =
  | { readonly type: "success"; readonly pendingToolCallIds: readonly string[] }
  | { readonly type: "interrupt"; readonly interrupts: readonly AgUiInterrupt[] }
  | { readonly type: "cancelled" };

/** Fields that TanStack AI reads, and other clients pass over. */
interface Extra {
  readonly metadata?: { readonly tanstack: JsonObject };
}

/** An event with a piece of text, which may be split and joined. It is never empty: old clients reject that. */
export type DeltaEvent =
  | { readonly type: "TEXT_MESSAGE_CONTENT"; readonly messageId: string; readonly delta: string }
  | { readonly type: "REASONING_MESSAGE_CONTENT"; readonly messageId: string; readonly delta: string }
  | { readonly type: "TOOL_CALL_ARGS"; readonly toolCallId: string; readonly delta: string };

/** An event of a stream. */
export type AgUiEvent =
  | {
      readonly type: "RUN_STARTED";
      readonly threadId: string;
      readonly runId: string;
      readonly protocolVersion?: string;
    }
  | ({
      readonly type: "RUN_FINISHED";
      readonly threadId: string;
      readonly runId: string;
      readonly outcome?: AgUiOutcome;
      readonly usage?: readonly AgUiUsage[];
    } & Extra)
  | {
      readonly type: "RUN_ERROR";
      readonly message: string;
      readonly code: string;
      readonly usage?: readonly AgUiUsage[];
    }
  | { readonly type: "TEXT_MESSAGE_START"; readonly messageId: string; readonly role: "assistant" }
  | { readonly type: "TEXT_MESSAGE_END"; readonly messageId: string }
  | { readonly type: "REASONING_START" | "REASONING_MESSAGE_END" | "REASONING_END"; readonly messageId: string }
  | { readonly type: "REASONING_MESSAGE_START"; readonly messageId: string; readonly role: "reasoning" }
  | {
      readonly type: "REASONING_ENCRYPTED_VALUE";
      readonly subtype: "tool-call";
      readonly entityId: string;
      readonly encryptedValue: string;
    }
  | {
      readonly type: "TOOL_CALL_START";
      readonly toolCallId: string;
      readonly toolCallName: string;
      readonly parentMessageId: string;
    }
  | { readonly type: "TOOL_CALL_END"; readonly toolCallId: string }
  | ({
      readonly type: "TOOL_CALL_RESULT";
      readonly messageId: string;
      readonly toolCallId: string;
      readonly content: string;
      readonly role: "tool";
    } & Extra)
  | { readonly type: "MESSAGES_SNAPSHOT"; readonly messages: readonly AgUiMessage[] }
  | { readonly type: "CUSTOM"; readonly name: string; readonly value: unknown }
  | DeltaEvent;

/** Returns whether an event is a piece of text. */
export function isDelta(event: AgUiEvent): event is DeltaEvent {
  return "delta" in event;
}

/** Returns an event as a server-sent one. `HttpAgent` splits events at two line feeds only, and takes no `[DONE]`. */
export function frameOf(event: AgUiEvent, id: string): string {
  return `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
}
