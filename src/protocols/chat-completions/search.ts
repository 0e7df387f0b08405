/** Web search over Chat Completions, where there is one. */

import type { SearchParameters } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { unsupportedSearch } from "../common/unsupported-search.ts";
import type { RequestContext } from "../protocol.ts";

/** Models that search with every request. Other models search over Responses. */
export const SEARCH_MODELS: RegExp = /-search-(preview|api)/;

/**
 * Returns the fields of a web search at OpenAI.
 * @see https://platform.openai.com/docs/guides/tools-web-search?api-mode=chat
 */
export function openaiSearch(search: SearchParameters, context: RequestContext): JsonObject {
  const { endpoint, unsupported } = context;
  if (!SEARCH_MODELS.test(endpoint.model)) {
    unsupported("`search`", 'Responses has it: `api: "responses"`.');
    return {};
  }
  const lacking = [
    "maxResults",
    "fromDate",
    "toDate",
    "allowedDomains",
    "blockedDomains",
    "sources",
    "citations",
  ] as const;
  unsupportedSearch(search, lacking, context);
  const { country } = search;
  const location = country && {
    user_location: { type: "approximate", approximate: { country: country.toUpperCase() } },
  };
  return { web_search_options: { ...location } };
}

/**
 * OpenRouter's plugin, for every model: it searches with each request, so `auto` and `on` are one.
 * @see https://openrouter.ai/docs/guides/features/plugins/web-search
 */
export function openrouterSearch(search: SearchParameters, context: RequestContext): JsonObject {
  unsupportedSearch(search, ["fromDate", "toDate", "country", "sources", "citations"], context);
  const { maxResults, allowedDomains, blockedDomains } = search;
  const plugin = {
    id: "web",
    ...(maxResults !== undefined && { max_results: maxResults }),
    ...(allowedDomains && { include_domains: allowedDomains }),
    ...(blockedDomains && { exclude_domains: blockedDomains }),
  };
  return { plugins: [plugin] };
}
