/** The schemas of tools as providers take them: of an object, wherever the caller's says so in another way. */

import type { JsonSchema, Message, SendOptions, Tool } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { CLIENT_NAMES, type ClientName, useRequestRecorder } from "../support/sent-requests.ts";

const HI: readonly Message[] = [{ role: "user", content: "hi" }];
const TEXT = { type: "string" };
const EMPTY = { type: "object", properties: {} };

const recorder = useRequestRecorder();

/** What a client tells its server of the one tool's arguments. */
async function sentSchema(name: ClientName, tool: Partial<Tool>, options: SendOptions = {}): Promise<unknown> {
  const { body } = await recorder.sent(name, modelOf(name), HI, { ...options, tools: [{ name: "act", ...tool }] });
  const [first] = body.tools as readonly Record<string, unknown>[];
  const [declared] = (first?.functionDeclarations ?? []) as readonly Record<string, unknown>[];
  const described = (first?.function as Record<string, unknown> | undefined) ?? declared ?? first ?? {};
  return described.parameters ?? described.parametersJsonSchema ?? described.input_schema;
}

function modelOf(name: ClientName): string {
  const models: Partial<Record<ClientName, string>> = { claude: "claude-haiku-4-5", openrouter: "openai/gpt-5" };
  return models[name] ?? "m";
}

describe("a server that wants a schema of every tool is not reported of a tool without one", () => {
  test.each(CLIENT_NAMES)("%s", async (name) => {
    const due = name.startsWith("gemini") ? undefined : EMPTY;
    expect(await sentSchema(name, {})).toEqual(due);
  });

  test("an empty schema is none for Gemini's older models", async () => {
    expect(await sentSchema("gemini", { parameters: z.object({}) })).toBeUndefined();
    expect(await sentSchema("gemini", { parameters: { type: "object", properties: {} } })).toBeUndefined();
    expect(await sentSchema("gemini", { parameters: { type: "object" } })).toEqual({ type: "object" });
  });
});

describe("a root that says in another way that it is an object is sent as one", () => {
  const due = { type: "object", properties: { a: TEXT }, required: ["a"] };
  const { type: _type, ...untyped } = due;
  test.each<[string, JsonSchema, JsonSchema]>([
    ["no type", untyped, due],
    ["nothing at all", {}, { type: "object" }],
    ["an object or null", { ...due, type: ["object", "null"] }, due],
    ["a reference", { $ref: "#/$defs/a", $defs: { a: due } }, { ...due, $defs: { a: due } }],
    [
      "a reference of a schema that refers to itself",
      { $ref: "#/$defs/a", $defs: { a: { type: "object", properties: { next: { $ref: "#/$defs/a" } } } } },
      {
        type: "object",
        properties: { next: { $ref: "#/$defs/a" } },
        $defs: { a: { type: "object", properties: { next: { $ref: "#/$defs/a" } } } },
      },
    ],
    ["one alternative", { anyOf: [due], description: "What." }, { ...due, description: "What." }],
    ["one part", { allOf: [{ oneOf: [due] }] }, due],
    [
      "plain objects that must all fit",
      { allOf: [due, { properties: { b: TEXT, a: { minLength: 1 } }, required: ["a", "b"] }] },
      { type: "object", properties: { a: { allOf: [TEXT, { minLength: 1 }] }, b: TEXT }, required: ["a", "b"] },
    ],
  ])("%s", async (_name, parameters, root) => {
    for (const name of ["openai chat", "claude", "mistral", "gemini"] as const)
      expect(await sentSchema(name, { parameters }), name).toEqual(root);
    expect(await sentSchema("openai", { parameters }), "openai").toMatchObject({ type: "object" });
  });

  test("what a rewriting would change stays: a reference to its old place, a rule next to it", async () => {
    const pointed = { anyOf: [{ properties: { a: { $ref: "#/anyOf/0/properties/b" }, b: TEXT } }] };
    expect(await sentSchema("mistral", { parameters: pointed })).toEqual({ type: "object", ...pointed });
    const closed = { allOf: [{ ...due, additionalProperties: false }, due] };
    expect(await sentSchema("mistral", { parameters: closed })).toEqual({ type: "object", ...closed });
  });
});

