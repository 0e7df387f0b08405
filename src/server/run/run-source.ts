/** The border between a run and the reply that it produces. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { TurnReports } from "../../session/execute-tool.ts";
import type { MessageStream } from "../../stream/message-stream.ts";

/** The reply of a run, before it is open. */
export interface RunSource {
  /**
   * The chunks with which the stream begins, and which the log has already, in a reply that another process has begun.
   * Of a turn, known once it is open.
   */
  readonly soFar?: readonly MessageChunk[] | undefined;
  /**
   * Resolves with the reply, where the conversation has it already: the run was over before. `interrupted` where it has
   * ended without a complete one.
   */
  recall?(): Promise<AssistantMessage | undefined>;
  /**
   * Opens the reply. Rejects with the refusal.
   * @param reports learns of the tools that run here
   */
  open(signal: AbortSignal, reports: TurnReports): Promise<MessageStream>;
  /** Another process continues: what the reply keeps elsewhere stays for it. */
  leave?(): void;
  /** Whether no other process can produce the reply at the same time. */
  readonly isExclusive?: boolean;
  /** Called when the reply is over, before its viewers learn of that, and when it is not to be opened. */
  close?(): Promise<void>;
}
