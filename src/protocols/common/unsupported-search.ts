/** Search parameters that a provider has no way to say. */

import type { SearchParameters, SendOptions } from "../../contract/client.ts";
import { type Endpoint, refuse } from "../protocol.ts";

/** Refuses the parameters named; of `sources` all but the web, of `citations` to do without. */
export function refuseSearch(
  search: SearchParameters,
  names: readonly (keyof SearchParameters)[],
  endpoint: Endpoint,
  options: SendOptions,
): void {
  for (const name of names) {
    if (name === "sources") {
      const isElsewhere = search.sources?.some((source) => source !== "web");
      if (isElsewhere) refuse("`search.sources` other than web", endpoint, options);
    } else if (name === "citations") {
      if (search.citations === false) refuse("`search.citations: false`", endpoint, options);
    } else if (search[name] !== undefined) refuse(`\`search.${name}\``, endpoint, options);
  }
}
