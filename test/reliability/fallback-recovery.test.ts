/** A reply that breaks continues at the next client, and no call waits for one while another is idle. */

import { type ClientWrapper, fallback, hedge, rateLimit, SendError } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { chunk, chunksClient, text } from "../support/chunks-client.ts";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../support/raw-server.ts";
import { ANTHROPIC, CHAT } from "../support/wires.ts";
import { failure, good, member, QUESTION, read } from "./fallback-members.ts";

describe("with `recover`, after the first chunk", () => {
  const broken = ({ socket }: RawRequest): void =>
    void socket.end(
      STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") +
        httpChunk(CHAT.text("The river begins hi", 0)) +
        LAST_CHUNK,
    );

  test("the next client continues, once the first has tried by itself", async () => {
    const a = await member((request, index) =>
      index === 0 ? broken(request) : void request.socket.write(response(500, "{}")),
    );
    const b = await member(good("begins high up.", ANTHROPIC), ANTHROPIC, { model: "claude-opus-4-8" });
    const { message } = await read(fallback([a.client, b.client]), { recover: "continue" });
    expect(message).toMatchObject({
      content: "The river begins high up.",
      provider: "anthropic",
      finishReason: "stop",
    });
    expect(a.server.requests.length).toBeGreaterThan(1);
    expect(message.metrics.attempts.at(-1)?.provider).toBe("anthropic");
    expect(message.metrics.attempts).toHaveLength(a.server.requests.length + 1);
    expect(message.estimatedUsage?.inputTokens).toBeGreaterThan(message.usage?.inputTokens ?? 0);
  });

  test("clients that know nothing of it are continued as well", async () => {
    const a = scriptedClient([{ text: ["The river ", "begins hi"], ending: "cut" }]);
    const b = scriptedClient([{ text: ["gh ", "up."] }]);
    const { message, chunks } = await read(fallback([a, b]), { recover: "continue" });
    expect(message.content).toBe("The river begins high up.");
    expect(chunks.some(({ type }) => type === "rewind")).toBe(false);
    expect(b.calls[0]?.messages.at(-1)).toEqual({
      role: "assistant",
      content: "The river begins hi",
      interrupted: true,
    });
  });

  test("also when the fallback itself says so", async () => {
    const a = scriptedClient([{ text: ["The river ", "begins hi"], ending: "cut" }]);
    const b = scriptedClient([{ text: ["gh ", "up."] }]);
    expect((await fallback([a, b], { recover: "continue" }).sendMessage(QUESTION)).content).toBe(
      "The river begins high up.",
    );
  });

  test("or begin again", async () => {
    const a = scriptedClient([{ text: ["One "], ending: "reset" }]);
    const b = scriptedClient([{ text: ["Two."] }]);
    const { message, chunks } = await read(fallback([a, b]), { recover: "restart" });
    expect(message.content).toBe("Two.");
    expect(chunks.map(({ type }) => type)).toEqual(["text", "rewind", "text", "final"]);
  });

  test("and without a further client it fails with everything", async () => {
    const a = scriptedClient([{ text: ["One "], ending: "cut" }]);
    const b = scriptedClient([{ text: ["two "], ending: "cut" }]);
    const error = await failure(read(fallback([a, b]), { recover: "continue" }));
    expect(error).toMatchObject({ kind: "truncated", partial: { content: "One two " } });
  });
});

describe("a reply that broke after a tool of the provider", () => {
  const brokenAfter = (name: string) => {
    const ran = [chunk("providerToolCall", { providerToolCall: { name } }), text("One ")];
    const broken = chunksClient([[...ran, new SendError("truncated", "cut")]]);
    return fallback([broken, chunksClient([[text("two.")]])]);
  };

  test.each(["web_search", "web_search_with_snippets", "google_search_web", "bash_code_execution", "view_image"])(
    "goes on: %s changes nothing",
    async (name) => {
      expect((await read(brokenAfter(name), { recover: "continue" })).message.content).toContain("two.");
    },
  );

  test.each(["send_email", "google_calendar_create_event", "google_search_console_delete_site", "view_and_pay"])(
    "does not run it again: %s may have had an effect",
    async (name) => {
      const error = await failure(read(brokenAfter(name), { recover: "continue" }));
      expect(error).toMatchObject({ kind: "truncated", partial: { content: "One " } });
    },
  );
});

