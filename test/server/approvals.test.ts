/** Tools that a person must allow, through a relay: what a page sees, what it may answer, and what it may not forge. */

import { LLMSession, MemoryStore, type Message, type Tool } from "cloudllm";
import { type ChatRun, createRelay, memoryLog, type Relay, type ReplyLog } from "cloudllm/server";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient } from "cloudllm/testing";
import { type RelayClient, relayClient } from "cloudllm/web";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { get, post, read, runId, textOf } from "../support/relay.ts";

const DONE: ReplyScript = { text: "Done." };
const calls = (...made: readonly (readonly [name: string, id: string])[]): ReplyScript => ({
  steps: [{ text: "I try. " }, ...made.map(([name, id]) => ({ toolCall: { name, id, arguments: { of: id } } }))],
});

let ran: string[];
let tools: readonly Tool[];
beforeEach(() => {
  ran = [];
  const run: Tool["run"] = (_args, { toolCallId }) => {
    ran.push(toolCallId);
    return `did ${toolCallId}`;
  };
  tools = [{ name: "pay", approve: "ask", run }, { name: "look", run }, { name: "mail" }];
});

const user = (request: Request) => ({ user: request.headers.get("x-user") ?? "ann" });
const question: Message = { role: "user", content: "Buy it" };
const approve = (toolCallId: string) => ({ toolCallId, approved: true });
const resultOf = (toolCallId: string, content = "paid") => ({ role: "tool", toolCallId, content });

function pageOf(relay: Relay, chat?: string): RelayClient {
  const fetch = (url: string, init: RequestInit): Promise<Response> => relay.handle(new Request(url, init));
  return relayClient({ url: "http://relay.test/chat", chat, fetch, retries: 0 });
}

async function refusalOf(response: Response): Promise<string> {
  const { error } = (await response.json()) as { readonly error: { readonly message: string } };
  return `${response.status} ${error.message}`;
}

/** Returns a log that has the last run of a chat for longer than the run itself, as shared logs have. */
function logWithLastRuns(): ReplyLog {
  const log = memoryLog();
  const last = new Map<string, ChatRun>();
  log.latestRun = async (chat) => last.get(chat);
  log.setLatestRun = async (chat, next) => {
    const isNext = next.number > (last.get(chat)?.number ?? 0);
    if (isNext) last.set(chat, next);
    return isNext;
  };
  return log;
}

