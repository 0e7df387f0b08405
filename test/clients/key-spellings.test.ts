/** A key that a server repeats, in whatever spelling, in whatever place it can write to, is in nothing that the caller gets to see. */

import { inspect } from "node:util";
import { ClaudeClient, CompatibleClient, fallback, GeminiClient, LLMSession, OpenAIClient, SendError } from "cloudllm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FetchLike } from "../../src/transport/fetch.ts";

// Thousands of errors: to map every frame of their stacks to the sources takes most of the time. No frame holds a key.
const { stackTraceLimit } = Error;
beforeAll(() => void Object.assign(Error, { stackTraceLimit: 0 }));
afterAll(() => void Object.assign(Error, { stackTraceLimit }));

const KEY = "sk-Proj/a+B_9=quite&long\"key'x";
/** Header values may hold what a key may not. */
const PASSWORD = "pa55 word";
const HI = [{ role: "user", content: "hi" }] as const;

const bytes = (text: string) => Buffer.from(text, "latin1");
const each = (text: string, spell: (code: number) => string) => [...text].map((c) => spell(c.charCodeAt(0))).join("");
const hex = (code: number, width: number) => code.toString(16).padStart(width, "0");

/** How servers, gateways and their error pages write down what they were sent. */
const SPELLINGS: readonly (readonly [string, (key: string) => string])[] = [
  ["as it is", (key) => key],
  ["in upper case", (key) => key.toUpperCase()],
  ["in lower case", (key) => key.toLowerCase()],
  ["URL-encoded", encodeURIComponent],
  ["URL-encoded in small letters", (key) => encodeURIComponent(key).replace(/%../g, (code) => code.toLowerCase())],
  ["URL-encoded, each character", (key) => each(key, (code) => `%${hex(code, 2)}`)],
  ["URL-encoded twice", (key) => encodeURIComponent(encodeURIComponent(key))],
  ["escaped as JSON", (key) => JSON.stringify(key).slice(1, -1)],
  ["escaped as JSON, each character", (key) => each(key, (code) => `\\u${hex(code, 4)}`)],
  ["escaped as JSON, with slashes", (key) => key.replaceAll("/", "\\/").replaceAll('"', '\\"')],
  ["escaped as HTML", (key) => key.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("'", "&#39;")],
  ["escaped as HTML, each character", (key) => each(key, (code) => `&#x${hex(code, 2)};`)],
  ["in base64", (key) => bytes(key).toString("base64")],
  ["in base64 for URLs", (key) => bytes(key).toString("base64url")],
  ["in base64 behind a user name", (key) => bytes(`me:${key}`).toString("base64")],
  ["in base64 of a header", (key) => bytes(`Bearer ${key}`).toString("base64")],
  ["in base64, URL-encoded before", (key) => bytes(encodeURIComponent(key)).toString("base64")],
  ["in base64 of a mail", (key) => bytes(`Bearer ${key}`).toString("base64").replace(/.{20}/g, "$&\r\n")],
  ["in lines", (key) => key.replace(/.{9}/g, "$&\n  ")],
  ["with places to break", (key) => key.replace(/./g, "$&\u200b")],
  ["escaped as in JavaScript", (key) => each(key, (code) => `\\u{${hex(code, 2)}}`)],
  ["URL-encoded in the old way", (key) => each(key, (code) => `%u${hex(code, 4)}`)],
  ["escaped as HTML, without semicolons", (key) => each(key, (code) => `&#${code}`)],
  [
    "escaped as HTML, by names",
    (key) => key.replaceAll("&", "&amp;").replaceAll("/", "&sol;").replaceAll("+", "&plus;"),
  ],
  ["escaped as HTML, then as JSON", (key) => JSON.stringify(key.replaceAll("&", "&amp;").replaceAll('"', "&quot;"))],
  ["escaped as JSON in JSON in JSON", (key) => JSON.stringify(JSON.stringify(JSON.stringify(key)))],
  ["URL-encoded, then escaped as JSON", (key) => JSON.stringify({ url: `?key=${encodeURIComponent(key)}` })],
  ["with the octal escapes of a shell", (key) => each(key, (code) => `\\${code.toString(8).padStart(3, "0")}`)],
  ["with the escapes of Python", (key) => each(key, (code) => `\\x${hex(code, 2)}`)],
  ["in base64 with escaped line breaks", (key) => bytes(key).toString("base64").replace(/.{20}/g, "$&\\n")],
  ["in base64, URL-encoded after", (key) => encodeURIComponent(bytes(`me:${key}`).toString("base64"))],
  ["in base64 of UTF-16", (key) => Buffer.from(key, "utf16le").toString("base64")],
  ["in base64 of UTF-16 behind a name", (key) => Buffer.from(`me:${key}`, "utf16le").toString("base64")],
  ["in base64 of UTF-16, big end first", (key) => Buffer.from(key, "utf16le").swap16().toString("base64")],
  ["in base64 of base64", (key) => btoa(btoa(key))],
  ["in base64 of base64 behind a name", (key) => btoa(`{"auth":"${btoa(`me:${key}`)}"}`)],
  ["in hex", (key) => bytes(key).toString("hex")],
  ["in hex with blanks", (key) => bytes(key).toString("hex").replace(/../g, "$& ")],
  [
    "in hex with colons",
    (key) =>
      bytes(key)
        .toString("hex")
        .replace(/..(?=.)/g, "$&:"),
  ],
  ["in hex as in C", (key) => [...bytes(key)].map((byte) => `0x${hex(byte, 2)}`).join(", ")],
  ["as a buffer in JSON", (key) => JSON.stringify(bytes(key))],
  ["as a buffer in JSON, in lines", (key) => JSON.stringify(bytes(key), null, 4)],
  ["as a buffer that is printed", (key) => inspect(bytes(key))],
  ["as an array of bytes that is printed", (key) => inspect(new Uint8Array(bytes(key)), { maxArrayLength: 99 })],
  ["cut", (key) => key.slice(0, 20)],
  ["but for its beginning", (key) => key.slice(8)],
];

