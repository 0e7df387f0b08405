/** The validation of replies, which is loaded with the first call that has a schema: most calls have none. */

import type { SendOptions } from "../contract/options.ts";
import { LazyPart } from "../platform/lazy-part.ts";
import type { ChunkSource } from "./source.ts";
import type { Checks } from "./validating-source.ts";

/** The validation. Every client has loaded it before it opens a reply with schemas. */
export const validation: LazyPart<typeof import("./validating-source.ts")> = /* @__PURE__ */ new LazyPart(
  "The validation of replies",
  () => import("./validating-source.ts"),
);

/** Returns whether the validation must be loaded before a call with these options. */
export function lacksValidation({ tools, output }: Pick<SendOptions, "tools" | "output">): boolean {
  return (tools !== undefined || output !== undefined) && !validation.isLoaded;
}

/**
 * Returns the same source with validation, or the source itself if nothing is to be validated. `timeouts.total` begins
 * now.
 */
export function validatingSource(source: ChunkSource, options: Checks): ChunkSource {
  const checksCalls = options.invalidArguments !== "deliver" && options.tools?.some((tool) => tool.parameters);
  if (!checksCalls && options.output === undefined) return source;
  return new validation.loaded.ValidatingSource(source, options, checksCalls ? options.tools : []);
}
