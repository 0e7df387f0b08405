/**
 * The engine of schemas, which is loaded with the first call that has one: it is a tenth of a page's program, and most
 * calls have no schema.
 */

import type { SendOptions } from "../contract/options.ts";
import { LazyPart } from "../platform/lazy-part.ts";

/**
 * The engine. Every client has loaded it before it builds a request with schemas, and a protocol of
 * `cloudllm/protocols` brings it along.
 */
export const schemaEngine: LazyPart<typeof import("./engine.ts")> = /* @__PURE__ */ new LazyPart(
  "The validation of schemas",
  () => import("./engine.ts"),
);

/** Returns whether the engine must be loaded before the request with these options can be built. */
export function lacksSchemaEngine({ tools, output }: Pick<SendOptions, "tools" | "output">): boolean {
  return (tools !== undefined || output !== undefined) && !schemaEngine.isLoaded;
}
