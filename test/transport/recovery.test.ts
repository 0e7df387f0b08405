/** Replies that break after their first chunk, and are brought to their end: every mode, fault and wire format, over real sockets. */

import { type AssistantMessage, LLMSession, type Recovery } from "cloudllm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { begin, CUT, FAULTS, QUESTION, read, timeoutsFor, toldOptions, whole } from "../support/broken-replies.ts";
import { withLongerTimes } from "../support/longer-times.ts";
import { httpChunk, LAST_CHUNK, response } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";
import { ANTHROPIC, CHAT, GEMINI, type Options, RESPONSES, WIRES } from "../support/wires.ts";

// Full jitter at its least: nobody waits.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

const serve = useServers();

describe.each(WIRES)("$name", (wire) => {
  describe.each(FAULTS)("after %s", (_name, kind, breakOff) => {
    async function recovered(
      recover: Recovery | undefined,
      rest: readonly string[],
      options: Options & { readonly model?: string } = {},
    ) {
      const server = await serve((request, index) => {
        if (index > 0) return whole(wire, request, rest);
        begin(wire, request, CUT);
        breakOff(wire, request, CUT.length);
      });
      const client = wire.client(server.port, { recover, timeouts: timeoutsFor(kind), ...options });
      return { server, outcome: await read(await client.sendMessageStream(QUESTION)) };
    }

    test("without recovery it is an error that keeps what came", async () => {
      const { outcome, server } = await recovered(undefined, []);
      expect(outcome.error?.kind).toMatch(kind);
      expect(outcome.error?.partial?.content).toBe("The river begins hi");
      expect(server.requests).toHaveLength(1);
    });

    test.each([
      ["continues in the middle of the word", ["gh up."]],
      ["says its last words again", ["begins ", "high up."]],
      ["says everything again", ["The river begins ", "high up."]],
    ])("`continue` joins a rest that %s", async (_how, rest) => {
      const { outcome, server } = await recovered("continue", rest, toldOptions(wire));
      expect(outcome.error).toBeUndefined();
      expect(outcome.shown).toBe("The river begins high up.");
      expect(outcome.message).toMatchObject({ content: outcome.shown, finishReason: "stop" });
      expect(outcome.message?.interrupted).toBeUndefined();
      expect(outcome.chunks.filter(({ type }) => type === "rewind" || type === "final")).toHaveLength(1);
      expect(server.requests).toHaveLength(2);
      expect(server.requests[1]?.body).toContain("begins hi");
    });

    test("`restart` says what to discard, and begins again", async () => {
      const { outcome, server } = await recovered("restart", ["It begins ", "high up."]);
      expect(outcome.error).toBeUndefined();
      expect(outcome.shown).toBe("It begins high up.");
      expect(outcome.message?.content).toBe(outcome.shown);
      const rewind = outcome.chunks.findIndex(({ type }) => type === "rewind");
      expect(outcome.chunks[rewind]).toMatchObject({ length: "The river begins hi".length, isFinal: false });
      expect(outcome.chunks[rewind + 1]).toMatchObject({ content: "It begins " });
      expect(server.requests[1]?.body).not.toContain("begins hi");
    });

    test("both attempts are listed and paid for", async () => {
      const { outcome } = await recovered("continue", ["gh up."]);
      const { metrics, usage, estimatedUsage } = outcome.message as AssistantMessage;
      expect(metrics.attempts).toHaveLength(2);
      expect(metrics.attempts[0]?.outcome).toMatch(kind);
      expect(metrics.attempts[1]?.outcome).toBe("answered");
      // What was reported, and beside it an estimate of all, since nobody told what the cut attempt wrote.
      const told = wire === ANTHROPIC ? { inputTokens: 10, outputTokens: 3 } : { inputTokens: 5, outputTokens: 2 };
      expect(usage).toMatchObject(told);
      expect(estimatedUsage?.outputTokens).toBeGreaterThan(usage?.outputTokens ?? 0);
      expect(estimatedUsage?.inputTokens).toBeGreaterThan(5);
    });

    test("a non-streamed reply is recovered as well", async () => {
      const server = await serve((request, index) => {
        if (index > 0) return whole(wire, request, ["gh up."]);
        begin(wire, request, CUT);
        breakOff(wire, request, CUT.length);
      });
      const client = wire.client(server.port, { timeouts: timeoutsFor(kind) });
      const message = await client.sendMessage(QUESTION, { recover: "continue" });
      expect(message.content).toBe("The river begins high up.");
    });

    test("a tool call that was begun is begun again, and delivered once", async () => {
      const server = await serve((request, index) => {
        begin(wire, request, CUT);
        if (index === 0) {
          request.socket.write(httpChunk(wire.openCall(CUT.length)));
          return breakOff(wire, request, CUT.length + 1);
        }
        request.socket.write(httpChunk(wire.call(2) + wire.end(3)) + LAST_CHUNK);
      });
      const tools = [{ name: "look" }];
      const client = wire.client(server.port, { recover: "restart", timeouts: timeoutsFor(kind), tools });
      const { message, chunks, error } = await read(await client.sendMessageStream(QUESTION));
      expect(error).toBeUndefined();
      expect(message?.toolCalls[0]).toMatchObject({ name: "look" });
      expect(message?.unfinishedToolCalls).toBeUndefined();
      const calls = chunks.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall.id] : []));
      expect(calls).toEqual([...new Set(calls)]);
      expect(calls).toEqual(message?.toolCalls.map(({ id }) => id));
    });

    // The other formats deliver their calls with the end of the reply.
    test.runIf(wire === ANTHROPIC || wire === RESPONSES)(
      "nothing is sent again once a tool call was delivered",
      async () => {
        const server = await serve((request) => {
          begin(wire, request, CUT);
          request.socket.write(httpChunk(wire.call(CUT.length)));
          breakOff(wire, request, CUT.length + 1);
        });
        const client = wire.client(server.port, {
          recover: "restart",
          timeouts: timeoutsFor(kind),
          tools: [{ name: "look" }],
        });
        const { error } = await read(await client.sendMessageStream(QUESTION));
        expect(error?.kind).toMatch(kind);
        expect(error?.partial?.toolCalls).toHaveLength(1);
        expect(server.requests).toHaveLength(1);
      },
    );
  });

  test("a reply that breaks again and again fails, with everything that arrived", async () => {
    const server = await serve((request, index) => {
      begin(wire, request, index === 0 ? ["The river"] : [` and ${index}`]);
      request.socket.end(LAST_CHUNK);
    });
    const client = wire.client(server.port, { recover: "continue" });
    const { error, shown } = await read(await client.sendMessageStream(QUESTION));
    expect(error).toMatchObject({
      kind: "truncated",
      partial: { content: "The river and 1 and 2", interrupted: true },
    });
    expect(shown).toBe("The river and 1 and 2");
    expect(error?.attempts).toHaveLength(3);
    expect(server.requests).toHaveLength(3);
  });

  test("what cannot be begun again leaves what had been shown", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return void request.socket.write(response(401, `{"error":{"message":"no"}}`));
      begin(wire, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const client = wire.client(server.port, { recover: "restart" });
    const { error, shown, chunks } = await read(await client.sendMessageStream(QUESTION));
    expect(error).toMatchObject({ kind: "authentication", partial: { content: "The river begins hi" } });
    expect(shown).toBe("The river begins hi");
    expect(chunks.some(({ type }) => type === "rewind")).toBe(false);
    expect(error?.attempts?.map(({ outcome }) => outcome)).toEqual(["truncated", "authentication"]);
  });
});

