/** What the compiler knows of values asked for with the option `output`. The type check is the test. */

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import type { AssistantMessage, DeepPartial, JsonSchema, MessageStream, OpenAIClient, Schema, Tool } from "cloudllm";
import * as v from "valibot";
import { expect, expectTypeOf, test } from "vitest";
import * as z from "zod";

interface Recipe {
  title: string;
  steps: { text: string; minutes: number }[];
}

const ZOD = z.object({ title: z.string(), steps: z.array(z.object({ text: z.string(), minutes: z.number() })) });
const VALIBOT = toStandardJsonSchema(
  v.object({ title: v.string(), steps: v.array(v.object({ text: v.string(), minutes: v.number() })) }),
);
const ARKTYPE = type({ title: "string", steps: type({ text: "string", minutes: "number" }).array() });
const PLAIN: JsonSchema = { type: "object" };
const PLAIN_TYPED: Schema<Recipe> = { type: "object" };

declare const client: OpenAIClient;

/** Never called: only its types count. */
async function asked(): Promise<void> {
  const zod = await client.sendMessageStream([], { output: ZOD });
  expectTypeOf(await zod.finalMessage()).toEqualTypeOf<AssistantMessage<Recipe>>();
  expectTypeOf((await zod.finalMessage()).output).toEqualTypeOf<Recipe | undefined>();
  for await (const partial of zod.partialObject()) {
    expectTypeOf(partial).toEqualTypeOf<DeepPartial<Recipe>>();
    expectTypeOf(partial.title).toEqualTypeOf<string | undefined>();
    expectTypeOf(partial.steps?.[0]?.minutes).toEqualTypeOf<number | undefined>();
  }
  for await (const chunk of zod)
    if (chunk.type === "final") expectTypeOf(chunk.message.output).toEqualTypeOf<Recipe | undefined>();

  expectTypeOf((await client.sendMessage([], { output: VALIBOT })).output).toEqualTypeOf<Recipe | undefined>();
  expectTypeOf((await client.sendMessage([], { output: ARKTYPE })).output).toEqualTypeOf<Recipe | undefined>();
  expectTypeOf((await client.sendMessage([], { output: PLAIN })).output).toEqualTypeOf<unknown>();
  expectTypeOf((await client.sendMessage([], { output: PLAIN_TYPED })).output).toEqualTypeOf<Recipe | undefined>();
  expectTypeOf((await client.sendMessage<Recipe>([], { output: PLAIN })).output).toEqualTypeOf<Recipe | undefined>();
  expectTypeOf((await client.sendMessage([])).output).toEqualTypeOf<unknown>();

  // A stream of something is a stream.
  const any: MessageStream = zod;
  await any.finalMessage();
}

/** The arguments of a tool are what its schema returns; one with any arguments is a tool. */
const COOK: Tool<Recipe> = { name: "cook", parameters: ZOD, run: ({ steps }) => steps.length };
const TOOLS: readonly Tool[] = [COOK];

test("what the compiler says above holds", () => {
  expect(asked).toBeInstanceOf(Function);
  expect(TOOLS).toHaveLength(1);
});

test("what is missing in a partial value is what may be missing", () => {
  type Partial = DeepPartial<{
    color: "red" | "green";
    size: 1 | 2 | null;
    pair: [number, string];
    when: Date;
    more?: Record<string, boolean>;
    any: unknown;
  }>;
  expectTypeOf<Partial>().toEqualTypeOf<{
    readonly color?: string; // "re" is on its way to "red"
    readonly size?: 1 | 2 | null;
    readonly pair?: readonly [number?, string?];
    readonly when?: unknown; // in JSON it is a text still
    readonly more?: { readonly [name: string]: boolean | undefined };
    readonly any?: unknown;
  }>();
  const color: Partial = { color: "re", pair: [1] };
  expect(color).toBeDefined();
});
