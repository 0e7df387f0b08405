import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { type ProviderServer, type Recording, type ReplyScript, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

interface Seen {
  status?: number | undefined;
  headers: IncomingHttpHeaders;
  /** As they arrived, a character for each byte. */
  packets: string[];
  text: string;
  /** How the body ended: `end`, or an error's code. */
  ended: string;
}

/** What a plain client sees of a response. */
async function exchange(
  server: ProviderServer,
  body: unknown = { stream: true },
  path = "/v1/chat/completions",
): Promise<Seen> {
  const request = httpRequest(`${server.origin}${path}`, { method: "POST" });
  request.on("error", () => undefined); // a reset is told to the response as well
  const seen: Seen = { headers: {}, packets: [], text: "", ended: "end" };
  try {
    request.end(JSON.stringify(body));
    const [response] = (await once(request, "response")) as [IncomingMessage];
    seen.status = response.statusCode;
    seen.headers = response.headers;
    for await (const packet of response) seen.packets.push((packet as Buffer).toString("latin1"));
  } catch (error) {
    seen.ended = String((error as { code?: unknown }).code);
  }
  request.destroy();
  seen.text = Buffer.from(seen.packets.join(""), "latin1").toString();
  return seen;
}

/** The JSON of each event. */
function eventsOf(text: string): unknown[] {
  return text
    .split("\n\n")
    .filter((event) => event !== "" && event !== "data: [DONE]")
    .map((event) => JSON.parse(event.replace("data: ", "")));
}

describe("a recording is sent byte for byte", () => {
  const body = 'data: {"a":"ü"}\n\ndata: [DONE]\n\n';
  const bytes = Buffer.from(body).toString("latin1");

  test.each<[string, Partial<Recording>, readonly string[]]>([
    ["at once", {}, [bytes]],
    [
      "cut every ten bytes",
      { cuts: 10 },
      [bytes.slice(0, 10), bytes.slice(10, 20), bytes.slice(20, 30), bytes.slice(30)],
    ],
    ["cut inside a character", { cuts: [13] }, [bytes.slice(0, 13), bytes.slice(13)]],
    [
      "cut where a function says",
      { cuts: (all) => [all.indexOf(10), 0, 9_999] },
      [bytes.slice(0, 16), bytes.slice(16)],
    ],
    ["byte by byte", { cuts: 1 }, [...bytes]],
    ["with pauses", { cuts: [5], pace: 5 }, [bytes.slice(0, 5), bytes.slice(5)]],
    ["in packets of the test's own", { body: ["data: x", "\n\n"], pace: "tick" }, ["data: x", "\n\n"]],
    ["without a frame", { framing: "close", cuts: [5] }, [bytes.slice(0, 5), bytes.slice(5)]],
    ["with its length", { framing: "length" }, [bytes]],
  ])("%s", async (_how, recording, packets) => {
    await using server = await startProviderServer([{ body, ...recording }]);
    const reply = await exchange(server);
    expect(reply).toMatchObject({ status: 200, ended: "end", packets });
    expect(reply.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(reply.headers["transfer-encoding"]).toBe(
      (recording.framing ?? "chunked") === "chunked" ? "chunked" : undefined,
    );
    expect(reply.headers["content-length"]).toBe(recording.framing === "length" ? String(bytes.length) : undefined);
  });

  test("with its status and headers, and a type found out from the body", async () => {
    await using server = await startProviderServer([
      { status: 429, headers: { "retry-after": "2" }, body: '{"error":{"message":"Slow down."}}' },
      { status: 502, body: "<html>Bad gateway</html>" },
    ]);
    const refusal = await exchange(server, {}, "/anything");
    expect(refusal).toMatchObject({ status: 429, text: '{"error":{"message":"Slow down."}}' });
    expect(refusal.headers).toMatchObject({ "retry-after": "2", "content-type": "application/json" });
    expect((await exchange(server)).headers["content-type"]).toBe("text/html");
  });

  test("with a status line and headers of its own", async () => {
    const raw = "HTTP/1.1 200 Fine\r\nx-note: dripping\r\nconnection: close\r\n\r\nHello";
    await using server = await startProviderServer([{ raw: true, body: raw, cuts: [5, 20, 50] }]);
    const reply = await exchange(server);
    expect(reply).toMatchObject({ status: 200, text: "Hello", headers: { "x-note": "dripping" }, ended: "end" });
  });

  test.each([
    ["breaks off with a reset", "reset", "ECONNRESET"],
    ["loses its connection", "disconnect", "ECONNRESET"],
  ] as const)("and %s, after the client has read what was sent", async (_how, ending, code) => {
    await using server = await startProviderServer([{ body, cuts: [5], ending }]);
    expect(await exchange(server)).toMatchObject({ text: body, ended: code });
  });

  test("and then nothing more, with the connection open", async () => {
    await using server = await startProviderServer([{ body, ending: "hang" }]);
    const request = httpRequest(server.origin, { method: "POST" }).end();
    const [response] = await once(request, "response");
    await once(response, "data");
    expect(server.connections).toEqual({ opened: 1, open: 1 });
    request.destroy();
    await server.requests[0]?.closed;
    expect(server.connections).toEqual({ opened: 1, open: 0 });
  });
});

describe("a script is written as Chat Completions", () => {
  const script: ReplyScript = {
    steps: [
      { reasoning: "Hm." },
      { text: ["See ", "🌍"] },
      { citation: { url: "https://example.org", title: "Example", startIndex: 4, endIndex: 6 } },
      { toolCall: { name: "look", fragments: ['{"at":', "1}"] } },
    ],
    ending: { usage: { inputTokens: 5, outputTokens: 7, cachedInputTokens: 2, reasoningTokens: 1 } },
  };
  const usage = {
    prompt_tokens: 5,
    completion_tokens: 7,
    total_tokens: 12,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 1 },
  };
  const annotations = [
    {
      type: "url_citation",
      url_citation: { url: "https://example.org", title: "Example", start_index: 4, end_index: 5 },
    },
  ];

  test("streamed, with usage when it is asked for", async () => {
    await using server = await startProviderServer([script]);
    const reply = await exchange(server, { model: "m", stream: true, stream_options: { include_usage: true } });
    const choice = (delta: object, finish_reason: string | null = null) => ({
      model: "m",
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, finish_reason }],
    });
    expect(eventsOf(reply.text)).toMatchObject([
      choice({ role: "assistant", content: "" }),
      choice({ reasoning_content: "Hm." }),
      choice({ content: "See " }),
      choice({ content: "🌍" }),
      choice({ annotations }),
      choice({
        tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "look", arguments: '{"at":' } }],
      }),
      choice({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] }),
      choice({}, "tool_calls"),
      { choices: [], usage },
    ]);
    expect(reply.text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("non-streamed", async () => {
    await using server = await startProviderServer([script]);
    const reply = await exchange(server, { model: "m" });
    expect(reply.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(reply.text)).toMatchObject({
      object: "chat.completion",
      choices: [
        {
          message: {
            role: "assistant",
            content: "See 🌍",
            reasoning_content: "Hm.",
            annotations,
            tool_calls: [{ id: "call_1", type: "function", function: { name: "look", arguments: '{"at":1}' } }],
          },
          finish_reason: "tool_calls",
        },
      ],
      usage,
    });
  });

  test("with the usage of a server that sends it unasked", async () => {
    const replies: ReplyScript[] = [{ text: "a", ending: { usage: { inputTokens: 1, outputTokens: 1 } } }];
    await using silent = await startProviderServer(replies);
    await using talkative = await startProviderServer(replies, { usageUnasked: true });
    expect((await exchange(silent)).text).not.toContain("usage");
    expect((await exchange(talkative)).text).toContain('"usage":{"prompt_tokens":1');
  });

  test("with a refusal in the words of the model", async () => {
    await using server = await startProviderServer([{ text: "I won't.", ending: { finishReason: "refusal" } }]);
    expect((await exchange(server)).text).toContain('"delta":{"refusal":"I won\'t."}');
  });

  test.each<[string, ReplyScript, { status?: number; includes: string; ended: string }]>([
    ["cut", { text: "Half", ending: "cut" }, { includes: "Half", ended: "end" }],
    ["reset", { text: "Half", ending: "reset" }, { includes: "Half", ended: "ECONNRESET" }],
    [
      "an error inside",
      { text: "Half", ending: { error: { message: "Fire." } } },
      { includes: '"Fire."', ended: "end" },
    ],
    ["a refusal", { refusal: { status: 503, message: "Full." } }, { status: 503, includes: '"Full."', ended: "end" }],
  ])("and ends badly: %s", async (_how, reply, { status = 200, includes, ended }) => {
    await using server = await startProviderServer([reply]);
    const seen = await exchange(server);
    expect(seen).toMatchObject({ status, ended });
    expect(seen.text).toContain(includes);
    expect(seen.text).not.toContain("[DONE]");
  });
});