const beginnings = new Map<string, readonly string[]>();

/** Most of each spelling, in small letters. */
function beginningsOf(secret: string): readonly string[] {
  const known = beginnings.get(secret);
  if (known) return known;
  const all = SPELLINGS.map(([, spell]) => spell(secret).toLowerCase());
  const most = all.map((spelled) => spelled.slice(0, Math.ceil(spelled.length * 0.7)));
  beginnings.set(secret, most);
  return most;
}

/** Whether any spelling of the key, or half of one, can be read in it. */
function leaks(shown: string, secret = KEY): boolean {
  let reading = shown;
  for (let layer = 0; layer < 5; layer++) {
    const lower = reading.toLowerCase();
    if (beginningsOf(secret).some((beginning) => lower.includes(beginning))) return true;
    if (!/[\\%&]/.test(reading)) return false;
    reading = reading
      .replace(/\\u([\da-f]{4})|%([\da-f]{2})|&#x([\da-f]{2});/gi, (_all, a, b, c) =>
        String.fromCharCode(Number.parseInt(a ?? b ?? c, 16)),
      )
      .replace(/\\(["\\/])/g, "$1");
  }
  return false;
}

const shown = (thing: unknown): string =>
  [inspect(thing, { depth: 12, showHidden: true, getters: true }), JSON.stringify(thing) ?? "", String(thing)].join(
    "\n",
  ) +
  (thing instanceof Error
    ? `${thing.name} ${thing.message} ${thing.stack} ${thing.cause ? shown(thing.cause) : ""}`
    : "");

const answering =
  (
    status: number,
    body: string,
    headers: Record<string, string> = { "content-type": "text/event-stream" },
  ): FetchLike =>
  async () =>
    new Response(body, { status, headers });
const json = { "content-type": "application/json" };
const sse = (...events: object[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
const typed = (...events: { type: string }[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");

/** As a header may hold it. */
const inHeader = (text: string) => text.replace(/[^\x20-\x7e]+/g, " ").trim();

/** Places of the four protocols. A place answers with the echo; the call ends well or fails. */
const PLACES: readonly (readonly [string, (echo: string) => FetchLike])[] = [
  ["an error's message", (echo) => answering(401, JSON.stringify({ error: { message: `bad key ${echo}.` } }), json)],
  [
    "an error's code and type",
    (echo) => answering(400, JSON.stringify({ error: { message: "no", code: echo, type: echo } }), json),
  ],
  ["a web page", (echo) => answering(502, `<html>${echo}</html>`, { "content-type": "text/html" })],
  ["a page at 200", (echo) => answering(200, `<html>${echo}</html>`, { "content-type": "text/html" })],
  ["the request's id", (echo) => answering(403, "{}", { ...json, "x-request-id": inHeader(echo) })],
  [
    "the status text",
    (echo) => async () => new Response("{}", { status: 400, statusText: inHeader(echo), headers: json }),
  ],
  [
    "the headers of a refusal",
    (echo) =>
      answering(429, "{}", {
        "content-type": `application/json; charset=${inHeader(echo)}`,
        "retry-after": inHeader(echo),
        "request-id": inHeader(echo),
        "x-ratelimit-remaining-requests": inHeader(echo),
        "x-ratelimit-reset-requests": inHeader(echo),
        "set-cookie": `session=${inHeader(echo)}; path=/`,
        "www-authenticate": `Bearer realm="${inHeader(echo)}"`,
        server: inHeader(echo),
      }),
  ],
  [
    "the headers of an answer that is no reply",
    (echo) => answering(200, "", { ...json, "x-request-id": inHeader(echo), "retry-after": inHeader(echo) }),
  ],
  [
    "every field of an error",
    (echo) => {
      const fields = { message: echo, type: echo, code: echo, param: echo, status: echo, event_id: echo };
      const details = [{ "@type": echo, reason: echo, metadata: { service: echo, quotaMetric: echo } }];
      const error = { ...fields, details, metadata: { raw: echo, provider_name: echo } };
      return answering(
        422,
        JSON.stringify({ type: "error", error, detail: echo, message: echo, request_id: echo }),
        json,
      );
    },
  ],
  ["an error that is a text", (echo) => answering(400, JSON.stringify({ error: echo }), json)],
  ["an error in a list", (echo) => answering(400, JSON.stringify([{ error: { message: echo, status: echo } }]), json)],
  [
    "the reasons of a validation",
    (echo) =>
      answering(422, JSON.stringify({ detail: [{ loc: ["body", echo], msg: echo, input: { key: echo } }] }), json),
  ],
  ["an error inside 200", (echo) => answering(200, JSON.stringify({ error: { message: echo, code: echo } }), json)],
  ["a bare text", (echo) => answering(503, echo, { "content-type": "text/plain" })],
  [
    "an error event, its name and its id",
    (echo) =>
      answering(
        200,
        `id: ${echo}\nevent: error\ndata: ${JSON.stringify({ type: "error", error: { message: echo, type: echo } })}\n\n`,
      ),
  ],
  ["the text of an error event", (echo) => answering(200, `event: error\ndata: ${echo.replace(/[\r\n]+/g, " ")}\n\n`)],
  ["a redirect", (echo) => answering(307, "", { location: `https://example.com/${inHeader(echo)}` })],
  ["an event that is not JSON", (echo) => answering(200, `data: {"${echo}\n\n`)],
  ["an error inside the stream", (echo) => answering(200, sse({ error: { message: echo } }))],
];

const CHAT_PLACES: typeof PLACES = [
  [
    "id, model, finish reason and tool names of a reply",
    (echo) =>
      answering(
        200,
        `${sse(
          { id: echo, model: echo, choices: [{ index: 0, delta: { content: "hi" } }] },
          {
            id: echo,
            model: echo,
            choices: [
              { index: 0, delta: { tool_calls: [{ index: 0, id: echo, function: { name: echo, arguments: "{}" } }] } },
            ],
          },
          { id: echo, model: echo, choices: [{ index: 0, delta: {}, finish_reason: echo }] },
        )}data: [DONE]\n\n`,
      ),
  ],
  [
    "the text, thinking and calls of a reply that is cut",
    (echo) =>
      answering(
        200,
        sse(
          {
            id: echo,
            model: echo,
            choices: [{ index: 0, delta: { content: `you sent ${echo}`, reasoning_content: echo } }],
          },
          {
            choices: [
              {
                index: 0,
                delta: {
                  tool_calls: [
                    {
                      index: 0,
                      id: "c",
                      function: { name: echo, arguments: JSON.stringify({ [echo]: echo }).slice(0, -1) },
                    },
                  ],
                },
              },
            ],
          },
        ),
      ),
  ],
];

const CLIENTS: readonly (readonly [string, (fetch: FetchLike) => CompatibleClient, typeof PLACES])[] = [
  [
    "Chat Completions",
    (fetch) => new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m", apiKey: KEY, retries: 0, fetch }),
    CHAT_PLACES,
  ],
  [
    "Responses",
    (fetch) =>
      new OpenAIClient({
        baseUrl: "http://127.0.0.1:9/v1",
        model: "m",
        apiKey: KEY,
        retries: 0,
        fetch,
      }) as unknown as CompatibleClient,
    [
      [
        "a reply that is cut",
        (echo) =>
          answering(
            200,
            typed(
              { type: "response.created", response: { id: echo, model: echo } } as { type: string },
              { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: `so ${echo}` } as {
                type: string;
              },
            ),
          ),
      ],
      [
        "a call's name",
        (echo) =>
          answering(
            200,
            typed(
              {
                type: "response.output_item.done",
                output_index: 0,
                item: { type: "function_call", call_id: echo, name: echo, arguments: "{}" },
              } as { type: string },
              { type: "response.completed", response: { id: echo, model: echo, status: "completed", output: [] } } as {
                type: string;
              },
            ),
          ),
      ],
    ],
  ],
  [
    "Anthropic Messages",
    (fetch) =>
      new ClaudeClient({
        baseUrl: "http://127.0.0.1:9",
        model: "claude-haiku-4-5",
        apiKey: KEY,
        retries: 0,
        fetch,
      }) as unknown as CompatibleClient,
    [
      [
        "a reply that is cut",
        (echo) =>
          answering(
            200,
            typed(
              {
                type: "message_start",
                message: { id: echo, model: echo, content: [], usage: { input_tokens: 1 } },
              } as { type: string },
              { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as { type: string },
              { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: `so ${echo}` } } as {
                type: string;
              },
            ),
          ),
      ],
    ],
  ],
  [
    "Gemini",
    (fetch) =>
      new GeminiClient({
        baseUrl: "http://127.0.0.1:9",
        model: "gemini-3-flash-preview",
        apiKey: KEY,
        retries: 0,
        fetch,
      }) as unknown as CompatibleClient,
    [
      [
        "a reply's names",
        (echo) =>
          answering(
            200,
            sse({
              responseId: echo,
              modelVersion: echo,
              candidates: [{ content: { parts: [{ functionCall: { name: echo, args: {} } }] }, finishReason: echo }],
            }),
          ),
      ],
    ],
  ],
];

describe.each(CLIENTS)("%s", (_protocol, clientOf, own) => {
  describe.each(SPELLINGS)("the key %s", (_spelling, spell) => {
    test.each([...PLACES, ...own])("in %s is in nothing that comes back", async (_place, answer) => {
      const client = clientOf(answer(spell(KEY)));
      for (const asked of [client, fallback([client])]) {
        const seen: unknown[] = [];
        try {
          const stream = await asked.sendMessageStream(HI);
          seen.push(stream.metrics);
          for await (const chunk of stream)
            if (chunk.type !== "text" && chunk.type !== "reasoning") seen.push({ ...chunk, argumentsDelta: "" });
          seen.push(await stream.finalMessage());
        } catch (error) {
          expect(error).toBeInstanceOf(SendError);
          seen.push(error);
        }
        seen.push(await asked.sendMessage(HI).catch((error: unknown) => error));
        const all = seen.map(shown).join("\n");
        expect(leaks(all), all).toBe(false);
      }
    });
  });
});

test("an error in a session, and the partial in it, hold no key", async () => {
  const [, cut] = CHAT_PLACES;
  const client = new CompatibleClient({
    baseUrl: "http://127.0.0.1:9/v1",
    model: "m",
    apiKey: KEY,
    retries: 0,
    fetch: cut?.[1](KEY),
  });
  const error = await new LLMSession({ client }).sendMessage("hi").catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SendError);
  expect((error as SendError).partial?.content).toContain("you sent [key]");
  expect(leaks(shown(error))).toBe(false);
});

test.each([
  ["a part of a cookie", { cookie: `theme=dark; session=${encodeURIComponent(KEY)}` }, encodeURIComponent(KEY)],
  ["the password of Basic credentials", { authorization: `Basic ${btoa(`me:${PASSWORD}-long`)}` }, `${PASSWORD}-long`],
  [
    "Basic credentials themselves",
    { authorization: `Basic ${btoa(`me:${PASSWORD}-long`)}` },
    btoa(`me:${PASSWORD}-long`),
  ],
  ["a parameter of a scheme", { authorization: `Token id=1, token="${"t0ken".repeat(5)}"` }, "t0ken".repeat(5)],
])("%s is a secret, too", async (_name, headers, secret) => {
  const fetch = answering(400, JSON.stringify({ error: { message: `you sent ${secret}` } }), json);
  const client = new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m", headers, retries: 0, fetch });
  const error = await client.sendMessage(HI).catch((reason: unknown) => reason);
  expect(leaks(shown(error), secret)).toBe(false);
  expect((error as SendError).message).toContain("you sent [key]");
});

test("a foreign error has its name cleaned", async () => {
  const fetch: FetchLike = async () => {
    const error = new TypeError("no");
    error.name = `Failed ${KEY}`;
    throw error;
  };
  const client = new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m", apiKey: KEY, retries: 0, fetch });
  expect(leaks(shown(await client.sendMessage(HI).catch((reason: unknown) => reason)))).toBe(false);
});

test("a key in the environment with a line break in it is named, and not shown", async () => {
  process.env.OLLAMA_API_KEY = `${KEY}\nsecond-line-of-it`;
  try {
    const client = new CompatibleClient({ preset: "ollama", model: "m", retries: 0, baseUrl: "http://127.0.0.1:9/v1" });
    const error = await client.sendMessage(HI).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: "authentication", message: expect.stringContaining("OLLAMA_API_KEY") });
    expect(leaks(shown(error))).toBe(false);
    expect(shown(error)).not.toContain("second-line");
  } finally {
    delete process.env.OLLAMA_API_KEY;
  }
});

test("words that are no secret stay readable", async () => {
  const message = "The model gpt-5.4 at /v1/chat/completions does not exist: 100% sure, \\u00e9 &amp; all.";
  const fetch = answering(404, JSON.stringify({ error: { message } }), json);
  const client = new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m", apiKey: KEY, retries: 0, fetch });
  await expect(client.sendMessage(HI)).rejects.toThrow(message);
});
