/** Schemas of the libraries people use: as tool parameters and as output, over the wire and back, at once and later. */

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { CompatibleClient, type Schema } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { jsonSchemaOf } from "../../src/schema/json-schema.ts";
import { issuesText, validate } from "../../src/schema/schema.ts";

interface Library {
  readonly name: string;
  /** `{ city: string (at least 2 characters), days?: whole number from 1 }`. */
  readonly weather: Schema;
  /** The same, and `city` must pass a rule that answers later. Absent where the library has none. */
  readonly known?: Schema;
  /** A text that is made into a number. */
  readonly converted: Schema;
}

const isKnown = async (city: string): Promise<boolean> => Promise.resolve(city !== "Atlantis");

const LIBRARIES: readonly Library[] = [
  {
    name: "Zod",
    weather: z.object({ city: z.string().min(2), days: z.int().min(1).optional() }),
    known: z.object({ city: z.string().refine(isKnown, "is not on the map") }),
    converted: z.object({ city: z.string().transform((city) => city.length) }),
  },
  {
    name: "Valibot",
    weather: toStandardJsonSchema(
      v.object({
        city: v.pipe(v.string(), v.minLength(2)),
        days: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
      }),
    ),
    known: toStandardJsonSchema(
      v.objectAsync({ city: v.pipeAsync(v.string(), v.checkAsync(isKnown, "is not on the map")) }) as never,
    ),
    converted: toStandardJsonSchema(
      v.object({
        city: v.pipe(
          v.string(),
          v.transform((city) => city.length),
        ),
      }),
    ),
  },
  {
    name: "ArkType",
    weather: type({ city: "string >= 2", "days?": "number.integer >= 1" }),
    converted: type({ city: type("string").pipe((city) => city.length) }),
  },
  {
    name: "plain JSON Schema",
    weather: {
      type: "object",
      properties: { city: { type: "string", minLength: 2 }, days: { type: "integer", minimum: 1 } },
      required: ["city"],
    },
    converted: {},
  },
];

describe.each(LIBRARIES)("$name", ({ name, weather, known, converted }) => {
  test("says what it is in JSON Schema", () => {
    expect(jsonSchemaOf(weather, "it")).toMatchObject({
      type: "object",
      properties: { city: { type: "string", minLength: 2 }, days: { type: "integer", minimum: 1 } },
      required: ["city"],
    });
    expect(jsonSchemaOf(weather, "it")).not.toHaveProperty("$schema");
  });

  test("takes what fits", async () => {
    expect(await validate(weather, { city: "Oslo", days: 2 })).toMatchObject({ value: { city: "Oslo", days: 2 } });
  });

  test.each([
    ["a missing property", {}, /^city: /],
    ["a property of another type", { city: 5 }, /^city: /],
    ["a value out of bounds", { city: "Oslo", days: 0 }, /^days: /],
    ["no object", "Oslo", /^(?!city)/],
  ])("names the place of %s", async (_name, value, place) => {
    expect(issuesText((await validate(weather, value)).issues ?? [])).toMatch(place);
  });

  test("holds tool calls and output over the wire", async () => {
    await using server = await startProviderServer([
      { steps: [{ toolCall: { name: "weather", arguments: { city: "Oslo" } } }] },
      { steps: [{ toolCall: { name: "weather", arguments: { city: "O" } } }] },
      { text: '{"city":"Oslo","days":2}' },
      { text: '{"city":"Oslo","days":-2}' },
    ]);
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
    const messages = [{ role: "user", content: "Weather?" }] as const;
    const tools = [{ name: "weather", parameters: weather }];
    expect((await client.sendMessage(messages, { tools })).toolCalls).toMatchObject([{ arguments: { city: "Oslo" } }]);
    await expect(client.sendMessage(messages, { tools })).rejects.toMatchObject({
      kind: "invalidOutput",
      message: expect.stringMatching(/the call of weather do not fit its schema: city: /),
    });
    expect((await client.sendMessage(messages, { output: weather })).output).toEqual({ city: "Oslo", days: 2 });
    await expect(client.sendMessage(messages, { output: weather })).rejects.toMatchObject({
      kind: "invalidOutput",
      message: expect.stringMatching(/does not fit the schema of `output`: days: /),
      partial: { content: '{"city":"Oslo","days":-2}' },
    });
  });

  test.skipIf(name === "plain JSON Schema")(
    "output is what the schema makes of it (plain JSON Schema makes nothing)",
    async () => {
      await using server = await startProviderServer([{ text: '{"city":"Oslo"}' }]);
      const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
      const reply = await client.sendMessage([{ role: "user", content: "Where?" }], { output: converted });
      expect(reply).toMatchObject({ content: '{"city":"Oslo"}', output: { city: 4 } });
    },
  );

  test.skipIf(!known)("rules that answer later are waited for (ArkType and JSON Schema have none)", async () => {
    if (!known) return;
    await using server = await startProviderServer([{ text: '{"city":"Oslo"}' }, { text: '{"city":"Atlantis"}' }]);
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
    const messages = [{ role: "user", content: "Where?" }] as const;
    expect((await client.sendMessage(messages, { output: known })).output).toEqual({ city: "Oslo" });
    await expect(client.sendMessage(messages, { output: known })).rejects.toMatchObject({
      kind: "invalidOutput",
      message: expect.stringContaining("city: is not on the map"),
    });
  });
});

test("a schema whose library cannot say what it is fails before anything is sent, with advice", async () => {
  const client = new CompatibleClient({ baseUrl: "http://127.0.0.1:1/v1", model: "m", retries: 0 });
  const output = v.object({ city: v.string() }) as Schema;
  await expect(client.sendMessage([{ role: "user", content: "?" }], { output })).rejects.toMatchObject({
    kind: "invalidRequest",
    message: expect.stringContaining(
      "The schema of `output` (valibot) does not convert to JSON Schema: give a schema that can",
    ),
  });
  await expect(
    client.sendMessage([{ role: "user", content: "?" }], { output: z.object({ when: z.date() }) }),
  ).rejects.toMatchObject({
    kind: "invalidRequest",
    message: expect.stringContaining("The schema of `output` (zod) cannot be converted to JSON Schema"),
  });
});

test.each([
  ["output", "`output`"],
  ["tools", "the tool weather"],
] as const)("a broken plain schema fails before anything is sent: %s", async (option, owner) => {
  const client = new CompatibleClient({ baseUrl: "http://127.0.0.1:1/v1", model: "m", retries: 0 });
  const broken = { type: "object", properties: { city: { type: "text" } } };
  const options = option === "output" ? { output: broken } : { tools: [{ name: "weather", parameters: broken }] };
  await expect(client.sendMessage([{ role: "user", content: "?" }], options)).rejects.toMatchObject({
    kind: "invalidRequest",
    message: expect.stringContaining(
      `The JSON Schema of ${owner} cannot be used: \`properties.city.type\` must be of string, number`,
    ),
  });
});
