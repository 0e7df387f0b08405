/** Chat Completions as a `Protocol`: OpenAI's oldest protocol, which many servers speak in dialects of their own. */

import { errorOf } from "../common/error-kinds.ts";
import type { Protocol } from "../protocol.ts";
import { answerIn, ChatDecoder } from "./decoder.ts";
import type { ChatDialect } from "./dialects.ts";
import { buildChatRequest } from "./request.ts";

/** The protocol in one vendor's dialect. */
export function chatCompletions(dialect: ChatDialect): Protocol {
  return {
    buildRequest: (messages, options, endpoint, stream) =>
      buildChatRequest(messages, options, endpoint, stream, dialect),
    createDecoder: (facts) => new ChatDecoder(facts, dialect),
    decodeComplete(body, facts, chunks) {
      const decoder = new ChatDecoder(facts, dialect);
      decoder.push(answerIn(body), "", chunks);
      decoder.endComplete(chunks);
    },
    readError: errorOf,
  };
}
