/** Tools that run at the provider: their calls and their results are blocks of the reply. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { WaitingCalls } from "../common/waiting-calls.ts";
import { nameIn } from "../common/wire-values.ts";
import { inputOf, type OpenBlock } from "./blocks.ts";
import type { WireBlock } from "./wire.ts";

/** A call that has no result yet. */
interface ProviderCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** Pairs the calls of one reply with their results. */
export class ProviderTools {
  /** In the order of the calls: two may have one id. Most replies have none. */
  #calls: WaitingCalls<ProviderCall> | undefined;
  /** The queries of the web searches so far. */
  readonly queries: string[] = [];

  /** Takes a call. It is emitted with its result. */
  begin(block: OpenBlock): void {
    const id = nameIn(block.begun.id);
    const name = nameIn(block.begun.name);
    const args = inputOf(block);
    this.#calls ??= new WaitingCalls();
    this.#calls.add({ ...(id && { id }), name: name ?? "unnamed", arguments: args }, id);
    const query = typeof args === "object" && args !== null && "query" in args ? args.query : undefined;
    if (name === "web_search" && typeof query === "string") this.queries.push(query);
  }

  /** Emits a call with its result. */
  end({ tool_use_id, type, content, is_error }: WireBlock, chunks: MessageChunk[]): void {
    const id = nameIn(tool_use_id);
    const call = this.#calls?.take(id);
    const failed = is_error === true || (isJsonObject(content) && (nameIn(content.type) ?? "").endsWith("_error"));
    const providerToolCall = {
      ...(call ?? { ...(id && { id }), name: (type ?? "").replace(/_tool_result$/, "") }),
      result: content,
      ...(failed && { isError: true as const }),
    };
    chunks.push({ type: "providerToolCall", content: "", providerToolCall, isFinal: false });
  }

  /** Ends the reply: emits the calls that have no result. */
  close(chunks: MessageChunk[]): void {
    for (const providerToolCall of this.#calls ?? [])
      chunks.push({ type: "providerToolCall", content: "", providerToolCall, isFinal: false });
  }
}
