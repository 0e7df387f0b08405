/** A provider on a wire format of its own, and a source of chunks, written with nothing but the public entry. */

import {
  type ChunkSink,
  type ChunkSource,
  clientOf,
  openStream,
  type Protocol,
  ProviderClient,
  type ProviderDefinition,
  type ReplyFacts,
  SendError,
} from "cloudllm";
import { expect, test } from "vitest";

const QUESTION = [{ role: "user", content: "?" }] as const;

const LINES: Protocol = {
  buildRequest: (messages, _options, endpoint, stream) => ({
    url: `${endpoint.baseUrl}/say`,
    body: { messages, stream },
  }),
  createDecoder: (facts) => ({
    push(event, _type, chunks) {
      const { say, done } = event as { readonly say?: string; readonly done?: boolean };
      if (say) chunks.push({ type: "text", content: say, isFinal: false });
      if (done) facts.finishReason = "stop";
      return done === true;
    },
    end() {
      throw new SendError("truncated", "The reply ended early.");
    },
  }),
  decodeComplete(body, facts, chunks) {
    chunks.push({ type: "text", content: (body as { readonly say: string }).say, isFinal: false });
    facts.finishReason = "stop";
  },
  readError: (provider, status) => new SendError("server", "It failed.", { provider, status }),
};

const DEFINITION: ProviderDefinition = {
  provider: "lines",
  protocol: LINES,
  baseUrl: "https://lines.example/v1",
  keyNames: [],
  keyOptional: true,
};

test("a provider on a wire format of its own needs nothing but exported types", async () => {
  const client = new ProviderClient(DEFINITION, {
    model: "l-1",
    fetch: async (_url, init) =>
      JSON.parse(String(init?.body)).stream
        ? new Response('data: {"say":"Hello"}\n\ndata: {"done":true}\n\n', {
            headers: { "content-type": "text/event-stream" },
          })
        : Response.json({ say: "Hello" }),
  });
  const streamed = await (await client.sendMessageStream(QUESTION)).finalMessage();
  expect(streamed).toMatchObject({ content: "Hello", finishReason: "stop", provider: "lines", model: "l-1" });
  expect((await client.sendMessage(QUESTION)).content).toBe("Hello");
});

/** Delivers one word for each pull. */
class WordSource implements ChunkSource {
  readonly facts: ReplyFacts = { provider: "words", model: "w-1", attempts: [] };
  readonly #words: string[];
  #sink: ChunkSink | undefined;

  constructor(words: readonly string[]) {
    this.#words = [...words];
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
  }

  pull(): void {
    const content = this.#words.shift();
    if (content === undefined) {
      this.facts.finishReason = "stop";
      this.#sink?.end();
      return;
    }
    this.#sink?.chunks.push({ type: "text", content, isFinal: false });
    this.#sink?.flush();
  }

  close(): void {
    this.#words.length = 0;
  }
}

test("a source of chunks becomes a client with both methods", async () => {
  const client = clientOf({ provider: "words", model: "w-1", open: () => openStream(new WordSource(["a", "b"])) });
  const texts: string[] = [];
  for await (const text of (await client.sendMessageStream(QUESTION)).text()) texts.push(text);
  expect(texts).toEqual(["a", "b"]);
  expect(await client.sendMessage(QUESTION)).toMatchObject({ content: "ab", finishReason: "stop" });
});
