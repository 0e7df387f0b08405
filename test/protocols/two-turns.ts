/** Two turns of a conversation: the request that follows a reply, with and without tools, after JSON. */

import type { Message } from "cloudllm";
import { type ClientName, type RequestRecorder, useRequestRecorder } from "../support/sent-requests.ts";

export const HI: Message = { role: "user", content: "hi" };

export const GO_ON: Message = { role: "user", content: "Go on." };

export const answer = (toolCallId: string, content = "seen", isError = false): Message => ({
  role: "tool",
  toolCallId,
  content,
  ...(isError && { isError }),
});

export interface TwoTurns {
  readonly recorder: RequestRecorder;
  /** Resolves with what goes out in the place of the reply and after it, in a list of that name. */
  second(
    client: ClientName,
    model: string,
    list: "messages" | "input" | "contents",
    turns: readonly Message[],
  ): Promise<readonly unknown[]>;
}

/** Returns what serves the tests of one file. This module is shared by several, and has nothing of its own that ends. */
export function useTwoTurns(): TwoTurns {
  const recorder = useRequestRecorder();
  return {
    recorder,
    async second(client, model, list, turns) {
      const { body } = await recorder.sent(client, model, [HI, ...turns], { maxOutputTokens: 4_096 });
      return (body[list] as unknown[]).slice(1);
    },
  };
}
