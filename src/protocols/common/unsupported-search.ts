/** Search parameters that a provider does not support. */

import type { SearchParameters } from "../../contract/options.ts";
import type { RequestContext } from "../protocol.ts";

/**
 * Reports each of the named parameters that is set: of `sources` those other than the web, of `citations` only `false`.
 */
export function unsupportedSearch(
  search: SearchParameters,
  names: readonly (keyof SearchParameters)[],
  { unsupported }: RequestContext,
): void {
  for (const name of names) {
    if (name === "sources") {
      if (search.sources?.some((source) => source !== "web")) unsupported("`search.sources` other than web");
    } else if (name === "citations") {
      if (search.citations === false) unsupported("`search.citations: false`");
    } else if (search[name] !== undefined) unsupported(`\`search.${name}\``);
  }
}
