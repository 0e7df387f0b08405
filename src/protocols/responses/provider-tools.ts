/** Items of tools that ran at the provider. */

import type { ProviderToolCall } from "../../contract/message.ts";
import { parseModelJson } from "../../platform/model-json.ts";
import { nameIn } from "../common/wire-values.ts";
import type { ResponseItem } from "./wire.ts";

/** Returns the call of a provider tool; `undefined` for any other item. */
export function providerToolCallOf(item: ResponseItem): ProviderToolCall | undefined {
  const type = nameIn(item.type) ?? "";
  const isCall = type.endsWith("_call") || type.startsWith("mcp_") || type === "program";
  if (!isCall) return undefined;
  const args = item.action ?? item.arguments ?? item.input ?? item.code ?? item.queries ?? item.operation;
  const result = item.results ?? item.outputs ?? item.output ?? item.result ?? item.tools ?? item.error;
  return {
    ...(typeof item.id === "string" && { id: item.id }),
    name: typeof item.name === "string" ? item.name : type.replace(/_call$/, ""),
    ...(args !== undefined && args !== null && { arguments: parsedOr(args) }),
    ...(result !== undefined && result !== null && { result }),
    ...((item.status === "failed" || Boolean(item.error)) && { isError: true as const }),
  };
}

/** Returns the queries of a search; `undefined` for any other item. */
export function searchQueriesOf(item: ResponseItem): readonly string[] | undefined {
  const name = typeof item.name === "string" ? item.name : "";
  const isSearch = /^(web|x)_search_call$/.test(nameIn(item.type) ?? "") || /^(web_search|x_\w+_search)/.test(name);
  if (!isSearch) return undefined;
  const action = parsedOr(item.action ?? item.arguments ?? item.input);
  if (typeof action !== "object" || action === null) return [];
  const { type, query, queries } = action as Readonly<Record<string, unknown>>;
  if (type === "open_page" || type === "find_in_page") return undefined;
  if (Array.isArray(queries)) return queries.filter((text) => typeof text === "string");
  return typeof query === "string" ? [query] : [];
}

function parsedOr(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return parseModelJson(value);
  } catch {
    return value;
  }
}
