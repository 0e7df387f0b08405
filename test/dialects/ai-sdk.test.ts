/** `useChat` of the AI SDK: a reply as each supported version shows it. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { aiSdk, aiSdkWith, memoryLog, type RelayOptions } from "cloudllm/server";
import { describe, expect, test } from "vitest";
import type { Tool } from "../../src/index.ts";
import { Gate, type ReplyScript } from "../../src/testing/index.ts";
import { aiSdkVersions, type PageView, partsOf, textOf, until, untilText, useAiSdk } from "../support/ai-sdk.ts";
import { type ChunksReply, chunk, chunksClient, text } from "../support/chunks-client.ts";
import { relaySite } from "../support/relay-site.ts";

type Options = Omit<RelayOptions, "client">;

const OPEN: Options = {
  authorize: "public",
  dialect: aiSdk,
  expose: { reasoning: true, providerTools: true },
  onError: () => undefined,
};

const weather: Tool = {
  name: "weather",
  run: ({ city }: { readonly city: string }) => {
    if (city === "Nowhere") throw new Error("secret of the server");
    return { city, degrees: 3 };
  },
} as Tool;

describe.each(aiSdkVersions)("ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  /** What a page shows after one question. */
  async function asked(scripts: readonly ReplyScript[], options: Partial<Options> = {}): Promise<PageView> {
    await using site = await relaySite(scripts, { ...OPEN, log: memoryLog(), ...options });
    const page = await open({ url: site.url });
    return await page.call("sendMessage", { text: "Hi" }); // before the relay ends
  }

  /** The same for a reply of given chunks. */
  async function shown(reply: ChunksReply, options: Partial<Options> = {}): Promise<PageView> {
    return asked([], { ...options, client: chunksClient([reply]) } as Partial<Options>);
  }

  scene("a question gets its reply, with the thinking before it", async () => {
    const { error, status, messages, finishes } = await asked([
      { steps: [{ reasoning: "Hm. " }, { reasoning: "Yes." }, { text: "Hello " }, { text: "Ada" }] },
    ]);
    expect({ error, status }).toEqual({ error: undefined, status: "ready" });
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(partsOf(messages[1])).toEqual(["step-start", "reasoning:done", "text:done"]);
    expect(textOf(messages[1])).toBe("Hello Ada");
    expect(finishes).toMatchObject([{ isAbort: false, isError: false }]);
  });

  scene("tools of the server run: each answer begins a step, and a failure is masked", async () => {
    const call = (city: string) => ({ toolCall: { name: "weather", id: `call_${city}`, arguments: { city } } });
    const { error, messages } = await asked(
      [{ steps: [{ text: "I look." }, call("Oslo"), call("Nowhere")] }, { text: "It is cold." }],
      { tools: [weather] },
    );
    expect(error).toBeUndefined();
    const [, reply] = messages;
    expect(partsOf(reply)).toEqual([
      "step-start",
      "text:done",
      "tool-weather:output-available",
      "tool-weather:output-error",
      "step-start",
      "text:done",
    ]);
    expect(reply?.parts[2]).toMatchObject({ input: { city: "Oslo" }, output: { city: "Oslo", degrees: 3 } });
    expect(reply?.parts[3]).toMatchObject({ errorText: "The tool failed." });
    expect(JSON.stringify(messages)).not.toContain("secret");
  });

  scene("results that the relay hides leave no call that seems to run", async () => {
    const { error, messages } = await asked(
      [{ steps: [{ toolCall: { name: "weather", arguments: { city: "Oslo" } } }] }, { text: "It is cold." }],
      { tools: [weather], expose: { toolResults: false } },
    );
    expect(error).toBeUndefined();
    expect(partsOf(messages[1])).toContain("tool-weather:output-available");
    expect(messages[1]?.parts[1]).toMatchObject({ output: null });
  });

  scene("a tool that the provider ran, sources and pictures are shown once each", async () => {
    const { error, messages } = await shown([
      chunk("providerToolCall", { providerToolCall: { id: "s1", name: "web_search", arguments: { q: "Oslo" } } }),
      chunk("providerToolCall", { providerToolCall: { name: "code", result: "broken", isError: true } }),
      text("Cold."),
      chunk("citation", { url: "https://a.example/", title: "A", citedText: "cold", startIndex: 0, endIndex: 4 }),
      chunk("citation", { url: "https://a.example/", startIndex: 4, endIndex: 5 }),
      chunk("citation", { url: "https://b.example/" }),
      chunk("media", { index: 0, data: "aGk=", mediaType: "image/png" }),
    ]);
    expect(error).toBeUndefined();
    const parts = messages[1]?.parts ?? [];
    expect(partsOf(messages[1])).toEqual([
      "step-start",
      "dynamic-tool:output-available",
      "dynamic-tool:output-error",
      "text:done",
      "source-url",
      "source-url",
      "file",
    ]);
    expect(parts[1]).toMatchObject({ toolName: "web_search", input: { q: "Oslo" }, providerExecuted: true });
    expect(parts.filter(({ type }) => type === "source-url").map(({ url, title }) => [url, title])).toEqual([
      ["https://a.example/", "A"],
      ["https://b.example/", undefined],
    ]);
    expect(parts.at(-1)).toMatchObject({ url: "data:image/png;base64,aGk=", mediaType: "image/png" });
  });

  scene("a sound that came in pieces is one file", async () => {
    const pieces = ["aGVs", "bG8h"];
    const { messages } = await asked([{ steps: [{ media: { mediaType: "audio/wav", pieces } }] }]);
    expect(messages[1]?.parts.filter(({ type }) => type === "file")).toMatchObject([
      { url: "data:audio/wav;base64,aGVsbG8h", mediaType: "audio/wav" },
    ]);
  });

  scene("keys that reach a prototype do not break the page", async () => {
    const odd = JSON.parse(
      '{"__proto__":{"a":1},"constructor":{"prototype":{}},"fine":[{"__proto__":1,"b":2}]}',
    ) as object;
    const tool: Tool = { name: "odd", run: () => JSON.stringify(odd) };
    const { error, messages } = await asked(
      [{ steps: [{ toolCall: { name: "odd", arguments: odd } }] }, { text: "Done" }],
      {
        tools: [tool],
      },
    );
    expect(error).toBeUndefined();
    expect(messages[1]?.parts[1]).toMatchObject({ input: { fine: [{ b: 2 }] }, output: { fine: [{ b: 2 }] } });
  });

  scene.each([
    ["stop", "stop"],
    ["length", "length"],
    ["contentFilter", "content-filter"],
    ["refusal", "content-filter"],
    ["unknown", "other"],
  ] as const)("a reply that ended with %s is complete", async (finishReason, sent) => {
    const { error, status, finishes } = await asked([{ text: "Hello", ending: { finishReason } }]);
    expect({ error, status }).toEqual({ error: undefined, status: "ready" });
    if (version.version !== "5.0.95") expect(finishes).toMatchObject([{ finishReason: sent }]);
  });

  scene("metadata are there where the application wants them, and only there", async () => {
    const ending = { usage: { inputTokens: 3, outputTokens: 2 } };
    const plain = await asked([{ text: "Hello", ending }]);
    expect(plain.messages[1]?.metadata).toBeUndefined();
    const dialect = aiSdkWith({ metadata: ({ usage, model }) => ({ tokens: usage?.totalTokens, model }) });
    const rich = await asked([{ text: "Hello", ending }], { dialect });
    expect(rich.messages[1]?.metadata).toEqual({ tokens: 5, model: "script" });
    const without = await asked([{ text: "Hello" }], { dialect: aiSdkWith({ finishReason: false }) });
    expect([without.status, without.finishes[0]?.finishReason]).toEqual(["ready", undefined]);
  });

  scene("a failure before the reply shows one sentence of the relay, and no word of the provider", async () => {
    const { status, error, messages } = await asked([{ refusal: { status: 500, message: "key sk-123 at host x" } }]);
    expect({ status, error }).toEqual({ status: "error", error: "The reply failed on the server." });
    expect(messages).toHaveLength(1);
  });

  scene.each([
    ["a failure of the provider", { error: { message: "key sk-123" } }, "The reply failed on the server."],
    ["a body that just ended", "cut", "The reply ended before it was complete."],
    ["a broken connection", "reset", "The connection to the model failed."],
  ] as const)("%s inside the reply is an error that keeps the text", async (_name, ending, sentence) => {
    const { status, error, messages, finishes } = await asked([{ text: ["Hel", "lo"], ending }]);
    expect({ status, error }).toEqual({ status: "error", error: sentence });
    expect(partsOf(messages[1])).toEqual(["step-start", "text:done"]);
    expect(textOf(messages[1])).toBe("Hello");
    expect(finishes).toMatchObject([{ isError: true }]);
  });

  scene("a call that was cut off does not seem to run on", async () => {
    const { status, messages } = await asked([
      { steps: [{ text: "I look." }, { toolCall: { name: "weather", fragments: ['{"ci'] } }], ending: "cut" },
    ]);
    expect(status).toBe("error");
    expect(partsOf(messages[1])).toEqual(["step-start", "text:done", "tool-weather:output-error"]);
  });

  scene("a reply that begins again in other words is an error, and never two texts in one", async () => {
    const waits = new Gate();
    await using site = await relaySite([], {
      ...OPEN,
      log: memoryLog(),
      client: chunksClient([
        [text("Hello "), text("wor"), waits, chunk("rewind", { length: 3, reasoningLength: 0 }), text("Ada")],
      ]),
    });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    await untilText(page, "Hello wor");
    waits.open();
    const { error, messages } = await until(page, ({ status }) => status === "error");
    expect(error).toContain("Load the page again");
    expect(textOf(messages[1])).toBe("Hello wor");
    const again = await open({ url: site.url, id: page.id, messages: messages.slice(0, 1) });
    expect(textOf((await again.call("resumeStream")).messages[1])).toBe("Hello Ada");
  });

  test.skipIf(version.missing !== undefined || version.packageName !== "ai")(
    "version 7 replaces the text of a reply that begins again",
    async () => {
      const waits = new Gate();
      await using site = await relaySite([], {
        ...OPEN,
        dialect: aiSdkWith({ resetStep: true }),
        client: chunksClient([
          [
            chunk("reasoning", { reasoning: "Hm." }),
            text("Hello "),
            chunk("citation", { url: "https://a.example/" }),
            text("wor"),
            waits,
            chunk("rewind", { length: 3, reasoningLength: 1 }),
            text("Ada"),
          ],
        ]),
      });
      const page = await open({ url: site.url });
      await page.begin("sendMessage", { text: "Hi" });
      await untilText(page, "Hello wor");
      waits.open();
      const { messages } = await until(page, ({ status }) => status === "ready");
      expect(textOf(messages[1])).toBe("Hello Ada");
      expect(messages[1]?.parts.find(({ type }) => type === "reasoning")).toMatchObject({ text: "Hm" });
      expect(partsOf(messages[1])).toContain("source-url");
    },
  );

  scene("a page that closes the connection in the middle is not the end of a reply that has a log", async () => {
    const waits = new Gate();
    await using site = await relaySite([{ steps: [{ text: "Hello " }, { pause: waits }, { text: "Ada" }] }], {
      ...OPEN,
      log: memoryLog(),
    });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    await untilText(page, "Hello ");
    const stopped = await page.call("stop");
    expect(stopped.status).toBe("ready");
    waits.open();
    const other = await open({ url: site.url, id: page.id, messages: stopped.messages.slice(0, 1) });
    expect(textOf((await other.call("resumeStream")).messages[1])).toBe("Hello Ada");
  });

  scene("a stop that reaches the server ends the reply for each page, complete as far as it came", async () => {
    await using site = await relaySite([{ steps: [{ text: "Hello " }, { pause: new Gate() }, { text: "Ada" }] }], {
      ...OPEN,
      log: memoryLog(),
      dialect: aiSdkWith({ metadata: ({ finishReason }) => ({ finishReason }) }),
    });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    await untilText(page, "Hello ");
    const response = await fetch(`${site.url}/${page.id}/stop`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ activeStreamId: null, assistantMessage: { role: "assistant", parts: [] } }),
    });
    expect(await response.json()).toEqual({ success: true });
    const { messages } = await until(page, ({ status }) => status === "ready");
    expect([partsOf(messages[1]), textOf(messages[1])]).toEqual([["step-start", "text:done"], "Hello "]);
    expect(messages[1]?.metadata).toEqual({ finishReason: "stopped" });
  });

  scene("a next question takes the place of a reply whose stop never came", async () => {
    const scripts: ReplyScript[] = [{ steps: [{ text: "One" }, { pause: new Gate() }] }, { text: "Two" }];
    await using site = await relaySite(scripts, { ...OPEN, log: memoryLog() });
    const page = await open({ url: site.url });
    await page.begin("sendMessage", { text: "Hi" });
    await untilText(page, "One");
    await page.call("stop");
    const { status, messages } = await page.call("sendMessage", { text: "Again" });
    expect([status, textOf(messages.at(-1))]).toEqual(["ready", "Two"]);
  });

  scene(
    "a server that is not a relay shows what the tests can see: a stream that just ends looks complete",
    async () => {
      const server = createServer((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end('data: {"type":"text-start","id":"1"}\n\ndata: {"type":"text-delta","id":"1","delta":"Hel"}\n\n');
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const page = await open({ url: `http://127.0.0.1:${port}/` });
      const { status, error } = await page.call("sendMessage", { text: "Hi" });
      expect({ status, error }).toEqual({ status: "ready", error: undefined });
      server.close();
    },
  );
});
