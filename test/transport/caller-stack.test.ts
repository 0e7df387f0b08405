/** An error of a call says which line of the program made it: a stack of the runtime's own frames is no help to anybody. */

import { fallback, hedge, LLMSession, type MessageStream, OpenAIClient, rateLimit } from "cloudllm";
import { describe, expect, test } from "vitest";

const QUESTION = [{ role: "user", content: "?" }] as const;

type Answer = (init: RequestInit) => Promise<Response>;

const REFUSED: Answer = async () => Response.json({ error: { message: "no" } }, { status: 400 });
const BROKEN: Answer = async () => new Response(eventsThenFailure());
const UNREACHABLE: Answer = async () => {
  throw new TypeError("fetch failed");
};
/** Answers when the call is long under way, so that its error comes from a callback. */
const late =
  (answer: Answer): Answer =>
  async (init) => {
    await new Promise((resolve) => setImmediate(resolve));
    return answer(init);
  };

function eventsThenFailure(): ReadableStream<Uint8Array> {
  const event = { choices: [{ index: 0, delta: { content: "hello" } }] };
  const pieces = [`data: ${JSON.stringify(event)}\n\n`];
  return new ReadableStream({
    async pull(controller) {
      const piece = pieces.shift();
      await new Promise((resolve) => setImmediate(resolve));
      if (piece === undefined) controller.error(new Error("socket hang up"));
      else controller.enqueue(new TextEncoder().encode(piece));
    },
  });
}

const NEVER: Answer = () => new Promise(() => undefined);

const clientOf = (answer: Answer) =>
  new OpenAIClient({
    api: "chat",
    model: "m",
    apiKey: "k-123456789",
    retries: 0,
    timeouts: { headers: 30 },
    fetch: (_url, init) => answer(init),
  });

type Client = ReturnType<typeof clientOf>;

const ways: readonly (readonly [string, (client: Client) => Promise<unknown>])[] = [
  ["sendMessage", async (client) => await client.sendMessage(QUESTION)],
  ["a for await loop", async (client) => await loop(await client.sendMessageStream(QUESTION))],
  ["finalMessage()", async (client) => await (await client.sendMessageStream(QUESTION)).finalMessage()],
  ["text()", async (client) => await all((await client.sendMessageStream(QUESTION)).text())],
  ["batches()", async (client) => await all((await client.sendMessageStream(QUESTION)).batches())],
  ["partialObject()", async (client) => await all((await client.sendMessageStream(QUESTION)).partialObject())],
  ["recover", async (client) => await loop(await client.sendMessageStream(QUESTION, { recover: "continue" }))],
  ["sendMessage with recover", async (client) => await client.sendMessage(QUESTION, { recover: "continue" })],
  ["sendMessage of a fallback", async (client) => await fallback([client]).sendMessage(QUESTION)],
  ["a fallback's stream", async (client) => await loop(await fallback([client]).sendMessageStream(QUESTION))],
  ["hedge", async (client) => await loop(await hedge(client, client, { afterMs: 60_000 }).sendMessageStream(QUESTION))],
  ["rateLimit", async (client) => await loop(await rateLimit(client, { concurrency: 1 }).sendMessageStream(QUESTION))],
  ["a session's sendMessage", async (client) => await new LLMSession({ client }).sendMessage("?")],
  ["a session's stream", async (client) => await loop(await new LLMSession({ client }).sendMessageStream("?"))],
];

async function loop(stream: MessageStream): Promise<void> {
  for await (const _chunk of stream);
}

async function all(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _one of iterable);
}

describe.each([
  ["is refused", REFUSED],
  ["is refused later", late(REFUSED)],
  ["cannot be sent", late(UNREACHABLE)],
  ["is never answered", NEVER],
  ["breaks", BROKEN],
])("an error of a call that %s", (_name, answer) => {
  test.each(ways)("shows the line that called: %s", async (_way, call) => {
    async function programOfTheCaller(): Promise<void> {
      await call(clientOf(answer));
    }
    const error = await programOfTheCaller().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "SendError" });
    expect((error as Error).stack).toContain("programOfTheCaller");
    expect((error as Error).stack).toMatch(/^SendError: /);
  });
});
