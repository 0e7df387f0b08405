/** Responses that are kept: watched again from any event, fetched, cancelled, deleted and continued. */

import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import { bearerKey, type Gateway, memoryLog } from "../../src/server/index.ts";
import { ask, testGateway } from "../support/gateway.ts";
import { killable } from "../support/relay.ts";
import {
  about,
  deltasOf,
  type ResponseObject,
  readEvents,
  responsesEvents,
  streamed,
  textOf,
  unitsOf,
} from "../support/responses.ts";

const BACKGROUND = { input: "Hello", stream: true, background: true };

const LONG: ReplyScript = {
  steps: [
    { reasoning: ["Let ", "me ", "think."] },
    { text: Array.from({ length: 1_500 }, (_, index) => `word${index} `) },
    { reasoning: "Once more." },
    { text: "And done." },
    { toolCall: { id: "call_a", name: "weather", fragments: ['{ "city":', ' "Oslo" }'] } },
  ],
};

async function fetched(gateway: Gateway, id: string): Promise<ResponseObject> {
  const response = await gateway.handle(about(id));
  expect(response.status).toBe(200);
  return (await response.json()) as ResponseObject;
}

/** Begins a reply that waits in its middle. */
async function begun(gateway: Gateway, gate: Gate, body: object = BACKGROUND) {
  const reading = readEvents(await gateway.handle(ask("responses", body)));
  await gate.reached;
  await vi.waitFor(() => expect(deltasOf(reading.events)).toBe("Half "));
  return { reading, id: reading.events[0]?.response?.id ?? "" };
}

const halves = (gate: Gate): ReplyScript => ({ steps: [{ text: "Half " }, { pause: gate }, { text: "and half." }] });

describe("a stream that is cut", () => {
  test("goes on behind any event, each event once, after the reply was summarised and has ended", async () => {
    const gateway = testGateway([LONG]);
    const events = await streamed(gateway, BACKGROUND);
    const id = events[0]?.response?.id ?? "";
    const all = [...unitsOf(events)];
    const numbers = events.map(({ sequence_number }) => sequence_number);
    const last = numbers.at(-1) ?? 0;
    // Numbers between two events are places in a text: a client has them from an earlier, finer stream.
    const places = [
      ...numbers.filter((_, at) => at % 97 === 0 || at < 9),
      ...numbers.slice(-12),
      last - 40,
      5_000,
      5_001,
    ];
    for (const after of places) {
      const rest = await responsesEvents(await gateway.handle(about(`${id}?stream=true&starting_after=${after}`)));
      expect([...unitsOf(rest)], `after ${after}`).toEqual(all.filter(([number]) => number > after));
    }
  });

  test("goes on while the reply is written, exactly once", async () => {
    const gate = new Gate();
    const gateway = testGateway([halves(gate)]);
    const { reading, id } = await begun(gateway, gate);
    await reading.leave();
    const after = reading.events.at(-1)?.sequence_number;
    const rest = readEvents(await gateway.handle(about(`${id}?stream=true&starting_after=${after}`)));
    gate.open();
    expect(await rest.over).toBe(true);
    expect(deltasOf([...reading.events, ...rest.events])).toBe("Half and half.");
    expect([...unitsOf([...reading.events, ...rest.events]).keys()]).toEqual(
      Array.from({ length: (rest.events.at(-1)?.sequence_number ?? 0) + 1 }, (_, at) => at),
    );
  });

  test("is replayed as a whole for a helper that does not say where it was", async () => {
    const gateway = testGateway([LONG]);
    const events = await streamed(gateway, BACKGROUND);
    const again = await responsesEvents(await gateway.handle(about(`${events[0]?.response?.id}?stream=true`)));
    expect([...unitsOf(again)]).toEqual([...unitsOf(events)]);
    expect(again.length).toBeLessThan(50); // the text of a summary is one event
  });

  test("goes on in another process of the same log, with the same numbers", async () => {
    const gate = new Gate();
    const log = memoryLog();
    const first = testGateway([halves(gate)], { log });
    const second = testGateway([], { log });
    const { reading, id } = await begun(first, gate);
    await vi.waitFor(async () => expect((await log.read(id.slice(5)))?.entries.length).toBeGreaterThan(0));
    const rest = readEvents(await second.handle(about(`${id}?stream=true&starting_after=4`)));
    await rest.until("response.output_text.delta");
    gate.open();
    await Promise.all([reading.over, rest.over]);
    expect([...unitsOf(rest.events)]).toEqual([...unitsOf(reading.events)].filter(([number]) => number > 4));
  });

  test("with a place that is no number is refused", async () => {
    const response = await testGateway([]).handle(about(`resp_${"0".repeat(32)}?stream=true&starting_after=x`));
    expect(response.status).toBe(400);
  });

  test("of a reply that failed is an error in band again, at any place", async () => {
    const gateway = testGateway([{ text: "Half ", ending: "cut" }]);
    const events = await streamed(gateway, BACKGROUND);
    const id = events[0]?.response?.id;
    for (const after of [-1, 3, 100]) {
      const place = after < 0 ? "" : `&starting_after=${after}`;
      const again = await responsesEvents(await gateway.handle(about(`${id}?stream=true${place}`)));
      expect(again.slice(-2).map(({ type }) => type)).toEqual(["error", "response.failed"]);
    }
  });
});

