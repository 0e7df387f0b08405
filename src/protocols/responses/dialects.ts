/** How the vendors of Responses differ in what they take. */

import type { SearchParameters } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { openaiCapabilitiesOf, openaiInputs, openaiRefusesSampling } from "../capabilities/openai.ts";
import type { ReasoningCapabilities } from "../capabilities/reasoning.ts";
import { xaiCapabilitiesOf } from "../capabilities/xai.ts";
import { OPENAI_ROOT_REFUSALS } from "../common/tool-parameters.ts";
import { unsupportedSearch } from "../common/unsupported-search.ts";
import type { RequestContext } from "../protocol.ts";

/** One vendor. */
export interface ResponsesDialect {
  readonly capabilitiesOf: (model: string) => ReasoningCapabilities;
  readonly searchTools: (search: SearchParameters, context: RequestContext) => readonly JsonObject[];
  /** What to send so that the model must search; absent where it cannot be made to. */
  readonly searchChoice?: JsonObject;
  /** What else to ask for in the reply when the model may search. */
  readonly searchInclude?: readonly string[];
  /** Sent with a streamed request. */
  readonly streamOptions?: JsonObject;
  /** A readable summary of the thinking must be asked for. */
  readonly reasoningSummary?: "auto";
  /** Whether a model refuses `temperature` and `top_p`, knowing whether it thinks. Absent: no model does. */
  readonly refusesSampling?: (model: string, thinks: boolean) => boolean;
  /** The smallest `max_output_tokens`. */
  readonly minOutputTokens?: number;
  /** What a model takes beside text; absent: everything there is a form for. */
  readonly inputs?: (model: string) => readonly ("image" | "file" | "audio")[];
  /** Files that are no images go by URL or id only. */
  readonly refusesInlineFiles?: true;
  /** Requests may be labelled. */
  readonly takesMetadata?: true;
  /** Tools are described without `additionalProperties: false`, which is what is meant anyway, and never strictly. */
  readonly stripsAdditionalProperties?: true;
  /** Keywords that are refused at the root of a tool's schema. */
  readonly rootRefusals?: readonly string[];
  /** Calls of custom tools are the vendor's own and have run already. */
  readonly runsCustomTools?: true;
  /** Replies can be written in the background, and be resumed. */
  readonly keepsReplies?: true;
}

/** @see https://platform.openai.com/docs/api-reference/responses/create */
export const OPENAI_RESPONSES: ResponsesDialect = {
  capabilitiesOf: openaiCapabilitiesOf,
  searchTools(search, context) {
    const { allowedDomains, country } = search;
    const lacking = ["maxResults", "fromDate", "toDate", "blockedDomains", "sources", "citations"] as const;
    unsupportedSearch(search, lacking, context);
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
  refusesSampling: openaiRefusesSampling,
  minOutputTokens: 16,
  inputs: openaiInputs,
  takesMetadata: true,
  keepsReplies: true,
  rootRefusals: OPENAI_ROOT_REFUSALS,
};

/** Domains a search tool takes. */
const MAX_DOMAINS = 5;

/** @see https://docs.x.ai/docs/guides/tools/overview */
export const XAI_RESPONSES: ResponsesDialect = {
  capabilitiesOf: xaiCapabilitiesOf,
  searchTools(search, context) {
    const { sources = ["web"], allowedDomains, blockedDomains, fromDate, toDate } = search;
    unsupportedSearch(search, ["maxResults", "country", "citations"], context);
    if (sources.includes("news")) context.unsupported("`search.sources` with news", "There are web and x.");
    const advice = `It takes ${MAX_DOMAINS} domains; the first ${MAX_DOMAINS} are sent then.`;
    for (const name of ["allowedDomains", "blockedDomains"] as const) {
      const domains = search[name];
      if (domains && !sources.includes("web"))
        context.unsupported(`\`search.${name}\` for posts`, 'They are of web pages: `sources: ["web"]`.');
      if (domains && domains.length > MAX_DOMAINS) context.unsupported(`all of \`search.${name}\``, advice);
    }
    for (const name of ["fromDate", "toDate"] as const) {
      if (search[name] !== undefined && sources.includes("web"))
        context.unsupported(`\`search.${name}\` for web pages`, 'Only posts have dates: `sources: ["x"]`.');
    }
    const web = {
      type: "web_search",
      ...(allowedDomains && { allowed_domains: allowedDomains.slice(0, MAX_DOMAINS) }),
      ...(blockedDomains && { excluded_domains: blockedDomains.slice(0, MAX_DOMAINS) }),
    };
    const posts = { type: "x_search", ...(fromDate && { from_date: fromDate }), ...(toDate && { to_date: toDate }) };
    return [...(sources.includes("web") ? [web] : []), ...(sources.includes("x") ? [posts] : [])];
  },
  refusesInlineFiles: true,
  stripsAdditionalProperties: true,
  runsCustomTools: true,
};