test("a session keeps the reply as it was shown, and its complete price", async () => {
  const server = await serve((request, index) => {
    if (index > 0) return whole(CHAT, request, ["It begins ", "high up."]);
    begin(CHAT, request, CUT);
    request.socket.end(LAST_CHUNK);
  });
  const session = new LLMSession({ client: CHAT.client(server.port) });
  const { shown } = await read(await session.sendMessageStream("Tell me of the river.", { recover: "restart" }));
  expect(session.history.map(({ content }) => content)).toEqual(["Tell me of the river.", shown]);
  expect(session.history[1]).not.toHaveProperty("interrupted");
  expect(session.tokenUsage().totalTokens).toBeGreaterThanOrEqual(7);
});

test("what was cut is continued by hand as well, by any client", async () => {
  const server = await serve((request, index) => {
    if (index > 0) return whole(GEMINI, request, ["begins high up."]);
    begin(GEMINI, request, CUT);
    request.socket.end(LAST_CHUNK);
  });
  const client = GEMINI.client(server.port);
  const { error } = await read(await client.sendMessageStream(QUESTION));
  if (!error?.partial) throw new Error("nothing was kept");
  const rest = await client.sendMessage([...QUESTION, JSON.parse(JSON.stringify(error.partial)) as AssistantMessage], {
    recover: "restart",
  });
  expect(rest.content).toBe("begins high up.");
  expect(server.requests[1]?.body).toContain("Begin by repeating exactly these last words");
});

describe("while a reply is being recovered", () => {
  /** The second request is never answered. */
  async function waiting(options: Options = {}) {
    let arrived: () => void = () => undefined;
    const second = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await serve((request, index) => {
      if (index > 0) return arrived();
      begin(CHAT, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const client = CHAT.client(server.port, { recover: "continue", ...options });
    return { server, client, second };
  }

  test("the caller's signal closes the socket, and what came is kept", async () => {
    const { server, client, second } = await waiting();
    const abort = new AbortController();
    const reason = new Error("enough");
    const reading = read(await client.sendMessageStream(QUESTION, { signal: abort.signal }));
    await second;
    abort.abort(reason);
    const { error } = await reading;
    expect(error).toMatchObject({ kind: "aborted", cause: reason, partial: { content: "The river begins hi" } });
    await server.requests[1]?.closed;
  });

  test("stop() closes the socket and is a normal end", async () => {
    const { server, client, second } = await waiting();
    const stream = await client.sendMessageStream(QUESTION);
    const reading = read(stream);
    await second;
    const message = await stream.stop();
    expect(message).toMatchObject({ content: "The river begins hi", finishReason: "stopped", interrupted: true });
    expect((await reading).message).toEqual(message);
    await server.requests[1]?.closed;
  });

  test("the total limit runs on", () =>
    withLongerTimes(async (times) => {
      const { client } = await waiting({ timeouts: { total: 700 * times } });
      const started = performance.now();
      const { error } = await read(await client.sendMessageStream(QUESTION));
      expect(error?.partial?.content).toBe("The river begins hi");
      expect(error?.kind).toMatch(/timeout|truncated/); // the wait before the next request may be longer than what is left
      expect(performance.now() - started).toBeLessThan(1_500 * times);
    }));
});