describe("a process that ends", () => {
  test("breaks the connection of a reply that goes on elsewhere, and the reply goes on there", async () => {
    const gate = new Gate();
    const log = memoryLog();
    const first = testGateway([halves(gate)], { log, recover: "continue" });
    const { reading, id } = await begun(first, gate);
    await first.drain(0);
    expect(await reading.over).toBe(false);
    const next = testGateway([{ text: "and half." }], { log, recover: "continue" });
    const after = reading.events.at(-1)?.sequence_number;
    const rest = readEvents(await next.handle(about(`${id}?stream=true&starting_after=${after}`)));
    expect(await rest.over).toBe(true);
    expect(deltasOf([...reading.events, ...rest.events])).toBe("Half and half.");
    expect(rest.events.at(-1)).toMatchObject({ type: "response.completed" });
    const numbers = [...reading.events, ...rest.events].map(({ sequence_number }) => sequence_number);
    expect(numbers).toEqual([...new Set(numbers)].toSorted((one, other) => one - other));
    expect(textOf(await fetched(next, id))).toBe("Half and half.");
  });

  test("without having logged what a program has read is an error there, and not other words in their place", async () => {
    vi.useFakeTimers();
    try {
      const gate = new Gate();
      const log = memoryLog();
      const dying = killable(log);
      const first = testGateway([halves(gate)], { log: dying.log, recover: "continue" });
      const { id } = await begun(first, gate);
      await vi.advanceTimersByTimeAsync(1_000);
      dying.kill();
      await vi.advanceTimersByTimeAsync(16_000);
      const next = testGateway([{ text: "and other words." }], { log, recover: "continue" });
      // The reader has twenty units more than the log.
      const seen = readEvents(await next.handle(about(`${id}?stream=true&starting_after=28`)));
      const known = readEvents(await next.handle(about(`${id}?stream=true&starting_after=8`)));
      await vi.advanceTimersByTimeAsync(3_000);
      await Promise.all([seen.over, known.over]);
      expect(seen.events).toMatchObject([{ type: "error", code: "server_error" }]);
      expect(deltasOf(known.events)).toBe("and other words.");
      expect(known.events.at(-1)?.type).toBe("response.completed");
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a background response", () => {
  test("has its id before the model has accepted it, so that a program can come back", async () => {
    const opensAfter = new Gate();
    const gateway = testGateway([{ text: "Hi", opensAfter }], { headersWithinMs: 0 });
    const reading = readEvents(await gateway.handle(ask("responses", BACKGROUND)));
    await reading.until("response.created");
    await reading.leave();
    const id = reading.events[0]?.response?.id ?? "";
    expect((await fetched(gateway, id)).status).toBe("queued");
    opensAfter.open();
    await vi.waitFor(async () => expect((await fetched(gateway, id)).status).toBe("completed"));
  });

  test("whose process has died has failed, with its text, for a program that only polls", async () => {
    vi.useFakeTimers();
    try {
      const log = memoryLog();
      const dying = killable(log);
      const gate = new Gate();
      const { id } = await begun(testGateway([halves(gate)], { log: dying.log }), gate);
      await vi.advanceTimersByTimeAsync(1_000);
      dying.kill();
      await vi.advanceTimersByTimeAsync(16_000);
      const other = testGateway([], { log });
      const running = await fetched(other, id);
      expect(running.status).toBe("in_progress");
      expect(textOf(running)).toBe("Half ");
      await vi.advanceTimersByTimeAsync(3_000);
      const response = await fetched(other, id);
      expect(response).toMatchObject({ status: "failed", error: { code: "server_error" } });
      expect(textOf(response)).toBe("Half ");
    } finally {
      vi.useRealTimers();
    }
  });

  test("is written without a reader, and fetched as far as it is", async () => {
    const gate = new Gate();
    const gateway = testGateway([halves(gate)]);
    const body = { input: "Hello", background: true };
    const answer = (await (await gateway.handle(ask("responses", body))).json()) as ResponseObject;
    expect(answer.status).toMatch(/^(queued|in_progress)$/);
    await gate.reached;
    await vi.waitFor(async () => expect(textOf(await fetched(gateway, answer.id))).toBe("Half "));
    expect(await fetched(gateway, answer.id)).toMatchObject({
      status: "in_progress",
      output: [{ status: "in_progress" }],
    });
    gate.open();
    await vi.waitFor(async () => expect((await fetched(gateway, answer.id)).status).toBe("completed"));
    expect(textOf(await fetched(gateway, answer.id))).toBe("Half and half.");
  });

  test("goes on when its reader leaves; another response does not, and costs nothing more", async () => {
    for (const background of [true, false]) {
      const gate = new Gate();
      const gateway = testGateway([halves(gate)]);
      const { reading, id } = await begun(gateway, gate, { ...BACKGROUND, background });
      await reading.leave();
      gate.open();
      const status = background ? "completed" : "cancelled";
      await vi.waitFor(async () => expect((await fetched(gateway, id)).status).toBe(status));
    }
  });

  test("that fails says so when it is fetched", async () => {
    const gateway = testGateway([{ text: "Half", ending: "cut" }]);
    const events = await streamed(gateway, BACKGROUND);
    const response = await fetched(gateway, events[0]?.response?.id ?? "");
    expect(response).toMatchObject({ status: "failed", error: { code: "server_error" } });
    expect(textOf(response)).toBe("Half");
  });
});

describe("a cancel", () => {
  test("stops the model, answers with the text so far, and ends every stream with that status", async () => {
    const gate = new Gate();
    const gateway = testGateway([halves(gate)]);
    const { reading, id } = await begun(gateway, gate);
    const answer = (await (await gateway.handle(about(`${id}/cancel`, "POST"))).json()) as ResponseObject;
    expect(answer.status).toBe("cancelled");
    expect(textOf(answer)).toBe("Half ");
    await gateway.model.calls[0]?.closed;
    expect(await reading.over).toBe(true);
    const last = reading.events.at(-1);
    // There is no event of that name, and half a reply is never complete.
    expect(last).toMatchObject({ type: "response.incomplete", response: { status: "cancelled" } });
    expect(last?.response?.incomplete_details).toEqual({ reason: "cancelled" });
    const again = (await (await gateway.handle(about(`${id}/cancel`, "POST"))).json()) as ResponseObject;
    expect(again).toEqual(answer);
  });

  test("reaches a reply that another process writes", async () => {
    const gate = new Gate();
    const log = memoryLog();
    const first = testGateway([halves(gate)], { log });
    const { id } = await begun(first, gate);
    const other = testGateway([], { log });
    const answer = (await (await other.handle(about(`${id}/cancel`, "POST"))).json()) as ResponseObject;
    expect(answer.status).toBe("cancelled");
    expect(textOf(answer)).toBe("Half ");
  });

  test("of a response that is complete changes nothing", async () => {
    const gateway = testGateway([{ text: "Hi" }]);
    const id = (await streamed(gateway, {}))[0]?.response?.id ?? "";
    const answer = (await (await gateway.handle(about(`${id}/cancel`, "POST"))).json()) as ResponseObject;
    expect(answer.status).toBe("completed");
  });
});

describe("a response that is not there", () => {
  const unknown = `resp_${"0".repeat(32)}`;
  test.each([
    ["an unknown id", unknown],
    ["an id of another form", "chatcmpl-1"],
    ["an id with other characters", "resp_..%2f..%2fkeys"],
  ])("because of %s is 404, in OpenAI's form", async (_what, id) => {
    const gateway = testGateway([]);
    for (const request of [about(id), about(`${id}?stream=true`), about(`${id}/cancel`, "POST"), about(id, "DELETE")]) {
      const response = await gateway.handle(request);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    }
  });

  test("because it is another user's, was not stored, or was deleted, is 404 as well", async () => {
    const authorize = bearerKey({ ada: "sk-ours-0123456789", bob: "sk-bob" });
    const gateway = testGateway(() => ({ text: "Hi" }), { authorize });
    const id = (await streamed(gateway, {}))[0]?.response?.id ?? "";
    const bobs = new Request(about(id), { headers: { authorization: "Bearer sk-bob" } });
    expect((await gateway.handle(bobs)).status).toBe(404);
    expect(await (await gateway.handle(about(id, "DELETE"))).json()).toEqual({ id, object: "response", deleted: true });
    expect((await gateway.handle(about(id))).status).toBe(404);
    const unstored = (await streamed(gateway, { store: false }))[0]?.response?.id ?? "";
    expect((await gateway.handle(about(unstored))).status).toBe(404);
  });
});

describe("a response that continues another", () => {
  test("has its conversation, its calls and what its provider wants back, but not its instructions", async () => {
    const toolCall = { id: "call_a", name: "weather", arguments: { city: "Oslo" } };
    const gateway = testGateway([
      { steps: [{ text: "Let me see." }, { toolCall }] },
      { text: "Rain." },
      { text: "Bye." },
    ]);
    const first = await streamed(gateway, { input: "Weather?", instructions: "Be kind." });
    const output = [{ type: "function_call_output", call_id: "call_a", output: "rain" }];
    const second = await streamed(gateway, {
      input: output,
      instructions: "Be brief.",
      previous_response_id: first[0]?.response?.id,
    });
    await streamed(gateway, { input: "Thanks", previous_response_id: second[0]?.response?.id });
    expect(gateway.model.calls[1]?.messages).toMatchObject([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?" },
      { role: "assistant", content: "Let me see.", toolCalls: [toolCall] },
      { role: "tool", toolCallId: "call_a", content: "rain" },
    ]);
    expect(gateway.model.calls[2]?.messages.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
    expect(second.at(-1)?.response).toMatchObject({ previous_response_id: first[0]?.response?.id });
  });

  test("works in another process of the same log", async () => {
    const log = memoryLog();
    const first = testGateway([{ text: "Hi Ada." }], { log });
    const id = (await streamed(first, { input: "I am Ada." }))[0]?.response?.id;
    const second = testGateway([{ text: "Ada." }], { log });
    await streamed(second, { input: "Who am I?", previous_response_id: id });
    expect(second.model.calls[0]?.messages).toMatchObject([
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Hi Ada." },
      { role: "user", content: "Who am I?" },
    ]);
  });

  test.each([
    ["has expired", (now: { value: number }) => (now.value += 700_000)],
    ["is not stored", () => 0],
  ])("that %s is refused with OpenAI's code, and costs nothing", async (what, pass) => {
    const now = { value: 1_000 };
    const log = memoryLog({ keepMs: 600_000, now: () => now.value });
    const gateway = testGateway([{ text: "Hi" }], { log });
    const store = what === "has expired";
    const id = (await streamed(gateway, { store }))[0]?.response?.id;
    await vi.waitFor(async () => expect((await log.read(id?.slice(5) ?? ""))?.end).toBeDefined());
    await gateway.drain(0);
    pass(now);
    const next = testGateway([], { log });
    const response = await next.handle(ask("responses", { input: "And?", previous_response_id: id }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "previous_response_not_found" } });
    expect(next.model.calls).toHaveLength(0);
  });

  test("that is still being written, or has failed, is refused", async () => {
    const gate = new Gate();
    const gateway = testGateway([halves(gate), { text: "Half", ending: "cut" }]);
    const { id } = await begun(gateway, gate);
    const failed = (await streamed(gateway, {}))[0]?.response?.id;
    for (const previous_response_id of [id, failed]) {
      const response = await gateway.handle(ask("responses", { input: "And?", previous_response_id }));
      expect(response.status).toBe(400);
    }
    gate.open();
  });
});

describe("a request that refers to items of earlier responses, as the AI SDK's do", () => {
  const toolCall = { id: "call_a", name: "weather", arguments: { city: "Oslo" } };
  const steps = [{ reasoning: "Hm." }, { text: "Let me see." }, { toolCall }];
  const output = { type: "function_call_output", call_id: "call_a", output: "rain" };
  const referred = (response: ResponseObject | undefined) =>
    response?.output.map(({ id }) => ({ type: "item_reference", id })) ?? [];

  test("has their text and calls at the model", async () => {
    const gateway = testGateway([{ steps }, { text: "Rain." }]);
    const { response } = (await streamed(gateway, { input: "Weather?" })).at(-1) ?? {};
    await streamed(gateway, { input: [{ role: "user", content: "Weather?" }, ...referred(response), output] });
    expect(gateway.model.calls[1]?.messages).toEqual([
      { role: "user", content: "Weather?" },
      { role: "assistant", content: "Let me see.", toolCalls: [toolCall] },
      { role: "tool", toolCallId: "call_a", content: "rain" },
    ]);
  });

  test.each([
    ["was not stored", { store: false }],
    ["is another user's", {}],
  ])("is refused when the response %s", async (what, more) => {
    const authorize = bearerKey({ ada: "sk-ours-0123456789", bob: "sk-bob" });
    const gateway = testGateway([{ steps }], { authorize });
    const { response } = (await streamed(gateway, more)).at(-1) ?? {};
    const key = what === "was not stored" ? {} : { authorization: "Bearer sk-bob" };
    const answer = await gateway.handle(ask("responses", { input: referred(response) }, key));
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain("not found");
    expect(gateway.model.calls).toHaveLength(1);
  });

  test.each(["msg_1", "", "resp_../../x_0"])("is refused for an id that no item has (%j)", async (id) => {
    const gateway = testGateway([]);
    const answer = await gateway.handle(ask("responses", { input: [{ type: "item_reference", id }] }));
    expect(answer.status).toBe(404);
  });
});

test("what a user stored costs memory within the log's bound", async () => {
  const log = memoryLog({ maxBytes: 200_000 });
  const model = scriptedClient(() => ({ text: "Hi" }));
  const gateway = testGateway([], { client: model, log });
  const ids: string[] = [];
  for (let turn = 0; turn < 6; turn++) {
    ids.push((await streamed(gateway, { input: "x".repeat(50_000) }))[0]?.response?.id ?? "");
  }
  await vi.waitFor(async () => expect(await log.head(ids[0]?.slice(5) ?? "")).toBeUndefined());
  expect(await log.head(ids[5]?.slice(5) ?? "")).toBeDefined();
});
