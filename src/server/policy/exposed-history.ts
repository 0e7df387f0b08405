/** A conversation as its owner's browser sees it. Pure. */

import type { AssistantMessage, AssistantTurn, Message } from "../../contract/message.ts";
import { withoutPrototypeKeys } from "../../platform/prototype-keys.ts";
import { exposedMessage, exposedResult } from "./exposed-message.ts";
import type { Policy } from "./policy.ts";

/** Returns a conversation without the system prompt, and without what only a provider or the program may know. */
export function exposedHistory(messages: readonly Message[], rules: Policy["expose"]): readonly Message[] {
  return messages.filter(({ role }) => role !== "system").map((message) => exposedTurn(message, rules));
}

function exposedTurn(message: Message, rules: Policy["expose"]): Message {
  switch (message.role) {
    case "system":
      return message;
    case "user":
      return message.id === undefined ? message : { role: message.role, content: message.content };
    case "tool": {
      const { role, toolCallId, content, isError, denied } = message;
      return {
        role,
        toolCallId,
        content: rules.toolResults ? exposedResult(content, message) : "",
        ...(isError && { isError }),
        ...(denied && { denied }),
      };
    }
    case "assistant": {
      if (isReply(message)) return exposedMessage(message, rules);
      const { role, content, toolCalls, media, interrupted } = message;
      return {
        role,
        content,
        ...(toolCalls && { toolCalls: toolCalls.map(withoutPrototypeKeys) }),
        ...(media && { media }),
        ...(interrupted && { interrupted }),
      };
    }
  }
}

/**
 * Returns whether a turn has what a reply has. Turns that were written by hand, or cut by the end of a process, have
 * less.
 */
function isReply(turn: AssistantTurn): turn is AssistantMessage {
  const { reasoning, toolCalls, citations, metrics } = turn as Partial<AssistantMessage>;
  return reasoning !== undefined && toolCalls !== undefined && citations !== undefined && metrics !== undefined;
}