describe("a loopback server", () => {
  test("answers any chat with a short text, word by word, when it is reported nothing", async () => {
    await using server = await startProviderServer();
    for (let time = 0; time < 2; time++) {
      const deltas = eventsOf((await exchange(server)).text) as { choices: { delta: { content?: string } }[] }[];
      const words = deltas.map(({ choices }) => choices[0]?.delta.content ?? "");
      expect(words.filter((word) => word !== "").length).toBeGreaterThan(5);
      expect(words.join("")).toMatch(/^Hello from a server on this machine/);
    }
  });

  test("records requests with their bodies, and reports when one has come", async () => {
    await using server = await startProviderServer((request) => ({ text: `Reply to ${request.index}` }));
    const second = server.request(1);
    await exchange(server, { n: 1 });
    await exchange(server, { n: 2, stream: true }, "/v1/chat/completions?x=1");
    expect(await second).toMatchObject({
      index: 1,
      method: "POST",
      path: "/v1/chat/completions?x=1",
      body: { n: 2, stream: true },
    });
    expect(server.requests.map(({ body }) => body)).toEqual([{ n: 1 }, { n: 2, stream: true }]);
    expect((await server.request(0)).headers).toMatchObject({ host: new URL(server.origin).host });
  });

  test("says which request has no reply, and which path no wire format", async () => {
    await using server = await startProviderServer([{ text: "only" }]);
    expect((await exchange(server, {}, "/v9/unknown")).text).toContain("no wire format for /v9/unknown");
    expect(await exchange(server)).toMatchObject({
      status: 400,
      text: expect.stringContaining("Request 2 has no reply: the server was given 1."),
    });
  });

  test("reports a client what is wrong with a reply that cannot be sent", async () => {
    await using server = await startProviderServer(() => {
      throw new Error("The test is wrong.");
    });
    const reply = await exchange(server);
    expect(reply).toMatchObject({ status: 500, headers: { "x-should-retry": "false" } });
    expect(reply.text).toContain("The test is wrong.");
  });

  test("counts what has left, and sends no more than a client reads", async () => {
    await using server = await startProviderServer([{ text: new Array(2_000).fill("x".repeat(64 * 1024)) }]);
    const request = httpRequest(`${server.baseUrl}/chat/completions`, { method: "POST" });
    request.end('{"stream":true}');
    const [response] = await once(request, "response");
    response.pause();
    const { sent } = await server.request(0);
    for (let last = -1; last !== sent.packets; ) {
      last = sent.packets;
      for (let turn = 0; turn < 100; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(sent.packets).toBeGreaterThan(1);
    expect(sent.bytes).toBeLessThan(40 * 1024 * 1024);
    request.destroy();
    await server.requests[0]?.closed;
  });

  test("closes every connection when it is closed, in any state", async () => {
    const server = await startProviderServer([{ text: "a", ending: "hang" }, { steps: [{ pause: 60_000 }] }]);
    const hanging = exchange(server);
    const pausing = exchange(server);
    await server.request(1);
    await server.close();
    expect((await hanging).ended).toBe("ECONNRESET");
    expect((await pausing).ended).toBe("ECONNRESET");
    expect(server.connections.open).toBe(0);
    const refused = connect(Number(new URL(server.origin).port), "127.0.0.1");
    const [error] = await once(refused, "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
  });
});