test("a reply that broke fails for what broke it where no other client may be asked", async () => {
  const a = scriptedClient([{ text: "first" }, { text: "A", ending: "cut" }]);
  const b = scriptedClient([{ refusal: { status: 500 } }]);
  const client = fallback([b, a], { recover: "continue", circuit: { failureThreshold: 1 } });
  expect((await read(client)).message.content).toBe("first");
  expect(await failure(read(client))).toMatchObject({ kind: "truncated", partial: { content: "A" } });
});

describe("no call waits for a client while another is idle", () => {
  /** Refuses every request with a wait. */
  const refusing =
    (wait: string) =>
    ({ socket }: RawRequest): void =>
      void socket.write(response(429, "{}", { "retry-after": wait }));

  test.each<[string, (busy: ClientWrapper, idle: ClientWrapper) => ClientWrapper]>([
    ["in a fallback", (busy, idle) => fallback([busy, idle])],
    ["in a fallback that recovers", (busy, idle) => fallback([busy, idle], { recover: "continue" })],
    ["where the fallback is within another", (busy, idle) => fallback([fallback([busy]), idle])],
    ["where the next is within another", (busy, idle) => fallback([fallback([busy, idle])])],
    ["behind a rate limit", (busy, idle) => fallback([rateLimit(busy, { concurrency: 1 }), idle])],
    ["behind a hedge", (busy, idle) => fallback([hedge(busy, busy, { afterMs: 60_000 }), idle])],
    ["with a rate limit around", (busy, idle) => rateLimit(fallback([busy, idle]), { concurrency: 1 })],
  ])("%s", async (_name, both) => {
    const busy = await member(refusing("30"), CHAT, { retries: 2 });
    const idle = await member(good("idle"));
    const client = both(busy.client, idle.client);
    expect((await read(client)).message.content).toBe("idle");
    expect(busy.server.requests.length).toBeLessThan(3);
  });

  test("a non-streamed reply does not wait, either", async () => {
    const busy = await member(refusing("30"), CHAT, { retries: 2 });
    const idle = scriptedClient([{ text: "idle" }]);
    expect((await fallback([busy.client, idle]).sendMessage(QUESTION)).content).toBe("idle");
  });

  test("a turn that comes late in a rate limit goes to the next, and shuts no other call out", async () => {
    const busy = scriptedClient(() => ({ text: "first" }));
    const idle = scriptedClient(() => ({ text: "idle" }));
    const client = fallback([rateLimit(busy, { requestsPerMinute: 1 }), idle], { circuit: { failureThreshold: 1 } });
    expect((await client.sendMessage(QUESTION)).content).toBe("first");
    for (let call = 0; call < 3; call++) expect((await client.sendMessage(QUESTION)).content).toBe("idle");
    expect(busy.calls).toHaveLength(1);
  });

  test("a reply that broke continues elsewhere at once, where the client asks for a wait", async () => {
    const busy = await member(
      ({ socket }, index) => {
        if (index > 0) return refusing("30")({ socket } as RawRequest);
        socket.end(
          STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + httpChunk(CHAT.text("A ", 0)) + LAST_CHUNK,
        );
      },
      CHAT,
      { retries: 2 },
    );
    const idle = await member(good("B"));
    const client = fallback([busy.client, idle.client], { recover: "continue" });
    expect((await read(client)).message.content).toBe("A B");
  });

  test("a short wait is waited for, and a long one where no other may be asked", async () => {
    const busy = (wait: string) =>
      member(
        (request, index) =>
          index === 0
            ? void request.socket.write(response(429, "{}", { "retry-after-ms": wait }))
            : good("later")(request),
        CHAT,
        { retries: 2 },
      );
    const idle = await member(good("idle"));
    const short = await busy("20");
    expect((await read(fallback([short.client, idle.client]))).message.content).toBe("later");
    const refusesAll = { shouldFallBack: () => false };
    const [last, alone] = [await busy("1100"), await busy("1100")];
    const down = await member(({ socket }) => void socket.write(response(500, "{}")));
    const replies = await Promise.all([
      read(fallback([down.client, last.client])),
      read(fallback([alone.client, idle.client], refusesAll)),
    ]);
    expect(replies.map(({ message }) => message.content)).toEqual(["later", "later"]);
  });
});
