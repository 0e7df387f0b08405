/** The dialects of servers that host open models, and of vendors with models of their own. */

import type { SearchParameters } from "../../contract/options.ts";
import { derived } from "../../platform/derived.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { unsupportedSearch } from "../common/unsupported-search.ts";
import type { RequestContext } from "../protocol.ts";
import { type ChatDialect, COMMON_CHAT } from "./dialects.ts";
import { type commonReasoning, level } from "./reasoning.ts";

/** The server refuses fields that it does not know. @see https://inference-docs.cerebras.ai/capabilities/reasoning */
export const CEREBRAS_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, {
  maxTokensField: "max_completion_tokens",
  inputs: () => [],
  reasoning(effort, context) {
    if (/gpt-oss/.test(context.endpoint.model)) return effortIn(["low", "medium", "high"], effort, context);
    return level(effort, ["none"], context) === "none" ? { disable_reasoning: true } : {};
  },
});

/** @see https://platform.moonshot.ai/docs/api/chat */
export const MOONSHOT_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, {
  refusesRequiredTool: true,
  inputs: () => ["image"],
  reasoning: (effort, context) => effortIn(["low", "medium", "high"], effort, context),
});

/** @see https://docs.z.ai/guides/capabilities/thinking-mode */
export const ZAI_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, {
  // Without it, the arguments of a call come in one piece.
  streamedToolFields: { tool_stream: true },
  reasoning(effort, context) {
    const { model } = context.endpoint;
    const takesEffort = /glm-?(5\.[2-9]|[6-9])/i.test(model);
    const alwaysThinks = /glm-?5\.3/i.test(model);
    const words = takesEffort ? ["low", "medium", "high"] : [];
    if (effort === "none" && !alwaysThinks) return { thinking: { type: "disabled" } };
    const word = level(effort, words, context);
    return word === undefined ? {} : { thinking: { type: "enabled" }, reasoning_effort: word };
  },
});

/** @see https://platform.minimax.io/docs/api-reference/text-openai-api */
export const MINIMAX_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, {
  // Without it, the text would contain the thinking.
  fields: { reasoning_split: true },
  maxTemperature: 1,
  inputs: () => [],
  unsupported: ["seed", "reasoning"],
  advice: "It always thinks, and chooses the amount itself.",
});

/** @see https://docs.perplexity.ai/api-reference/chat-completions-post */
export const PERPLEXITY_CHAT: ChatDialect = {
  maxTokensField: "max_tokens",
  unsupported: ["seed", "tools"],
  refuses: (option) => option === "stop",
  inputs: () => ["image"],
  turnOrder: () => ({ system: "first", alternates: true }),
  search: perplexitySearch,
  noSearch: { disable_search: true },
  reasoning(effort, context) {
    if (/reasoning|research/.test(context.endpoint.model)) return effortIn(["low", "medium", "high"], effort, context);
    return effort === "none" ? {} : commonRefusal(context);
  },
};

function effortIn(words: readonly string[], ...[effort, context]: Parameters<typeof commonReasoning>): JsonObject {
  const word = level(effort, words, context);
  return word === undefined ? {} : { reasoning_effort: word };
}

function commonRefusal({ unsupported }: RequestContext): JsonObject {
  unsupported("`reasoning`", "This model does not think.");
  return {};
}

/** Every request searches unless it says otherwise, so `auto` and `on` are one. */
function perplexitySearch(search: SearchParameters, context: RequestContext): JsonObject {
  unsupportedSearch(search, ["maxResults", "sources", "citations"], context);
  const { allowedDomains, blockedDomains, fromDate, toDate, country } = search;
  const domains = allowedDomains ?? blockedDomains?.map((domain) => `-${domain}`);
  return {
    ...(domains && { search_domain_filter: domains }),
    ...(fromDate && { search_after_date_filter: monthFirst(fromDate) }),
    ...(toDate && { search_before_date_filter: monthFirst(toDate) }),
    ...(country && { web_search_options: { user_location: { country: country.toUpperCase() } } }),
  };
}

/** Returns a day as month/day/year, without leading zeros. */
function monthFirst(day: string): string {
  const [year, month, date] = day.split("-").map(Number);
  return `${month}/${date}/${year}`;
}
