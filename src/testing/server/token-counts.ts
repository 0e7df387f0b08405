/** The endpoints that count the tokens of a request. */

import type { JsonObject } from "../../platform/json-object.ts";
import { estimateTokens } from "../../tokens/estimate.ts";
import { anthropicWire } from "./anthropic-wire.ts";
import { strayField } from "./common-rules.ts";
import { geminiWire } from "./gemini-wire.ts";
import { responsesWire } from "./responses-wire.ts";
import { objectOr } from "./rules.ts";
import type { Wire } from "./wire.ts";

/** One wire format's endpoint. */
export interface CountingWire {
  readonly wire: Wire;
  readonly path: RegExp;
  /** Returns the provider's refusal of the form of a body; `undefined` for a valid form. */
  fault(body: JsonObject): string | undefined;
  /** Returns the request that is counted, as far as the rules of a reply need it. */
  counted(body: JsonObject): JsonObject;
  answer(tokens: number): JsonObject;
}

const RESPONSES_FIELDS =
  "model input instructions tools tool_choice parallel_tool_calls reasoning text truncation previous_response_id conversation personality";
const ANTHROPIC_FIELDS =
  "model messages system tools tool_choice thinking output_config cache_control speed context_management mcp_servers output_format";

const COUNTING_WIRES: readonly CountingWire[] = [
  {
    wire: responsesWire,
    path: /\/responses\/input_tokens$/,
    fault: (body) => unknownField(body, RESPONSES_FIELDS, (name) => `Unknown parameter: '${name}'.`),
    counted: (body) => body,
    answer: (input_tokens) => ({ object: "response.input_tokens", input_tokens }),
  },
  {
    wire: anthropicWire,
    path: /\/v1\/messages\/count_tokens$/,
    fault: (body) => unknownField(body, ANTHROPIC_FIELDS, (name) => `${name}: Extra inputs are not permitted`),
    counted: (body) => ({ max_tokens: 64_000, ...body }),
    answer: (input_tokens) => ({ input_tokens }),
  },
  {
    wire: geminiWire,
    path: /\/(?:models|tunedModels)\/[^/:]+:countTokens$/,
    fault(body) {
      const stray = unknownField(body, "contents generateContentRequest", (name) => `Unknown name "${name}"`);
      if (stray !== undefined) return stray;
      const { model } = objectOr(body.generateContentRequest);
      return body.contents === undefined && typeof model !== "string" ? "model is required" : undefined;
    },
    counted(body) {
      const { model: _model, ...request } = objectOr(body.generateContentRequest ?? body);
      return request;
    },
    answer: (totalTokens) => ({ totalTokens }),
  },
];

function unknownField(body: JsonObject, fields: string, refusal: (name: string) => string): string | undefined {
  const stray = strayField(body, fields.split(" "));
  return stray === undefined ? undefined : refusal(stray);
}

/** Returns the counting endpoint at a path. */
export function countingWireAt(path: string): CountingWire | undefined {
  return COUNTING_WIRES.find((candidate) => candidate.path.test(path));
}

/** Returns the tokens of a body where the test names none: an estimate of its JSON. */
export function tokensOf(body: unknown): number {
  return estimateTokens(JSON.stringify(body) ?? "");
}
