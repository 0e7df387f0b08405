/** Tools whose `run` knows the type of its arguments. */

import type { InferArguments } from "./infer-schema.ts";
import type { Tool, ToolApproval, ToolContext } from "./options.ts";
import type { JsonSchema, Schema } from "./schema.ts";

/** The argument of `tool`: a `Tool` whose `run` gets arguments of the type of `parameters`. */
export interface ToolDefinition<Parameters extends Schema> extends Omit<Tool, "parameters" | "approve" | "run"> {
  /**
   * Schema of the arguments (an object): a schema library's, or JSON Schema. Absent for a function without arguments.
   */
  readonly parameters?: Parameters | undefined;
  /**
   * Whether a call may run: see `Tool`.
   * @default true
   */
  readonly approve?: ToolApproval<InferArguments<Parameters>> | undefined;
  /** Runs the tool: see `Tool`. */
  run?(args: InferArguments<Parameters>, context: ToolContext): unknown;
}

/**
 * Returns the tool as it is, with the types that its `parameters` say: from a schema of Zod, Valibot, ArkType or any
 * library with Standard Schema, or from JSON Schema that is written in place.
 *
 * @example
 * ```ts
 * import { LLMSession, OpenAIClient, tool } from "cloudllm";
 * import * as z from "zod";
 *
 * const weather = tool({
 *   name: "weather",
 *   description: "The weather in a city, now.",
 *   parameters: z.object({ city: z.string() }),
 *   run: ({ city }) => `Rain in ${city}.`, // city is a string
 * });
 *
 * export const session = new LLMSession({ client: new OpenAIClient({ model: "gpt-6-sol" }), tools: [weather] });
 * ```
 */
export function tool<const Parameters extends Schema = JsonSchema>(
  definition: ToolDefinition<Parameters>,
): Tool<InferArguments<Parameters>> {
  // The schema has validated the arguments, so they are of its type.
  return definition as Tool<InferArguments<Parameters>>;
}
