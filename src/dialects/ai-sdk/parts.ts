/**
 * The parts of the UI message stream of the AI SDK, as far as the versions 5.0.95 to 7 of `ai` accept them: they
 * validate each part and fail at an unknown one. Versions before 5.0.220, and 6 before 6.0.233, also fail at each
 * unknown field.
 * @see https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
 */

import type { Replay } from "../../contract/message.ts";

/** Finish reasons that 5, 6 and 7 know. */
export type UiFinishReason = "stop" | "length" | "content-filter" | "tool-calls" | "error" | "other";

/** One part of the stream: what an event's `data` holds. */
export type UiChunk =
  | { readonly type: "start"; readonly messageId: string }
  | { readonly type: "start-step" | "finish-step" | "abort" }
  | { readonly type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; readonly id: string }
  | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
  | { readonly type: "tool-input-start"; readonly toolCallId: string; readonly toolName: string }
  | { readonly type: "tool-input-delta"; readonly toolCallId: string; readonly inputTextDelta: string }
  | ({ readonly type: "tool-input-available"; readonly toolName: string; readonly input: unknown } & UiCall)
  | ({
      readonly type: "tool-input-error";
      readonly toolName: string;
      readonly input: unknown;
      readonly errorText: string;
    } & UiCall)
  /** `output` must be there: 7 refuses a part without it. */
  | ({ readonly type: "tool-output-available"; readonly output: unknown } & UiCall)
  | ({ readonly type: "tool-output-error"; readonly errorText: string } & UiCall)
  | { readonly type: "source-url"; readonly sourceId: string; readonly url: string; readonly title?: string }
  | { readonly type: "file"; readonly url: string; readonly mediaType: string }
  | { readonly type: typeof SIGNATURE; readonly data: UiSignature }
  | { readonly type: "message-metadata"; readonly messageMetadata: unknown }
  | { readonly type: "finish"; readonly finishReason?: UiFinishReason; readonly messageMetadata?: unknown }
  | { readonly type: "error"; readonly errorText: string }
  /** From version 6. */
  | { readonly type: "tool-approval-request"; readonly approvalId: string; readonly toolCallId: string }
  | { readonly type: "tool-output-denied"; readonly toolCallId: string }
  /** From version 7. */
  | { readonly type: "reset-step" };

/** The fields of each part about a call. Both flags are there for a tool that the provider ran. */
interface UiCall {
  readonly toolCallId: string;
  readonly providerExecuted?: true;
  readonly dynamic?: true;
}

/** The part of a message that brings the relay's signature back. Front ends keep it, and show nothing of it. */
export const SIGNATURE = "data-relay-signature";

/** The relay's signature on a reply that left calls open, for a relay without a session store. */
interface UiSignature {
  readonly replay: Replay;
  /** The calls that it covers. Their other fields are in the parts of the message. */
  readonly calls: readonly {
    readonly id: string;
    readonly rawArguments?: string;
    readonly needsApproval?: true;
  }[];
}

/** A message of `useChat`, as the history shows it. */
export interface UiMessage {
  readonly id: string;
  readonly role: "user" | "assistant";
  readonly parts: readonly UiPart[];
}

/** A part of a message. */
export type UiPart =
  | { readonly type: "step-start" }
  | { readonly type: "text" | "reasoning"; readonly text: string; readonly state?: "done" }
  | { readonly type: "file"; readonly mediaType: string; readonly url: string; readonly filename?: string }
  | { readonly type: "source-url"; readonly sourceId: string; readonly url: string; readonly title?: string }
  | (UiToolState & { readonly type: `tool-${string}`; readonly toolCallId: string })
  | (UiToolState & {
      readonly type: "dynamic-tool";
      readonly toolName: string;
      readonly toolCallId: string;
      readonly providerExecuted: true;
    });

/** The state of a call. */
type UiToolState =
  | { readonly state: "input-available"; readonly input: unknown }
  | { readonly state: "output-available"; readonly input: unknown; readonly output: unknown }
  | { readonly state: "output-error"; readonly input: unknown; readonly errorText: string }
  | { readonly state: "approval-requested"; readonly input: unknown; readonly approval: { readonly id: string } }
  | {
      readonly state: "output-denied";
      readonly input: unknown;
      readonly approval: { readonly id: string; readonly approved: false };
    };

/** Returns a part as an event of the stream. JSON has no line feed outside its escapes. */
export function frameOf(chunk: UiChunk): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** The last event of a stream. */
export const DONE = "data: [DONE]\n\n";
