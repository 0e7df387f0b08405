/**
 * The types of what an Anthropic Messages server sends; every member may be missing or null somewhere.
 * @see https://docs.anthropic.com/en/api/messages-streaming
 */

import type { Nullable } from "../common/wire-values.ts";

/** The object on the wire; every member may be missing or null somewhere. */
export interface WireEvent {
  readonly type?: Nullable<string>;
  readonly index?: Nullable<number>;
  readonly message?: Nullable<WireMessage>;
  readonly content_block?: Nullable<WireBlock>;
  readonly delta?: Nullable<WireDelta>;
  readonly stop_reason?: unknown;
  readonly usage?: unknown;
  readonly error?: unknown;
}

export interface WireMessage {
  readonly type?: Nullable<string>;
  readonly id?: Nullable<string>;
  readonly model?: Nullable<string>;
  readonly content?: Nullable<readonly Nullable<WireBlock>[]>;
  readonly stop_reason?: Nullable<string>;
  readonly usage?: unknown;
  readonly error?: unknown;
}

export interface WireBlock {
  readonly type?: Nullable<string>;
  readonly text?: Nullable<string>;
  readonly thinking?: Nullable<string>;
  readonly signature?: Nullable<string>;
  readonly id?: Nullable<string>;
  readonly name?: Nullable<string>;
  readonly input?: unknown;
  readonly content?: unknown;
  readonly tool_use_id?: Nullable<string>;
  readonly is_error?: Nullable<boolean>;
  readonly citations?: Nullable<readonly Nullable<WireCitation>[]>;
}

export interface WireDelta {
  readonly type?: Nullable<string>;
  readonly text?: Nullable<string>;
  readonly thinking?: Nullable<string>;
  readonly signature?: Nullable<string>;
  readonly partial_json?: Nullable<string>;
  readonly content?: unknown;
  readonly citation?: Nullable<WireCitation>;
  readonly stop_reason?: Nullable<string>;
}

export interface WireCitation {
  readonly type?: Nullable<string>;
  readonly url?: Nullable<string>;
  readonly title?: Nullable<string>;
  readonly cited_text?: Nullable<string>;
}

export type Count = number | null | undefined;

/** The usage object. The last report of a reply corrects the first. */
export interface AnthropicUsage {
  readonly input_tokens?: Count;
  readonly cache_creation_input_tokens?: Count;
  readonly cache_read_input_tokens?: Count;
  readonly output_tokens?: Count;
  readonly output_tokens_details?: { readonly thinking_tokens?: Count } | null;
  readonly server_tool_use?: { readonly web_search_requests?: Count } | null;
  readonly service_tier?: unknown;
  readonly iterations?: readonly Iteration[] | null;
}

export type Iteration = AnthropicUsage & { readonly type?: string };
