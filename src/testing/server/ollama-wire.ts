/**
 * Ollama's `/api/chat` as its own server writes it: a JSON object a line, calls that arrive complete, and a last line
 * with `done: true` and the counts.
 * @see https://docs.ollama.com/api/chat
 */

import type { JsonObject } from "../../platform/json-object.ts";
import type { ScriptedError, ScriptedUsage } from "../script.ts";
import type { FinishEvent } from "../script-events.ts";
import { ollamaFault } from "./ollama-rules.ts";
import { objectOr } from "./rules.ts";
import { type ContentEvent, NO_MESSAGE, type Wire, type WireReply, type WireRequest } from "./wire.ts";

const FINISH_REASONS = {
  stop: "stop",
  length: "length",
  toolCalls: "stop", // the message says so
  contentFilter: "content_filter",
  refusal: "stop", // a text like any other
  unknown: "unheard_of",
} as const satisfies Record<FinishEvent["finishReason"], string>;

/** The time of the first line: it distinguishes replies, which have no id. */
const FIRST_TIME = Date.UTC(2026, 10, 29);

/** `POST /api/chat`. */
export const ollamaWire: Wire = {
  serves: (path) => path.endsWith("/api/chat"),
  path: /^\/api\/chat$/,
  fault: ({ body }) => ollamaFault(body),
  reply: (request) => new OllamaReply(request),
  refusal: (_status, error) => errorBody(error),
};

class OllamaReply implements WireReply {
  readonly streamed: boolean;
  readonly contentType: string;
  readonly #common: JsonObject;

  constructor({ index, body }: WireRequest) {
    const { model = "unnamed", stream } = objectOr(body);
    this.streamed = stream !== false;
    this.contentType = this.streamed ? "application/x-ndjson" : "application/json; charset=utf-8";
    this.#common = { model, created_at: new Date(FIRST_TIME + index).toISOString() };
  }

  begin(): string {
    return "";
  }

  write(event: ContentEvent | FinishEvent): string {
    if (event.type === "finish") return this.#line({ content: "" }, lastFields(event));
    const fields = fieldsOf(event);
    return fields ? this.#line({ content: "", ...fields }, { done: false }) : "";
  }

  writeError(error: ScriptedError): string {
    return `${JSON.stringify(errorBody(error))}\n`;
  }

  completeError(error: ScriptedError): unknown {
    return errorBody(error);
  }

  complete(events: readonly ContentEvent[], finish: FinishEvent): unknown {
    const all = events.map((event) => fieldsOf(event) ?? {});
    const join = (name: string) => all.map((fields) => fields[name] ?? "").join("");
    const calls = all.flatMap(({ tool_calls = [] }) => tool_calls);
    const thinking = join("thinking");
    const message = {
      role: "assistant",
      content: join("content"),
      ...(thinking !== "" && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
    return { ...this.#common, message, ...lastFields(finish) };
  }

  #line(message: JsonObject, fields: JsonObject): string {
    return `${JSON.stringify({ ...this.#common, message: { role: "assistant", ...message }, ...fields })}\n`;
  }
}

/** Returns the fields that an event adds to the message; `undefined` where the format has nothing for it. */
function fieldsOf(event: ContentEvent): (JsonObject & { readonly tool_calls?: readonly unknown[] }) | undefined {
  switch (event.type) {
    case "text":
      return { content: event.text };
    case "reasoning":
      return { thinking: event.text };
    case "toolCallEnd": {
      const { id, index, name, argumentsText } = event;
      const args = JSON.parse(argumentsText || "{}") as unknown;
      return { tool_calls: [{ id, function: { index, name, arguments: args } }] };
    }
    case "toolCallDelta": // a call is written when it is complete
    case "citation":
    case "media":
      return undefined;
  }
}

function lastFields({ finishReason, rawFinishReason, usage }: FinishEvent): JsonObject {
  const done_reason = rawFinishReason ?? FINISH_REASONS[finishReason];
  return { done: true, done_reason, total_duration: 2_000_000, ...(usage && countsOf(usage)) };
}

/** Returns the counts. The server leaves out a count of 0. */
function countsOf({ inputTokens, outputTokens, cachedInputTokens }: ScriptedUsage): JsonObject {
  return {
    ...(inputTokens > 0 && { prompt_eval_count: inputTokens }),
    ...(cachedInputTokens !== undefined && { prompt_eval_cached_count: cachedInputTokens }),
    ...(outputTokens > 0 && { eval_count: outputTokens, eval_duration: outputTokens * 100_000 }),
  };
}

function errorBody({ message = NO_MESSAGE }: ScriptedError): unknown {
  return { error: message };
}
