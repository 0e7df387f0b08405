/** How the vendors of Responses differ in what they take. */

import type { SearchParameters, SendOptions } from "../client.ts";
import { openaiFamily, type ReasoningFamily, xaiFamily } from "./openai-models.ts";
import { type Endpoint, refuse } from "./protocol.ts";

type Fields = Readonly<Record<string, unknown>>;

/** One vendor. */
export interface ResponsesDialect {
  readonly familyOf: (model: string) => ReasoningFamily;
  readonly searchTools: (search: SearchParameters, endpoint: Endpoint, options: SendOptions) => readonly Fields[];
  /** What to send so that the model must search; absent where it cannot be made to. */
  readonly searchChoice?: Fields;
  /** What else to ask for in the reply when the model may search. */
  readonly searchInclude?: readonly string[];
  /** Sent with a streamed request. */
  readonly streamOptions?: Fields;
  /** A readable summary of the thinking must be asked for. */
  readonly reasoningSummary?: "auto";
  /** Models that think refuse `temperature` and `top_p`. */
  readonly refusesSampling?: true;
  /** The smallest `max_output_tokens`. */
  readonly leastOutputTokens?: number;
  /** Calls of custom tools are the vendor's own and have run already. */
  readonly runsCustomTools?: true;
  /** Replies can be written in the background, and be resumed. */
  readonly keepsReplies?: true;
}

/** @see https://platform.openai.com/docs/api-reference/responses/create */
export const OPENAI_RESPONSES: ResponsesDialect = {
  familyOf: openaiFamily,
  searchTools(search, endpoint, options) {
    const { allowedDomains, country } = search;
    refuseSearch(search, ["maxResults", "fromDate", "toDate", "blockedDomains"], endpoint, options);
    if (search.sources?.some((source) => source !== "web"))
      refuse("`search.sources` other than web", endpoint, options);
    return [
      {
        type: "web_search",
        ...(allowedDomains && { filters: { allowed_domains: allowedDomains } }),
        ...(country && { user_location: { type: "approximate", country: country.toUpperCase() } }),
      },
    ];
  },
  searchChoice: { type: "web_search" },
  searchInclude: ["web_search_call.action.sources"],
  // Without it every event carries a random text of its own.
  streamOptions: { include_obfuscation: false },
  reasoningSummary: "auto",
  refusesSampling: true,
  leastOutputTokens: 16,
  keepsReplies: true,
};

/** Domains a search tool takes. */
const MOST_DOMAINS = 5;

/** @see https://docs.x.ai/docs/guides/tools/overview */
export const XAI_RESPONSES: ResponsesDialect = {
  familyOf: xaiFamily,
  searchTools(search, endpoint, options) {
    const { sources = ["web"], allowedDomains, blockedDomains, fromDate, toDate } = search;
    refuseSearch(search, ["maxResults", "country"], endpoint, options);
    if (sources.includes("news")) refuse("`search.sources` with news", endpoint, options, "There are web and x.");
    for (const domains of [allowedDomains, blockedDomains]) {
      if (domains && domains.length > MOST_DOMAINS)
        refuse(`more than ${MOST_DOMAINS} domains`, endpoint, options, "The first five are sent then.");
    }
    const dated = fromDate !== undefined || toDate !== undefined;
    if (dated && !sources.includes("x")) {
      refuse("dates of web pages in `search`", endpoint, options, 'Only posts have them: `sources: ["x"]`.');
    }
    const web = {
      type: "web_search",
      ...(allowedDomains && { allowed_domains: allowedDomains.slice(0, MOST_DOMAINS) }),
      ...(blockedDomains && { excluded_domains: blockedDomains.slice(0, MOST_DOMAINS) }),
    };
    const posts = { type: "x_search", ...(fromDate && { from_date: fromDate }), ...(toDate && { to_date: toDate }) };
    return [...(sources.includes("web") ? [web] : []), ...(sources.includes("x") ? [posts] : [])];
  },
  runsCustomTools: true,
};

function refuseSearch(
  search: SearchParameters,
  names: readonly (keyof SearchParameters)[],
  endpoint: Endpoint,
  options: SendOptions,
): void {
  for (const name of names) if (search[name] !== undefined) refuse(`\`search.${name}\``, endpoint, options);
  if (search.citations === false) refuse("`search.citations: false`", endpoint, options);
}
