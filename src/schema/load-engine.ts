/**
 * The engine of schemas, which is loaded with the first call that has one: it is a tenth of a page's program, and most
 * calls have no schema.
 */

import type { SendOptions } from "../contract/options.ts";

type SchemaEngine = typeof import("./engine.ts");

let loaded: SchemaEngine | undefined;
let loading: Promise<SchemaEngine> | undefined;

/** Returns the engine; `undefined` before it is loaded. */
export function loadedSchemaEngine(): SchemaEngine | undefined {
  return loaded;
}

/** Resolves with the engine, which is loaded once. A failure counts for the calls that wait; the next loads again. */
export function loadSchemaEngine(): Promise<SchemaEngine> {
  loading ??= import("./engine.ts").then(
    (engine) => {
      loaded = engine;
      return engine;
    },
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** Sets the engine, where a program has it without loading: `cloudllm/protocols`. */
export function provideSchemaEngine(engine: SchemaEngine): void {
  loaded = engine;
}

/** Returns whether the engine must be loaded before the request with these options can be built. */
export function lacksSchemaEngine({ tools, output }: Pick<SendOptions, "tools" | "output">): boolean {
  return loaded === undefined && (tools !== undefined || output !== undefined);
}

/**
 * Returns the engine, where a request with schemas is built: every client has loaded it by then, and a protocol of
 * `cloudllm/protocols` brings it along.
 * @throws {Error} when it is not loaded
 */
export function schemaEngine(): SchemaEngine {
  if (!loaded) throw new Error("The engine of schemas is not loaded. Send requests with schemas through a client.");
  return loaded;
}
