/**
 * The types of what a Responses server sends; every member may be missing or null somewhere.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */

import type { Nullable } from "../common/wire-values.ts";

/** The object on the wire; every member may be missing or null somewhere. */
export interface WireEvent {
  readonly type?: Nullable<string>;
  readonly sequence_number?: Nullable<number>;
  readonly output_index?: Nullable<number | string>;
  readonly content_index?: Nullable<number>;
  readonly summary_index?: Nullable<number>;
  readonly delta?: Nullable<string>;
  readonly text?: Nullable<string>;
  readonly refusal?: Nullable<string>;
  readonly arguments?: unknown;
  readonly input?: Nullable<string>;
  readonly item_id?: Nullable<string>;
  readonly item?: Nullable<WireItem>;
  readonly part?: Nullable<WirePart>;
  readonly annotation?: Nullable<WireAnnotation>;
  readonly response?: Nullable<WireResponse>;
  readonly error?: unknown;
  readonly partial_image_b64?: unknown;
}

export interface WireResponse {
  readonly id?: Nullable<string>;
  readonly model?: Nullable<string>;
  readonly status?: Nullable<string>;
  readonly incomplete_details?: Nullable<{ readonly reason?: Nullable<string> }>;
  readonly error?: unknown;
  readonly output?: Nullable<readonly Nullable<WireItem>[]>;
  readonly output_text?: unknown;
  readonly usage?: unknown;
  readonly service_tier?: unknown;
  readonly tool_usage?: unknown;
  /** xAI's. */
  readonly citations?: Nullable<readonly unknown[]>;
}

export interface WireItem extends ResponseItem {
  readonly type?: Nullable<string>;
  readonly status?: Nullable<string>;
  readonly call_id?: Nullable<string>;
  readonly name?: Nullable<string>;
  readonly arguments?: unknown;
  readonly input?: Nullable<string>;
  readonly content?: Nullable<readonly Nullable<WirePart>[]>;
  readonly summary?: Nullable<readonly Nullable<WirePart>[]>;
}

export interface WirePart {
  readonly type?: Nullable<string>;
  readonly text?: Nullable<string>;
  readonly refusal?: Nullable<string>;
  readonly transcript?: Nullable<string>;
  readonly annotations?: Nullable<readonly Nullable<WireAnnotation>[]>;
  readonly logprobs?: unknown;
}

/** Every member may be missing. */
export interface WireAnnotation {
  readonly type?: Nullable<string>;
  readonly url?: Nullable<string>;
  readonly title?: Nullable<string>;
  readonly filename?: Nullable<string>;
  readonly start_index?: Nullable<number>;
  readonly end_index?: Nullable<number>;
}

/** One item of a reply, as it came. */
export type ResponseItem = Readonly<Record<string, unknown>> & { readonly type?: unknown };

type Count = number | null | undefined;

export interface WireUsage {
  readonly input_tokens?: Count;
  readonly input_tokens_details?: { readonly cached_tokens?: Count; readonly cache_write_tokens?: Count } | null;
  readonly output_tokens?: Count;
  readonly output_tokens_details?: { readonly reasoning_tokens?: Count } | null;
  readonly total_tokens?: Count;
  /** Names of Chat Completions, which gateways leave in place. */
  readonly prompt_tokens?: Count;
  readonly completion_tokens?: Count;
}
