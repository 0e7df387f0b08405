/** What the compiler knows of values asked for with the option `output`. The type check is the test. */

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import {
  type AssistantMessage,
  type ClientWrapper,
  type DeepPartial,
  fallback,
  hedge,
  type JsonSchema,
  LLMSession,
  type Message,
  type MessageStream,
  type MessageWithOutput,
  type OpenAIClient,
  rateLimit,
  type Schema,
  type SessionOptions,
  type SessionStore,
  type Tool,
  type TypedClient,
  tool,
} from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
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

  // Without tools to ask for first, a reply has the value; a stream may be stopped before it.
  expectTypeOf((await client.sendMessage([], { output: VALIBOT })).output).toEqualTypeOf<Recipe>();
  expectTypeOf((await client.sendMessage([], { output: ARKTYPE })).output).toEqualTypeOf<Recipe>();
  expectTypeOf(await client.sendMessage([], { output: ZOD })).toEqualTypeOf<MessageWithOutput<Recipe>>();
  expectTypeOf((await client.sendMessage([], { output: ZOD, tools: TOOLS })).output).toEqualTypeOf<
    Recipe | undefined
  >();
  expectTypeOf((await client.sendMessage([], { output: PLAIN })).output).toEqualTypeOf<unknown>();
  expectTypeOf((await client.sendMessage([], { output: PLAIN_TYPED })).output).toEqualTypeOf<Recipe>();
  expectTypeOf((await client.sendMessage<Recipe>([], { output: PLAIN })).output).toEqualTypeOf<Recipe>();
  expectTypeOf((await client.sendMessage([])).output).toEqualTypeOf<unknown>();

  // A stream of something is a stream.
  const any: MessageStream = zod;
  await any.finalMessage();
}

/** Of a client somebody wrote with nothing but the contract before the eyes. */
const plain: ClientWrapper = {
  provider: "mine",
  model: "one",
  sendMessage: (messages, options) => client.sendMessage(messages, options),
  sendMessageStream: (messages, options) => client.sendMessageStream(messages, options),
};

/** Never called, either. */
async function askedThroughOthers(): Promise<void> {
  const session = new LLMSession({ client: plain });
  expectTypeOf((await session.sendMessage("", { output: ZOD, maxSteps: 2 })).output).toEqualTypeOf<Recipe>();
  expectTypeOf((await session.sendMessage("", { output: ZOD, tools: TOOLS })).output).toEqualTypeOf<
    Recipe | undefined
  >();
  expectTypeOf((await session.sendMessage("", { output: PLAIN })).output).toEqualTypeOf<unknown>();
  expectTypeOf((await session.sendMessage<Recipe>("", { output: PLAIN })).output).toEqualTypeOf<Recipe>();
  expectTypeOf(await session.sendMessage("")).toEqualTypeOf<AssistantMessage>();
  const stream = await session.sendMessageStream("", { output: VALIBOT });
  expectTypeOf(stream).toEqualTypeOf<MessageStream<Recipe>>();
  for await (const partial of stream.partialObject()) expectTypeOf(partial).toEqualTypeOf<DeepPartial<Recipe>>();

  const wrapped = [fallback([plain, client]), hedge(plain, client, { afterMs: 1 }), rateLimit(plain, {})];
  for (const each of wrapped) {
    expectTypeOf(each).toEqualTypeOf<TypedClient>();
    expectTypeOf((await each.sendMessage([], { output: ARKTYPE })).output).toEqualTypeOf<Recipe>();
    expectTypeOf(await each.sendMessageStream([], { output: ZOD })).toEqualTypeOf<MessageStream<Recipe>>();
    expectTypeOf(await each.sendMessage([])).toEqualTypeOf<AssistantMessage>();
  }
  const both: readonly (ClientWrapper & TypedClient)[] = [client, ...wrapped];
  expectTypeOf(both).not.toBeAny();
}

/** Never called, either: a session that may have tools of its own may still ask for them. */
async function askedWithToolsOfTheSession(options: SessionOptions, store: SessionStore): Promise<void> {
  const mayAsk = [
    new LLMSession({ client: plain, tools: TOOLS }),
    new LLMSession({ client: plain, defaults: { temperature: 0 } }),
    new LLMSession(options),
    LLMSession.fromJSON({}, { client: plain, tools: TOOLS }),
    await LLMSession.open({ client: plain, store, id: "a", flushIntervalMs: 1, tools: TOOLS }),
  ];
  for (const session of mayAsk) {
    expectTypeOf((await session.sendMessage("", { output: ZOD })).output).toEqualTypeOf<Recipe | undefined>();
  }
  const owesIt = [
    new LLMSession({ client: plain, systemPrompt: "Cook.", maxTokens: 1 }),
    LLMSession.fromJSON({}, { client: plain }),
    await LLMSession.open({ client: plain, store, id: "a", flushIntervalMs: 1 }),
  ] as const;
  for (const session of owesIt) {
    expectTypeOf((await session.sendMessage("", { output: ZOD })).output).toEqualTypeOf<Recipe>();
  }
  const each: LLMSession[] = [...mayAsk, ...owesIt];
  for (const session of each) {
    expectTypeOf((await session.sendMessage("", { output: ZOD })).output).toEqualTypeOf<Recipe | undefined>();
  }
  // A variable takes a session that was made with other options.
  let session = new LLMSession({ client: plain });
  session = new LLMSession({ client: plain, systemPrompt: "Cook.", history: [] });
  session = await LLMSession.open({ client: plain, store, id: "a" });
  const any: LLMSession = new LLMSession({ client: plain, tools: TOOLS });
  expect([session, any]).toBeDefined();
  // @ts-expect-error
  expect(() => new LLMSession({ client: plain, maxTokns: 1 })).toThrow();
  // @ts-expect-error
  await LLMSession.open({ client: plain, store, id: "a", flushInterval: 1 });
}

