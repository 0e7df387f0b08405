/** The differences between the vendors of Responses in the requests that they accept. */

import type { SearchParameters } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { openaiCapabilitiesOf, openaiInputs, openaiRefusesSampling } from "../capabilities/openai.ts";
import type { ReasoningCapabilities } from "../capabilities/reasoning.ts";
import { xaiCapabilitiesOf } from "../capabilities/xai.ts";
import { OPENAI_ROOT_REFUSALS } from "../common/tool-parameters.ts";
import { unsupportedSearch } from "../common/unsupported-search.ts";
import type { RequestContext } from "../protocol.ts";

/** The differences in one vendor's requests. */
export interface ResponsesDialect {
  readonly capabilitiesOf: (model: string) => ReasoningCapabilities;
  readonly searchTools: (search: SearchParameters, context: RequestContext) => readonly JsonObject[];
  /** The `tool_choice` that forces a search; absent where there is none. */
  readonly searchChoice?: JsonObject;
  /** The additional `include` values when the model may search. */
  readonly searchInclude?: readonly string[];
  /** Sent with a streamed request. */
  readonly streamOptions?: JsonObject;
  /** The value that requests a readable summary of the thinking. */
  readonly reasoningSummary?: "auto";
  /** Returns whether a model refuses `temperature` and `top_p`. Absent: no model does. */
  readonly refusesSampling?: (model: string, thinks: boolean) => boolean;
  /**
   * Minimum of `max_output_tokens`.
   * @default 1
   */
  readonly minOutputTokens?: number;
  /** Returns what a model takes in addition to text. Absent: everything that the protocol has a form for. */
  readonly inputs?: (model: string) => readonly ("image" | "file" | "audio")[];
  /** Whether files other than images go only by URL or id. */
  readonly refusesInlineFiles?: true;
  /** Whether the vendor takes `metadata`. */
  readonly takesMetadata?: true;
  /** Tools are described without `additionalProperties: false`, which is what is meant anyway, and without `strict`. */
  readonly stripsAdditionalProperties?: true;
  /** Keywords that are refused at the root of a tool's schema. */
  readonly rootRefusals?: readonly string[];
  /** Whether calls of custom tools are the vendor's own, which have already run. */
  readonly runsCustomTools?: true;
  /** Whether replies can run in the background and be resumed. */
  readonly keepsReplies?: true;
  /** Whether the vendor counts the tokens of a request that is not sent. */
  readonly countsTokens?: true;
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
  // Without this, every event holds a random text.
  streamOptions: { include_obfuscation: false },
  reasoningSummary: "auto",
  refusesSampling: openaiRefusesSampling,
  minOutputTokens: 16,
  inputs: openaiInputs,
  takesMetadata: true,
  keepsReplies: true,
  countsTokens: true,
  rootRefusals: OPENAI_ROOT_REFUSALS,
};

/** Returns OpenAI's name of a model at Amazon Bedrock: `us.openai.gpt-6-luna`. */
function bedrockName(model: string): string {
  return model.replace(/^(?:[a-z]+\.)?openai\./, "");
}

/**
 * OpenAI's models at Amazon Bedrock, where replies are not kept and no tools of the server run.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-responses-api.html
 */
export const BEDROCK_RESPONSES: ResponsesDialect = {
  capabilitiesOf: (model) => openaiCapabilitiesOf(bedrockName(model)),
  searchTools(_search, context) {
    context.unsupported("`search`");
    return [];
  },
  reasoningSummary: "auto",
  refusesSampling: (model, thinks) => openaiRefusesSampling(bedrockName(model), thinks),
  minOutputTokens: 16,
  inputs: (model) => openaiInputs(bedrockName(model)),
  takesMetadata: true,
  rootRefusals: OPENAI_ROOT_REFUSALS,
};

/** Maximum number of domains that a search tool takes. */
const MAX_DOMAINS = 5;

/** @see https://docs.x.ai/docs/guides/tools/overview */
export const XAI_RESPONSES: ResponsesDialect = {
  capabilitiesOf: xaiCapabilitiesOf,
  searchTools(search, context) {
    const { sources = ["web"], allowedDomains, blockedDomains, fromDate, toDate } = search;
    unsupportedSearch(search, ["maxResults", "country", "citations"], context);
    if (sources.includes("news")) context.unsupported("`search.sources` with news", "Valid sources are web and x.");
    const advice = `It takes ${MAX_DOMAINS} domains, so the first ${MAX_DOMAINS} are sent then.`;
    for (const name of ["allowedDomains", "blockedDomains"] as const) {
      const domains = search[name];
      if (domains && !sources.includes("web"))
        context.unsupported(`\`search.${name}\` for posts`, 'They apply to web pages: `sources: ["web"]`.');
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