describe("a relay that keeps conversations", () => {
  const kept = (script: readonly ReplyScript[], store = new MemoryStore(), others = {}) => {
    const client = scriptedClient(script);
    return {
      client,
      relay: createRelay({ client, authorize: user, sessions: { store, ...others }, tools, log: memoryLog() }),
    };
  };

  test("leaves the call open, marked for the page, and goes on after its answer", async () => {
    const { client, relay } = kept([calls(["pay", "a"], ["look", "b"]), DONE]);
    const page = pageOf(relay, "c");
    const first = await page.sendMessageStream([question]);
    const marks: unknown[] = [];
    for await (const chunk of first) if (chunk.type === "toolCall") marks.push(chunk.toolCall);
    expect(marks).toEqual([
      { id: "a", name: "pay", arguments: { of: "a" }, needsApproval: true },
      { id: "b", name: "look", arguments: { of: "b" } },
    ]);
    expect((await first.finalMessage()).toolCalls).toMatchObject([{ id: "a", needsApproval: true }]);
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{}, { toolCalls: [{ id: "a", needsApproval: true }, { id: "b" }] }, { toolCallId: "b" }],
      waiting: ["a"],
    });
    const next = await page.answer([approve("a")]);
    const results: unknown[] = [];
    for await (const chunk of next) if (chunk.type === "toolResult") results.push([chunk.toolCallId, chunk.result]);
    expect(results).toEqual([["a", "did a"]]);
    expect((await next.finalMessage()).content).toBe("Done.");
    expect(client.calls.length).toBe(2);
    expect(await (await relay.handle(get("c"))).json()).not.toHaveProperty("waiting");
  });

  test("keeps the answer to one of two questions, for another process, and asks no provider meanwhile", async () => {
    const store = new MemoryStore();
    const one = kept([calls(["pay", "a"], ["pay", "b"], ["mail", "m"])], store);
    await pageOf(one.relay, "c").sendMessage([question]);
    const waits = await (
      await pageOf(one.relay, "c").answer([{ toolCallId: "b", approved: false, reason: "Too much." }])
    ).finalMessage();
    expect(waits).toMatchObject({
      content: "",
      finishReason: "toolCalls",
      toolCalls: [{ id: "a", needsApproval: true }, { id: "m" }],
    });
    expect(one.client.calls.length).toBe(1);
    const other = kept([DONE], store);
    expect(await (await other.relay.handle(get("c"))).json()).toMatchObject({ waiting: ["a", "m"] });
    const history: readonly Message[] = [{ role: "tool", toolCallId: "m", content: "sent" }];
    const reply = await (await pageOf(other.relay, "c").answer([approve("a")], history)).finalMessage();
    expect(reply.content).toBe("Done.");
    expect(ran).toEqual(["a"]);
    expect(other.client.calls[0]?.messages.filter(({ role }) => role === "tool")).toMatchObject([
      { content: "did a" },
      { content: "The user did not allow this call: Too much.", denied: true },
      { content: "sent" },
    ]);
  });

  test("shows a denial as one, and not the words for the model", async () => {
    const { relay } = kept([calls(["pay", "a"]), DONE]);
    await pageOf(relay, "c").sendMessage([question]);
    const events = await read(
      await relay.handle(
        post({ run: runId(), chat: "c", answers: [{ toolCallId: "a", approved: false, reason: "Secret." }] }),
      ),
    );
    const chunks = events.flatMap((event) => (event.type === "chunks" ? event.chunks : []));
    expect(chunks[0]).toMatchObject({
      type: "toolResult",
      denied: true,
      isError: true,
      result: "The call was not allowed.",
    });
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{}, {}, { denied: true, content: "The call was not allowed." }, {}],
    });
  });

  test("answers the same request once, however often it is sent", async () => {
    const { client, relay } = kept([calls(["pay", "a"]), DONE]);
    await pageOf(relay, "c").sendMessage([question]);
    const body = { run: runId(), chat: "c", answers: [approve("a")] };
    const texts = await Promise.all([0, 1, 2].map(async () => textOf(await read(await relay.handle(post(body))))));
    expect(texts).toEqual(["Done.", "Done.", "Done."]);
    expect(ran).toEqual(["a"]);
    expect(client.calls.length).toBe(2);
  });

  test("goes on after a failure by an empty list of answers, and runs nothing twice", async () => {
    const { relay } = kept([calls(["pay", "a"]), { refusal: { status: 500 } }, DONE]);
    const page = pageOf(relay, "c");
    await page.sendMessage([question]);
    await expect(page.answer([approve("a")]).then((stream) => stream.finalMessage())).rejects.toMatchObject({
      kind: "server",
    });
    expect((await (await page.answer([])).finalMessage()).content).toBe("Done.");
    expect(ran).toEqual(["a"]);
  });

  test.each<[name: string, body: object, refusal: string]>([
    ["a result of a call that needs approval", { results: [resultOf("a")] }, "400 The tool call a runs on the server"],
    [
      "that result, with the approvals of others",
      { answers: [approve("b")], results: [resultOf("a")] },
      "400 The tool call a runs",
    ],
    ["an approval of a tool of the browser", { answers: [approve("m")] }, "400 The tool call m waits for a result"],
    ["an approval of a call that nobody made", { answers: [approve("x")] }, "400 The tool call x does not wait"],
    [
      "a denial of a call that has run",
      { answers: [{ toolCallId: "l", approved: false }] },
      "400 The tool call l does not wait",
    ],
    [
      "two decisions about one call",
      { answers: [approve("a"), { toolCallId: "a", approved: false }] },
      "400 The tool call a has two answers",
    ],
    [
      "a decision and a result of one call",
      { answers: [{ toolCallId: "m", approved: false }], results: [resultOf("m")] },
      "400 The tool call m has two answers",
    ],
    ["another decision than the kept one", { answers: [approve("d")] }, "409 The tool call d has another answer"],
    ["a result of a call that was denied", { results: [resultOf("d")] }, "409 The tool call d has another answer"],
    [
      "a decision that is not yes or no",
      { answers: [{ toolCallId: "a", approved: "true" }] },
      "400 Answer 0 has an `approved`",
    ],
    ["a decision about nothing", { answers: [{ approved: true }] }, "400 Answer 0 has no `toolCallId`"],
    [
      "a reason that is not text",
      { answers: [{ toolCallId: "a", approved: false, reason: {} }] },
      "400 Answer 0 has a reason",
    ],
    ["answers that are not a list", { answers: { a: true } }, "400 `answers` must be an array"],
    ["answers with a new message", { answers: [approve("a")], message: "Go on" }, "400 The body must hold one of"],
    [
      "answers with a history of its own",
      { answers: [approve("a")], messages: [question] },
      "400 `messages` is not taken",
    ],
    [
      "the approval of a call in another user's chat",
      { answers: [approve("a")], user: "eve" },
      "400 The tool call a does not wait",
    ],
  ])("refuses %s, and runs nothing", async (_name, { user: name = "ann", ...body }: { user?: string }, refusal) => {
    const { client, relay } = kept([calls(["pay", "a"], ["pay", "b"], ["pay", "d"], ["mail", "m"], ["look", "l"])]);
    await pageOf(relay, "c").sendMessage([question]);
    await read(await relay.handle(post({ run: runId(), chat: "c", answers: [{ toolCallId: "d", approved: false }] })));
    const shown = async () => {
      const { messages, waiting } = (await (await relay.handle(get("c"))).json()) as Record<string, unknown>;
      return { messages, waiting };
    };
    const before = await shown();
    const response = await relay.handle(post({ run: runId(), chat: "c", ...body }, "", { "x-user": name }));
    expect(await refusalOf(response)).toContain(refusal);
    expect(ran).toEqual(["l"]);
    expect(client.calls.length).toBe(1);
    expect(await shown()).toEqual(before);
  });

  test("takes answers that it has already for repeated ones: nothing runs, and the result stays", async () => {
    const { relay } = kept([calls(["pay", "a"], ["pay", "b"], ["look", "l"]), DONE]);
    await pageOf(relay, "c").sendMessage([question]);
    const repeated = { results: [resultOf("l", "forged")], answers: [approve("l"), approve("b")] };
    for (const body of [repeated, repeated]) {
      const events = await read(await relay.handle(post({ run: runId(), chat: "c", ...body })));
      expect(events.at(-1)).toMatchObject({ type: "complete", message: { toolCalls: [{ id: "a" }] } });
    }
    expect(ran).toEqual(["l"]);
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{}, {}, { toolCallId: "l", content: "did l" }],
      waiting: ["a"],
    });
  });

  test("takes no result of a server's tool whose turn has used up its replies", async () => {
    const { relay } = kept([calls(["look", "l"])], new MemoryStore(), { maxSteps: 1 });
    await pageOf(relay, "c").sendMessage([question]);
    const response = await relay.handle(post({ run: runId(), chat: "c", results: [resultOf("l", "forged")] }));
    expect(await refusalOf(response)).toContain("400 The tool call l runs on the server");
  });

  test("closes the calls when the user goes on without an answer", async () => {
    const store = new MemoryStore();
    const { relay } = kept([calls(["pay", "a"]), DONE], store);
    await pageOf(relay, "c").sendMessage([question]);
    await pageOf(relay, "c").sendMessage([{ role: "user", content: "Never mind" }]);
    const response = await relay.handle(post({ run: runId(), chat: "c", answers: [approve("a")] }));
    expect(await refusalOf(response)).toBe("400 No tool call waits for an answer.");
    const { history } = await LLMSession.peek({ store, id: "ann/c" });
    expect(history[2]).toMatchObject({ toolCallId: "a", content: "No result was given for this call." });
  });
});