/** The arguments of a tool are what its schema returns; one with any arguments is a tool. */
const COOK: Tool<Recipe> = { name: "cook", parameters: ZOD, run: ({ steps }) => steps.length };
const TOOLS: readonly Tool[] = [COOK];

/** As they are written everywhere: the schema says what `run` gets. */
const WRITTEN = [
  tool({
    name: "zod",
    parameters: z.object({ city: z.string(), days: z.number().optional() }),
    run: ({ city, days }, { signal }) => {
      expectTypeOf(city).toEqualTypeOf<string>();
      expectTypeOf(days).toEqualTypeOf<number | undefined>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return city;
    },
  }),
  tool({
    name: "valibot",
    parameters: VALIBOT,
    run: ({ steps }) => expectTypeOf(steps).toEqualTypeOf<Recipe["steps"]>(),
  }),
  tool({ name: "arktype", parameters: ARKTYPE, run: ({ title }) => expectTypeOf(title).toEqualTypeOf<string>() }),
  tool({
    name: "json",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string" },
        unit: { enum: ["C", "F"] },
        days: { type: ["integer", "null"] },
        tags: { type: "array", items: { type: "string" } },
        place: {
          anyOf: [{ type: "string" }, { type: "object", properties: { lat: { type: "number" } }, required: ["lat"] }],
        },
        any: { $ref: "#/$defs/any" },
      },
      required: ["city", "unit"],
      $defs: { any: {} },
    },
    run: (args) =>
      expectTypeOf(args).toEqualTypeOf<{
        city: string;
        unit: "C" | "F";
        days?: number | null;
        tags?: string[];
        place?: string | { lat: number };
        any?: unknown;
      }>(),
  }),
  tool({
    name: "unknown",
    parameters: PLAIN,
    run: ({ city }) => expectTypeOf(city).toEqualTypeOf<unknown>(),
  }),
  tool({ name: "none", run: (args) => expectTypeOf(args).toEqualTypeOf<Readonly<Record<string, unknown>>>() }),
  tool({ name: "unanswered", parameters: ZOD }),
];

/** Arguments that nobody has typed cannot be taken apart: they would be of type `any`. */
const UNTYPED: readonly Tool[] = [
  // @ts-expect-error
  { name: "zod", parameters: z.object({ city: z.string() }), run: ({ city }) => city },
  { name: "annotated", parameters: ZOD, run: ({ title }: Recipe) => title },
  { name: "counted", run: (_args: unknown) => 1 },
];

test("what the compiler says above holds", () => {
  expect(asked).toBeInstanceOf(Function);
  expect(askedThroughOthers).toBeInstanceOf(Function);
  expect(askedWithToolsOfTheSession).toBeInstanceOf(Function);
  expect([TOOLS, WRITTEN, UNTYPED]).toHaveLength(3);
  expect(() => new LLMSession({ client: plain, tools: WRITTEN })).not.toThrow();
});

const ASKED: readonly Message[] = [{ role: "user", content: "A recipe?" }];

test.each([
  ["a session", (client: ClientWrapper) => new LLMSession({ client }).sendMessage("A recipe?", { output: ZOD })],
  [
    "a session that runs tools",
    (client: ClientWrapper) => new LLMSession({ client }).sendMessage("A recipe?", { output: ZOD, tools: TOOLS }),
  ],
  [
    "a session's stream",
    async (client: ClientWrapper) => {
      const session = new LLMSession({ client });
      return (await session.sendMessageStream("A recipe?", { output: ZOD })).finalMessage();
    },
  ],
  ["a fallback", (client: ClientWrapper) => fallback([client]).sendMessage(ASKED, { output: ZOD })],
  ["a hedge", (client: ClientWrapper) => hedge(client, client, { afterMs: 1 }).sendMessage(ASKED, { output: ZOD })],
  ["a rate limit", (client: ClientWrapper) => rateLimit(client, {}).sendMessage(ASKED, { output: ZOD })],
])("the value that came through %s is of the type it is said to be", async (_name, send) => {
  const recipe: Recipe = { title: "Soup", steps: [{ text: "Boil.", minutes: 20 }] };
  const { output } = await send(scriptedClient([{ text: JSON.stringify(recipe) }]));
  expect(output?.steps[0]?.minutes).toBe(20);
});

test.each<[string, (client: ClientWrapper) => Promise<unknown>]>([
  ["a client", (client) => client.sendMessage(ASKED, { output: ZOD })],
  ["a client's stream", async (client) => (await client.sendMessageStream(ASKED, { output: ZOD })).finalMessage()],
  ["a session", (client) => new LLMSession({ client }).sendMessage("A recipe?", { output: ZOD })],
  ["a fallback", (client) => fallback([client]).sendMessage(ASKED, { output: ZOD })],
])(
  "a tool that the model made up does not leave a program of %s without the value of its type",
  async (_name, send) => {
    const client = scriptedClient([{ steps: [{ toolCall: { id: "c1", name: "json", arguments: {} } }] }]);
    await expect(send(client)).rejects.toMatchObject({
      kind: "invalidOutput",
      partial: { toolCalls: [{ name: "json" }] },
    });
  },
);

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
