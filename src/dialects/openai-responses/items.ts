/** The items of a response, as far as they have come, and the response object around them. */

import type { AssistantMessage, Citation } from "../../contract/message.ts";
import { completeUsageOf, type TokenUsage } from "../../contract/usage.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import type { GatewayReply } from "../gateway/dialect.ts";
import { searchArguments } from "./call-forms.ts";
import type { ResponsesMemo } from "./request.ts";

/** One item of the output. `isOver`: it is complete. */
export type Item =
  | {
      readonly type: "message";
      readonly id: string;
      text: string;
      readonly annotations: JsonObject[];
      /** The place of its text in the reply's, in UTF-16 units. */
      readonly start: number;
      isOver: boolean;
    }
  | { readonly type: "reasoning"; readonly id: string; text: string; isOver: boolean }
  /** A call of a function; of a tool whose input is plain text, or a search for tools, when `type` says so. */
  | {
      readonly type: "function_call" | "custom_tool_call" | "tool_search_call";
      readonly id: string;
      readonly callId: string;
      /** The name that the model knows. */
      readonly name: string;
      /** The fields of the wire that name the tool. */
      readonly names: JsonObject;
      /** The JSON of the arguments so far. */
      text: string;
      isOver: boolean;
    }
  | { readonly type: "web_search_call"; readonly id: string; readonly action: JsonObject; isOver: boolean }
  | { readonly type: "image_generation_call"; readonly id: string; readonly result: string; isOver: boolean };

/** Items that are calls. */
export type CallItem = Extract<Item, { readonly callId: string }>;

/** The status of an item that has not ended: it grows, or it was cut. */
export type ItemStatus = "in_progress" | "incomplete";

/** Returns an item as it is on the wire. `open`: the status of one that has not ended. */
export function wireItem(item: Item, open: ItemStatus): JsonObject {
  const { type, id, isOver } = item;
  const status = isOver ? "completed" : open;
  switch (item.type) {
    case "message": {
      const { text, annotations } = item;
      return { id, type, status, role: "assistant", content: text === "" ? [] : [textPart(text, annotations)] };
    }
    case "reasoning":
      return { id, type, summary: item.text === "" ? [] : [summaryPart(item.text)] };
    case "function_call":
      return { id, type, status, arguments: item.text, call_id: item.callId, ...item.names };
    case "custom_tool_call":
      return { id, type, status, call_id: item.callId, ...item.names, input: isOver ? plainInput(item.text) : "" };
    case "tool_search_call": {
      const args = isOver ? searchArguments(item.text) : {};
      return { id, type, status, execution: "client", call_id: item.callId, arguments: args };
    }
    case "web_search_call":
      return { id, type, status, action: item.action };
    case "image_generation_call":
      return { id, type, status, result: isOver ? item.result : null };
  }
}

/** Returns the part of a message that holds its text. */
export function textPart(text: string, annotations: readonly JsonObject[]): JsonObject {
  return { type: "output_text", text, annotations: [...annotations], logprobs: [] };
}

/** Returns the part of thinking that may be read. */
export function summaryPart(text: string): JsonObject {
  return { type: "summary_text", text };
}

/** Returns the plain text in the arguments of a call: see `CallForms.textTools`. */
export function plainInput(json: string): string {
  try {
    const { input } = JSON.parse(json) as { readonly input?: unknown };
    return typeof input === "string" ? input : json;
  } catch {
    return json; // the model did not close it
  }
}

/** Returns a citation of a text that begins at `start`. The positions on the wire are code points of that text. */
export function annotationOf({ url, title, startIndex, endIndex }: Citation, text: string, start: number): JsonObject {
  const place = (offset: number): number => [...text.slice(0, Math.max(0, offset - start))].length;
  const [from, to] = startIndex === undefined || endIndex === undefined ? [start, start] : [startIndex, endIndex];
  return { type: "url_citation", start_index: place(from), end_index: place(to), title: title ?? "", url };
}

/** The state of a response, and what it ends with. */
export interface ResponseState {
  readonly status: "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
  readonly message?: AssistantMessage | undefined;
  readonly reason?: string | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** Returns the response object. */
export function responseObject(
  reply: GatewayReply,
  { echo }: ResponsesMemo,
  { status, message, reason, error }: ResponseState,
  items: readonly Item[],
): JsonObject {
  const open = status === "queued" || status === "in_progress" ? "in_progress" : "incomplete";
  const usage = completeUsageOf(message ?? {});
  return {
    id: responseIdOf(reply.id),
    object: "response",
    created_at: reply.createdAt,
    status,
    error: error ?? null,
    incomplete_details: reason === undefined ? null : { reason },
    model: reply.model,
    output: items.map((item) => wireItem(item, open)),
    ...echo,
    usage: usage ? wireUsage(usage) : null,
  };
}

/** Returns the id of the response of a run. */
export function responseIdOf(reply: string): string {
  return `resp_${reply}`;
}

/** Returns the run of a response's id; `undefined` for an id that is not one. */
export function replyIdOf(id: string | undefined): string | undefined {
  return id?.startsWith("resp_") ? id.slice("resp_".length) : undefined;
}

function wireUsage(usage: TokenUsage): JsonObject {
  const { inputTokens, outputTokens, totalTokens } = usage;
  const { cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: totalTokens,
  };
}