const part = (action: string) => ({
  type: "object",
  properties: { action: { const: action } },
  required: ["action"],
  additionalProperties: false,
});

describe("a root that its provider would refuse is refused before anything is sent", () => {
  const UNION = { oneOf: [part("find"), part("list")] };
  test.each<[string, ClientName, JsonSchema, string]>([
    ["alternatives", "openai", UNION, "oneOf"],
    ["alternatives", "openai chat", UNION, "oneOf"],
    ["alternatives", "claude", UNION, "oneOf"],
    ["alternatives", "claude chat", UNION, "oneOf"],
    ["alternatives", "openrouter", UNION, "oneOf"],
    ["alternatives next to properties", "claude", { ...part("find"), anyOf: [{ required: ["action"] }, {}] }, "anyOf"],
    ["what it must not be", "openai", { ...part("find"), not: { required: ["b"] } }, "not"],
    ["a list of values", "openai chat", { enum: [{ a: 1 }, { a: 2 }] }, "enum"],
  ])("%s (%s)", async (_name, name, parameters, keyword) => {
    const before = recorder.requests.length;
    await expect(sentSchema(name, { parameters })).rejects.toMatchObject({
      kind: "unsupported",
      message: expect.stringMatching(new RegExp(`\`${keyword}\` at the root of the \`parameters\` of the tool act`)),
    });
    expect(recorder.requests).toHaveLength(before);
    const schema = await sentSchema(name, { parameters }, { unsupported: "ignore" });
    expect(schema).toMatchObject({ type: "object" });
    expect(schema).not.toHaveProperty(keyword);
  });

  test("others are given it as it is", async () => {
    expect(await sentSchema("llamacpp", { parameters: UNION })).toEqual({ type: "object", ...UNION });
    expect(await sentSchema("grok", { parameters: { anyOf: [{}, {}] } })).toEqual({
      type: "object",
      anyOf: [{}, {}],
    });
  });
});

describe.each(CLIENT_NAMES)("%s: a tool that no object fits is refused, for a call's arguments are one", (name) => {
  test.each<[string, JsonSchema]>([
    ["a list", { type: "array", items: TEXT }],
    ["a text", TEXT],
    ["a reference to a text", { $ref: "#/$defs/a", $defs: { a: TEXT } }],
    ["alternatives of none", { anyOf: [TEXT, { type: "number" }] }],
    ["a list of texts", { enum: ["a", "b"] }],
  ])("%s", async (_name, parameters) => {
    await expect(sentSchema(name, { parameters })).rejects.toMatchObject({
      kind: "invalidRequest",
      message: expect.stringContaining("The tool act"),
    });
  });
});

test.each([
  ["/v1/chat/completions", { tools: [{ type: "function", function: { name: "f", parameters: { oneOf: [{}] } } }] }],
  ["/v1/responses", { tools: [{ type: "function", name: "f", parameters: { type: "object", allOf: [{}] } }] }],
  ["/v1/messages", { max_tokens: 1, tools: [{ name: "f", input_schema: { type: "object", anyOf: [{}] } }] }],
  [
    "/v1beta/models/m:generateContent",
    { tools: [{ functionDeclarations: [{ name: "f", parametersJsonSchema: { type: "string" } }] }] },
  ],
])("the strict server refuses what its provider would (%s)", async (path, body) => {
  await using server = await startProviderServer(() => ({ text: "ok" }), { strict: true });
  const { origin } = new URL(server.baseUrl);
  const said = {
    messages: [{ role: "user", content: "hi" }],
    input: "hi",
    contents: [{ role: "user", parts: [{ text: "hi" }] }],
  };
  const response = await fetch(origin + path, { method: "POST", body: JSON.stringify({ ...said, ...body }) });
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(/at the top level|type: \\"object\\"/);
});
