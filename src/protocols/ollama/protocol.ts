/** Ollama's own protocol as a `Protocol`. */

import { createNdjsonParser } from "../../transport/ndjson.ts";
import { objectIn } from "../common/wire-values.ts";
import type { Protocol } from "../protocol.ts";
import { OllamaDecoder } from "./decoder.ts";
import { ollamaError } from "./errors.ts";
import { buildOllamaRequest } from "./request.ts";

/** Ollama's `POST /api/chat`, for the `protocol` of a `ProviderDefinition`. */
export const ollama: Protocol = {
  buildRequest: buildOllamaRequest,
  createDecoder: (facts) => new OllamaDecoder(facts),
  decodeComplete(body, facts, chunks) {
    const decoder = new OllamaDecoder(facts);
    if (!decoder.push(objectIn(body as object) ?? {}, "", chunks)) decoder.end();
  },
  readError: ollamaError,
  framing: createNdjsonParser,
};
