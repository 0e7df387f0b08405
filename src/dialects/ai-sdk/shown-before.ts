/** The parts of a message that continues → chunks, for viewers that see the message for the first time. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { withoutPrototypeKeys } from "../../platform/prototype-keys.ts";
import type { ReceivedCall, ReceivedMessage } from "./received-message.ts";
import { hasResult, resultText } from "./turns.ts";

const more = { content: "", isFinal: false } as const;

/** Returns the chunks of a message as its front end shows it. */
export function chunksIn({ parts }: ReceivedMessage): readonly MessageChunk[] {
  const chunks: MessageChunk[] = [];
  for (const part of parts) {
    switch (part.type) {
      case "text":
        chunks.push({ ...more, type: "text", content: part.text });
        break;
      case "reasoning":
        chunks.push({ ...more, type: "reasoning", reasoning: part.text });
        break;
      case "file":
        chunks.push({ ...more, type: "media", index: 0, url: part.url, mediaType: part.mediaType });
        break;
      case "call":
        chunks.push(...callChunks(part));
        break;
      case "step":
      case "signature":
        break;
    }
  }
  return chunks;
}

function callChunks(call: ReceivedCall): readonly MessageChunk[] {
  const { id, name, input, outcome, needsApproval } = call;
  const toolCall = {
    id,
    name,
    arguments: withoutPrototypeKeys(input),
    ...(needsApproval && { needsApproval: true as const }),
  };
  const made = { ...more, type: "toolCall", toolCall } as const;
  if (!hasResult(call)) return [made];
  const isError = outcome.type !== "output";
  const result = isError ? resultText(call) : JSON.stringify(outcome.output ?? null);
  return [made, { ...more, type: "toolResult", toolCallId: id, name, result, isError }];
}
