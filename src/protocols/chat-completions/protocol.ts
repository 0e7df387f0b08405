/** Chat Completions as a `Protocol`: OpenAI's oldest protocol, which many servers speak in dialects of their own. */

import { errorOf } from "../common/error-kinds.ts";
import type { Protocol } from "../protocol.ts";
import { answerIn, ChatDecoder } from "./decoder.ts";
import type { ChatDialect } from "./dialects.ts";
import { buildChatRequest } from "./request.ts";

/**
 * Returns OpenAI's Chat Completions in one vendor's dialect, for the `protocol` of a `ProviderDefinition`. The least
 * dialect is `{ maxTokensField: "max_tokens" }`.
 */
export function chatCompletions(dialect: ChatDialect): Protocol {
  return {
    buildRequest: (messages, options, endpoint, stream) =>
      buildChatRequest(messages, options, endpoint, stream, dialect),
    createDecoder: (facts) => new ChatDecoder(facts, dialect),
    decodeComplete(body, facts, chunks) {
      const decoder = new ChatDecoder(facts, dialect);
      decoder.push(answerIn(body), "", chunks);
      decoder.endComplete(body, chunks);
    },
    readError: errorOf,
  };
}
