/** Broken replies that the provider goes on writing, and that are read on from where they broke. */

import type { AssistantMessage } from "cloudllm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { begin, CUT, FAULTS, HEAD, QUESTION, read, timeoutsFor, whole } from "../support/broken-replies.ts";
import { httpChunk, LAST_CHUNK, response } from "../support/raw-server.ts";
import { bodiesOf, recordingsMissing, recordingsOf } from "../support/recordings.ts";
import { useServers } from "../support/servers.ts";
import { GEMINI, type Options, RESPONSES } from "../support/wires.ts";

// Full jitter at its least: nobody waits.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

const serve = useServers();

describe("a reply that the provider continues writing", () => {
  /** Serves the events after `starting_after`; the first `breaks` connections break after two texts each. */
  async function background(breaks: number, breakOff: (typeof FAULTS)[number][2], texts: readonly string[]) {
    const server = await serve((request, index) => {
      const { head, socket } = request;
      const after = /starting_after=(\d+)/.exec(head)?.[1];
      if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
      // One event more than asked for: what was seen must be dropped.
      const from = after === undefined ? 0 : Math.max(0, Number(after) - 2);
      const upTo = index < breaks ? from + 2 : texts.length;
      const events = texts.slice(from, upTo).map((text, at) => RESPONSES.text(text, from + at));
      socket.write(HEAD + httpChunk((after === undefined ? RESPONSES.begin() : "") + events.join("")).toString("utf8"));
      if (index < breaks) return breakOff(RESPONSES, request, upTo);
      socket.write(httpChunk(RESPONSES.end(texts.length)) + LAST_CHUNK);
    });
    const client = (options: Options = {}) => RESPONSES.client(server.port, { recover: "resume", ...options });
    return { server, client };
  }

  const TEXTS = ["One ", "two ", "three ", "four ", "five."];
  const LOST = FAULTS.filter(([name]) => name !== "an error inside the stream");

  test.each(LOST)("is taken up again after %s, as often as that brings more", async (_name, kind, breakOff) => {
    for (const fetchLike of [undefined, (input: string, init: RequestInit) => fetch(input, init)]) {
      const { server, client } = await background(3, breakOff, TEXTS);
      const { message, chunks, error } = await read(
        await client({ timeouts: timeoutsFor(kind), fetch: fetchLike }).sendMessageStream(QUESTION),
      );
      expect(error).toBeUndefined();
      expect(message).toMatchObject({ content: TEXTS.join(""), finishReason: "stop", id: "resp_1" });
      // One reply, paid once.
      expect(message?.usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
      expect(message?.estimatedUsage).toBeUndefined();
      expect(chunks.filter(({ type }) => type === "text").map(({ content }) => content)).toEqual(TEXTS);
      expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ background: true, store: true, stream: true });
      expect(server.requests.slice(1).map(({ head }) => head.split("\r\n")[0])).toEqual([
        "GET /v1/responses/resp_1?stream=true&starting_after=3 HTTP/1.1",
        "GET /v1/responses/resp_1?stream=true&starting_after=4 HTTP/1.1",
        "GET /v1/responses/resp_1?stream=true&starting_after=5 HTTP/1.1",
      ]);
      expect(server.requests[1]?.head).toMatch(/authorization: Bearer sk-test/i);
      expect(message?.metrics.attempts).toHaveLength(4);
    }
  });

  test("is not asked for a second time although nothing has come of it", async () => {
    const server = await serve(({ socket, head }) => {
      if (head.startsWith("POST")) return void socket.end(HEAD + httpChunk(RESPONSES.begin()) + LAST_CHUNK);
      socket.write(HEAD + httpChunk(RESPONSES.text("Hello.", 0) + RESPONSES.end(1)) + LAST_CHUNK);
    });
    const { message } = await read(
      await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("Hello.");
    expect(server.requests.map(({ head }) => head.slice(0, 4))).toEqual(["POST", "GET "]);
  });

  test("is continued from its text when it cannot be resumed, and the old one is cancelled", async () => {
    const server = await serve((request, index) => {
      const { socket, head } = request;
      if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
      if (head.startsWith("GET")) return void socket.write(response(404, `{"error":{"message":"gone"}}`));
      if (index > 0) return whole(RESPONSES, request, ["gh up."]);
      begin(RESPONSES, request, CUT);
      socket.end(LAST_CHUNK);
    });
    const { message } = await read(
      await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("The river begins high up.");
    await vi.waitFor(() => expect(server.requests).toHaveLength(4)); // nobody waits for the cancelling
    expect(server.requests.map(({ head }) => head.split(" ").slice(0, 2).join(" ")).sort()).toEqual([
      "GET /v1/responses/resp_1?stream=true&starting_after=3",
      "POST /v1/responses",
      "POST /v1/responses",
      "POST /v1/responses/resp_1/cancel",
    ]);
  });

  test("is asked for three times in vain, then continued from its text", async () => {
    const server = await serve((request) => {
      const { socket, head, body } = request;
      if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
      if (head.startsWith("GET")) return void socket.end(HEAD + httpChunk(": nothing new\n\n") + LAST_CHUNK);
      if (body.includes("begins hi")) return whole(RESPONSES, request, ["gh up."]);
      begin(RESPONSES, request, CUT);
      socket.end(LAST_CHUNK);
    });
    const stream = await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION);
    expect((await read(stream)).message?.content).toBe("The river begins high up.");
    expect(server.requests.filter(({ head }) => head.startsWith("GET"))).toHaveLength(3);
  });

  test("is asked for again when the server is busy at first", async () => {
    const server = await serve(({ socket, head }, index) => {
      if (index === 0)
        return void socket.end(HEAD + httpChunk(RESPONSES.begin() + RESPONSES.text("Hel", 0)) + LAST_CHUNK);
      if (index === 1) return void socket.end(response(503, "{}", { "retry-after-ms": "5", connection: "close" }));
      expect(head).toContain("starting_after=2");
      socket.end(HEAD + httpChunk(RESPONSES.text("lo.", 1) + RESPONSES.end(2)) + LAST_CHUNK);
    });
    const stream = await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION);
    const { message } = await read(stream);
    expect(message?.content).toBe("Hello.");
    expect(message?.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["truncated", "overloaded", "answered"]);
  });

  test("that failed is not resumed but continued", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return whole(RESPONSES, request, ["gh up."]);
      begin(RESPONSES, request, CUT);
      request.socket.end(httpChunk(RESPONSES.error("it broke", CUT.length)) + LAST_CHUNK);
    });
    const { message } = await read(
      await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
    );
    expect(message?.content).toBe("The river begins high up.");
    expect(server.requests.map(({ head }) => head.slice(0, 4))).toEqual(["POST", "POST"]);
  });

  test.each(["stop", "abort", "break"] as const)("is cancelled on %s", async (way) => {
    let cancelled: () => void = () => undefined;
    const cancel = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const server = await serve((request) => {
      if (!request.head.includes("/cancel")) return begin(RESPONSES, request, CUT);
      expect(request.head).toMatch(/^POST \/v1\/responses\/resp_1\/cancel /);
      cancelled();
      request.socket.write(response(200, "{}"));
    });
    const abort = new AbortController();
    const client = RESPONSES.client(server.port, { recover: "resume" });
    const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
    for await (const chunk of stream) if (chunk.content === "The river ") break;
    if (way === "stop") await stream.stop();
    if (way === "abort") abort.abort();
    await cancel;
  });

  test.skipIf(recordingsMissing !== undefined)(
    "as OpenAI sent it, cut after any event, is the same reply",
    async () => {
      const [whole = [], rest = []] = [0, 1].map((part) =>
        eventsOf(`openai__openai_responses.background_mode_streaming_starting_after_vcr.${part}.sse`),
      );
      const numberOf = (event: string) => Number(/"sequence_number":(\d+)/.exec(event)?.[1] ?? 0);
      let cut = 0;
      const server = await serve(({ socket, head }) => {
        const after = /starting_after=(\d+)/.exec(head)?.[1];
        if (after === undefined) return void socket.end(HEAD + httpChunk(whole.slice(0, cut).join("")) + LAST_CHUNK);
        const later = rest.filter((event) => numberOf(event) > Number(after));
        socket.end(HEAD + httpChunk(later.join("")) + LAST_CHUNK);
      });
      const outcome = async () => {
        const { message, chunks } = await read(
          await RESPONSES.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION),
        );
        const { metrics: _metrics, ...facts } = message as AssistantMessage;
        return { facts, chunks: chunks.slice(0, -1) };
      };
      cut = whole.length;
      const expected = await outcome();
      expect(expected.facts.content).toBe("2 + 2 equals 4.");
      for (cut = 1; cut < whole.length; cut++) expect(await outcome()).toEqual(expected);
      expect(server.requests).toHaveLength(2 * whole.length - 1);
    },
  );

  test("is not asked for where the provider keeps none", async () => {
    const server = await serve((request, index) => {
      if (index > 0) return whole(GEMINI, request, ["gh up."]);
      begin(GEMINI, request, CUT);
      request.socket.end(LAST_CHUNK);
    });
    const { message } = await read(await GEMINI.client(server.port, { recover: "resume" }).sendMessageStream(QUESTION));
    expect(message?.content).toBe("The river begins high up.");
  });
});

function eventsOf(file: string): readonly string[] {
  const recording = recordingsOf("openai-responses").find((entry) => entry.file.endsWith(file));
  const [body] = recording ? bodiesOf(recording) : [];
  return (body?.toString("utf8") ?? "").split(/(?<=\n\n)/);
}
