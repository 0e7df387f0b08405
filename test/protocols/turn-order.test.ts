/** Orders of turns that one vendor refuses go out as it takes them, with every word, and stay as they are for all others. */

import { CompatibleClient, type Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { CLIENT_NAMES, type ClientName, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const user = (content: string): Message => ({ role: "user", content });
const system = (content: string): Message => ({ role: "system", content });
const words = (content: string): Message => ({ role: "assistant", content });
const looks: Message = { role: "assistant", content: "", toolCalls: [{ id: "abcdefghi", name: "w", arguments: {} }] };
const seen: Message = { role: "tool", toolCallId: "abcdefghi", content: "sun" };

interface Sent {
  readonly role: string;
  readonly content: unknown;
}

async function sentTo(client: ClientName, model: string, messages: readonly Message[]): Promise<readonly Sent[]> {
  return (await recorder.sent(client, model, messages, { maxOutputTokens: 99 })).body.messages as Sent[];
}

const rolesOf = (messages: readonly Sent[]) => messages.map(({ role }) => role).join(" ");

test("Mistral hears the model between results and the user, and the others do not", async () => {
  const history = [user("one"), looks, seen, user("two")];
  expect(rolesOf(await sentTo("mistral", "mistral-medium-latest", history))).toBe("user assistant tool assistant user");
  for (const other of ["openai chat", "groq", "deepseek", "compatible"] as const)
    expect(rolesOf(await sentTo(other, "m", history))).toBe("user assistant tool user");
});

test.each<[string, ClientName, string]>([
  ["behind a local server", "compatible", "mistralai/Mistral-Small-4-119B"],
  ["as Devstral", "ollama", "devstral-small-2"],
  ["behind a router", "openrouter", "mistralai/mistral-small"],
])("so does a model of Mistral's %s", async (_where, client, model) => {
  const roles = rolesOf(await sentTo(client, model, [user("one"), looks, seen, user("two")]));
  expect(roles).toBe("user assistant tool assistant user");
});

test.each<[string, ClientName, string]>([
  ["Mistral", "mistral", "mistral-medium-latest"],
  ["a local template", "compatible", "m"],
  ["Ollama", "ollama", "qwen3.5"],
])("%s gets one turn of the system, at the beginning", async (_who, client, model) => {
  const sent = await sentTo(client, model, [
    system("A"),
    system("B"),
    user("one"),
    words("ok"),
    system("C"),
    user("two"),
  ]);
  expect(sent[0]).toEqual({ role: "system", content: "A\n\nB\n\nC" });
  expect(rolesOf(sent)).toBe("system user assistant user");
});

test("where a later turn of the system is taken, it stays where it is", async () => {
  const history = [system("A"), user("one"), words("ok"), system("C"), user("two")];
  for (const client of ["openai chat", "groq", "grok chat"] as const)
    expect(rolesOf(await sentTo(client, "m", history))).toBe("system user assistant system user");
});

describe.each<[string, ClientName, string]>([
  ["Gemma", "ollama", "gemma3:4b"],
  ["Gemma under its full name", "compatible", "google/gemma-3-27b-it"],
  ["Gemma behind a router", "openrouter", "google/gemma-3-27b-it"],
  ["Perplexity behind a router", "openrouter", "perplexity/sonar"],
  ["an old Mistral", "llamacpp", "mistral-7b-instruct-v0.2"],
])("%s takes turns", (_who, client, model) => {
  test("two of the user's are one", async () => {
    const sent = await sentTo(client, model, [user("one"), user("two"), words("ok"), words("so"), user("three")]);
    expect(sent).toEqual([
      { role: "user", content: "one\n\ntwo" },
      { role: "assistant", content: "ok\n\nso" },
      { role: "user", content: "three" },
    ]);
  });

  test("a greeting comes after a word of the user's", async () => {
    const sent = await sentTo(client, model, [system("S"), words("Welcome."), user("one")]);
    expect(rolesOf(sent)).toBe("system user assistant user");
    expect(sent.map(({ content }) => content)).toEqual(expect.arrayContaining(["S", "Welcome.", "one"]));
  });

  test("text and pictures are one turn in parts", async () => {
    const picture = { type: "image", data: "AAAA", mediaType: "image/png" } as const;
    const [sent] = await sentTo(client, model, [user("one"), { role: "user", content: [picture] }]);
    expect(sent?.content).toMatchObject([{ type: "text", text: "one" }, { type: "image_url" }]);
  });
});

test("the first Gemmas hear the system from the user", async () => {
  expect(await sentTo("ollama", "gemma2:9b", [system("S"), user("one")])).toEqual([
    { role: "user", content: "S\n\none" },
  ]);
});

test("vendors are known by their address without a preset", async () => {
  const orders: string[] = [];
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    const body = JSON.parse(String(init?.body)) as { messages: Sent[]; stream_options?: unknown };
    orders.push(`${rolesOf(body.messages)}${body.stream_options ? " usage" : ""}`);
    return new Response("{}", { status: 400 });
  };
  for (const baseUrl of ["https://api.mistral.ai/v1", "https://api.perplexity.ai"]) {
    const client = new CompatibleClient({ baseUrl, model: "m", fetch });
    await client.sendMessageStream([user("one"), looks, seen, user("two"), user("three")]).catch(() => undefined);
  }
  // Perplexity reports usage with each chunk, without being asked.
  expect(orders).toEqual(["user assistant tool assistant user user", "user assistant tool user"]);
});

describe("a conversation that begins with the model's words", () => {
  test.each(CLIENT_NAMES.map((name) => [name] as const))("%s is sent all of them", async (client) => {
    const model = client === "gemini" ? "gemini-3.5-flash" : "claude-sonnet-4-5";
    const { body } = await recorder.sent(client, model, [words("Welcome."), user("one")], { maxOutputTokens: 99 });
    expect(JSON.stringify(body)).toContain("Welcome.");
  });

  test.each<[ClientName, string, "messages" | "contents"]>([
    ["claude", "claude-sonnet-4-5", "messages"],
    ["gemini", "gemini-3.5-flash", "contents"],
  ])("%s hears the user first", async (client, model, list) => {
    const { body } = await recorder.sent(client, model, [words("Welcome."), user("one")]);
    expect(rolesOf(body[list] as Sent[])).toMatch(/^user (assistant|model) user$/);
  });
});

test("Google's first Gemmas have no place for the system", async () => {
  const { body } = await recorder.sent("gemini", "gemma-3-27b-it", [system("S"), user("one")]);
  expect(body).not.toHaveProperty("systemInstruction");
  expect(body.contents).toEqual([{ role: "user", parts: [{ text: "S" }, { text: "one" }] }]);
});