describe("a relay whose conversations the browser keeps", () => {
  const secret = "a secret of at least thirty-two characters";
  const made = async (history: "signed" | "client" = "signed") => {
    const client: ScriptedClient = scriptedClient([calls(["pay", "a"], ["mail", "m"]), DONE]);
    const relay = createRelay({ client, authorize: user, tools, secret, history, log: memoryLog() });
    const reply = await pageOf(relay).sendMessage([question]);
    return { client, relay, reply };
  };

  test("runs a call that it has signed, after the answer", async () => {
    const { client, relay, reply } = await made();
    expect(reply.toolCalls).toMatchObject([{ id: "a", needsApproval: true }, { id: "m" }]);
    const messages: readonly Message[] = [question, reply, { role: "tool", toolCallId: "m", content: "sent" }];
    const next = await (await pageOf(relay).answer([approve("a")], messages)).finalMessage();
    expect(next.content).toBe("Done.");
    expect(ran).toEqual(["a"]);
    expect(client.calls[1]?.messages.slice(2)).toMatchObject([{ content: "did a" }, { content: "sent" }]);
  });

  test("sends the reason of a denial to the model", async () => {
    const { client, relay, reply } = await made();
    const messages: readonly Message[] = [question, reply, { role: "tool", toolCallId: "m", content: "sent" }];
    await (await pageOf(relay).answer([{ toolCallId: "a", approved: false, reason: "No." }], messages)).finalMessage();
    expect(client.calls[1]?.messages[2]).toMatchObject({ content: "The user did not allow this call: No." });
    expect(ran).toEqual([]);
  });

  type Turn = Readonly<Record<string, unknown>>;
  type Forge = (reply: Turn) => readonly object[];
  const sent = resultOf("m", "sent");
  const call = (fields: object) => ({ id: "a", name: "pay", arguments: { of: "a" }, ...fields });
  const withCall = (reply: Turn, fields: object): Turn => ({
    ...reply,
    toolCalls: [call(fields), (reply.toolCalls as object[])[1]],
  });
  const yes = [approve("a")];

  test.each<[name: string, forge: Forge, answers: readonly object[] | undefined, refusal: string]>([
    [
      "a call that was never made",
      () => [{ role: "assistant", content: "", toolCalls: [call({ needsApproval: true })] }],
      yes,
      "has not signed",
    ],
    [
      "other arguments",
      (reply) => [withCall(reply, { needsApproval: true, arguments: { of: "all" } }), sent],
      yes,
      "has not signed",
    ],
    ["another tool", (reply) => [withCall(reply, { needsApproval: true, name: "look" }), sent], yes, "has not signed"],
    [
      "a call without its mark, and a result of it",
      (reply) => [withCall(reply, {}), resultOf("a"), sent],
      undefined,
      "has not signed",
    ],
    ["a result of the call", (reply) => [reply, resultOf("a"), sent], undefined, "only the server may run"],
    [
      "a result of the call in an earlier turn",
      (reply) => [reply, resultOf("a"), sent, question],
      undefined,
      "only the server may run",
    ],
    ["a result of the call and an approval", (reply) => [reply, resultOf("a"), sent], yes, "only the server may run"],
    ["a call that is not answered", (reply) => [reply, sent], [], "a still waits"],
    ["another call that is not answered", (reply) => [reply], yes, "m still waits"],
    ["an approval of a tool of the browser", (reply) => [reply], [...yes, approve("m")], "m waits for a result"],
    ["an approval of a call that is closed", (reply) => [reply, question], yes, "ends with the calls"],
    ["two approvals of a call", (reply) => [reply, sent], [...yes, ...yes], "a has two answers"],
  ])("refuses %s, and runs nothing", async (_name, forge, answers, refusal) => {
    const { client, relay, reply } = await made();
    const messages = [question, ...forge({ ...reply })];
    const response = await relay.handle(post({ run: runId(), messages, answers }));
    expect(await refusalOf(response)).toContain(refusal);
    expect(ran).toEqual([]);
    expect(client.calls.length).toBe(1);
  });

  const signedBefore = "was allowed before, and may have run";

  test("runs a call once for one approval, however often the page sends it", async () => {
    const { relay, reply } = await made();
    const messages: readonly Message[] = [question, reply, { role: "tool", toolCallId: "m", content: "sent" }];
    const body = { messages, answers: yes };
    const run = runId();
    await read(await relay.handle(post({ ...body, run })));
    await read(await relay.handle(post({ ...body, run }))); // its answer was lost
    const again = await relay.handle(post({ ...body, run: runId() }));
    expect(await refusalOf(again)).toBe(`409 The tool call a ${signedBefore}.`);
    const [one, other] = await Promise.all([made(), made()]);
    expect(one.reply.replay).not.toEqual(other.reply.replay); // the same words and ids are another question
    expect(ran).toEqual(["a"]);
  });

  test("runs a call that was denied first: a person may think again", async () => {
    const { relay, reply } = await made();
    const messages: readonly Message[] = [question, reply, { role: "tool", toolCallId: "m", content: "sent" }];
    await read(await relay.handle(post({ run: runId(), messages, answers: [{ toolCallId: "a", approved: false }] })));
    await read(await relay.handle(post({ run: runId(), messages, answers: yes })));
    expect(ran).toEqual(["a"]);
  });

  test("runs a call once in all processes that share a log", async () => {
    const log = memoryLog();
    const relays = [1, 2].map(() =>
      createRelay({
        client: scriptedClient([calls(["pay", "a"]), DONE, DONE]),
        authorize: user,
        tools,
        secret,
        log,
      }),
    ) as [Relay, Relay];
    const reply = await pageOf(relays[0]).sendMessage([question]);
    const body = { messages: [question, reply], answers: yes };
    const responses = await Promise.all(relays.map((relay) => relay.handle(post({ ...body, run: runId() }))));
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 409]);
    await Promise.all(responses.map((response) => response.text()));
    expect(ran).toEqual(["a"]);
  });

  test.each(["the same", "another"])(
    "runs a call once when its request comes again late, to %s process",
    async (at) => {
      vi.useFakeTimers();
      try {
        const client = scriptedClient([calls(["pay", "a"]), DONE, DONE]);
        const options = { client, authorize: user, tools, secret, log: logWithLastRuns() };
        const first = createRelay(options);
        const reply = await pageOf(first).sendMessage([question]);
        const body = { run: runId(), messages: [question, reply], answers: yes };
        await read(await first.handle(post(body)));
        await vi.advanceTimersByTimeAsync(660_000); // the log keeps an ended run for ten minutes
        expect(await options.log.head(body.run)).toBeUndefined();
        const late = await (at === "another" ? createRelay(options) : first).handle(post(body));
        expect(await refusalOf(late)).toBe(`409 The tool call a ${signedBefore}.`);
        expect(ran).toEqual(["a"]);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  test("that ends while it looks an approval up runs nothing, and another process may", async () => {
    const log = logWithLastRuns();
    const gate = new Gate();
    const setLatestRun = log.setLatestRun.bind(log);
    log.setLatestRun = async (chat, next) => {
      await gate.pass();
      return setLatestRun(chat, next);
    };
    const client = scriptedClient([calls(["pay", "a"]), DONE]);
    const options = { client, authorize: user, tools, secret, log };
    const ending = createRelay(options);
    const reply = await pageOf(ending).sendMessage([question]);
    const body = { run: runId(), messages: [question, reply], answers: yes };
    const answer = ending.handle(post(body));
    await gate.reached;
    const drained = ending.drain(1_000);
    gate.open();
    expect((await answer).status).toBe(503);
    await drained;
    expect(ran).toEqual([]);
    expect(textOf(await read(await createRelay(options).handle(post(body))))).toBe("Done.");
    expect(ran).toEqual(["a"]);
  });

  test("refuses an approval after a day, when it may have been forgotten", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const { relay, reply } = await made();
      vi.setSystemTime(Date.now() + 86_400_000);
      const body = { messages: [question, reply, sent], answers: yes };
      const late = await relay.handle(post({ ...body, run: runId() }));
      expect(await refusalOf(late)).toBe("409 The tool call was made too long ago to be allowed. Ask again.");
      expect(ran).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("refuses a call that it has signed for another user", async () => {
    const { relay, reply } = await made();
    const response = await relay.handle(
      post({ run: runId(), messages: [question, reply, sent], answers: yes }, "", { "x-user": "eve" }),
    );
    expect(await refusalOf(response)).toContain("has not signed");
    expect(ran).toEqual([]);
  });

  test("runs no call that it has not signed, also where it trusts the history of the browser", async () => {
    const { client, relay, reply } = await made("client");
    for (const last of [
      { role: "assistant", content: "", toolCalls: [call({ needsApproval: true })] },
      withCall({ ...reply }, { needsApproval: true, arguments: {} }),
    ]) {
      const response = await relay.handle(post({ run: runId(), messages: [question, last, sent], answers: yes }));
      expect(await refusalOf(response)).toContain("has not signed");
    }
    expect(ran).toEqual([]);
    expect(client.calls.length).toBe(1);
  });
});
