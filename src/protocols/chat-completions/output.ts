/** Structured output over Chat Completions. */

import type { Message } from "../../contract/message.ts";
import type { JsonSchema, Schema } from "../../contract/schema.ts";
import { schemaEngine } from "../../schema/load-engine.ts";
import type { ChatContext } from "./context.ts";

/** The fields of the option `output`. */
interface WireOutput {
  readonly format: object;
  /** The instruction for the model where the format lacks the schema. */
  readonly instruction?: string;
}

/**
 * Returns the format of an `output`, and the instruction where the vendor needs one.
 * @see https://platform.openai.com/docs/guides/structured-outputs
 */
export function outputOf(output: Schema, { dialect, unsupported }: ChatContext): WireOutput | undefined {
  const { outputFormat } = dialect;
  const { isObjectSchema, jsonSchemaOf, strictSchema } = schemaEngine.loaded;
  const schema = jsonSchemaOf(output, "`output`");
  if (!isObjectSchema(schema)) unsupported("an `output` that is not an object", "Put the value into a property.");
  else if (outputFormat === "none") unsupported("`output`");
  else if (outputFormat === "json_object")
    return { format: { type: "json_object" }, instruction: instructionFor(schema) };
  else {
    const strict = strictSchema(schema);
    const json_schema = { name: "output", schema: strict ?? schema, ...(strict && { strict: true }) };
    return { format: { type: "json_schema", json_schema } };
  }
  return undefined;
}

/**
 * Returns the instruction. OpenAI and similar servers refuse a request for JSON without the word in the conversation.
 */
function instructionFor(schema: JsonSchema): string {
  return `Answer with JSON alone, without a word or a fence around it. It must fit this JSON Schema:\n${JSON.stringify(schema)}`;
}

/** Returns the messages with the instruction in the one system message: some servers refuse a second. */
export function withInstruction(messages: readonly Message[], instruction: string | undefined): readonly Message[] {
  if (instruction === undefined) return messages;
  const at = messages.findIndex(({ role }) => role === "system");
  const system = messages[at];
  if (system?.role !== "system") return [{ role: "system", content: instruction }, ...messages];
  return messages.with(at, { role: "system", content: `${system.content}\n\n${instruction}` });
}
