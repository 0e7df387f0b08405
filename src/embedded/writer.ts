/** The border between a client and an engine in this process: an engine opens writers, a writer writes one reply. */

import type { FinishReason } from "../contract/finish-reason.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { TokenUsage } from "../contract/usage.ts";

/** The result of one step of a writer: text (`""` where nothing can be shown yet), and in the last one how it ended. */
export interface Step {
  readonly text: string;
  readonly finishReason?: FinishReason;
}

/** Writes one reply, a token at a time, and only when it is asked to. */
export interface Writer {
  /** Tokens so far; absent where they are not counted. */
  readonly usage: TokenUsage | undefined;
  /** The next step is not asked for before this one is there, nor after the last. */
  write(): Step | Promise<Step>;
}

/** Something that writes replies in this process. */
export interface Engine {
  /**
   * Resolves when the reply can begin.
   * @param signal fires when the reply is over, however it ended
   * @throws {SendError} when it cannot
   */
  open(messages: readonly Message[], options: SendOptions, signal: AbortSignal): Promise<Writer>;
}
