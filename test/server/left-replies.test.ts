/**
 * A process dies in the middle of a reply of any shape: another one goes on exactly where one process would, and gives
 * up where that would.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Mirror } from "../../src/dialects/mirror.ts";
import {
  type AssistantMessage,
  fallback,
  MemoryStore,
  type MessageChunk,
  SendError,
  type SendOptions,
  type SessionStore,
} from "../../src/index.ts";
import { createRelay, memoryLog, type RelayOptions } from "../../src/server/index.ts";
import { recovery } from "../../src/stream/load-recovery.ts";
import { Gate } from "../../src/testing/index.ts";
import { chunk, chunksClient, text } from "../support/chunks-client.ts";
import { get, killable, post, runId, throughJson, type Watching, watch } from "../support/relay.ts";

await recovery.load(); // the clock of these tests waits for no file

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const authorize = "public" as const;
const recover = "continue" as const;
const question = [{ role: "user", content: "Ask" }] as const;
const PICTURE = { mediaType: "image/png", data: "iVBORw0KGgo=" };

const called = (name: string, result: string) =>
  chunk("providerToolCall", { providerToolCall: { id: name, name, result } });

const args = (id: string, argumentsDelta: string) =>
  chunk("toolCallDelta", { index: 0, id, name: "look", argumentsDelta });

interface Shape {
  readonly name: string;
  /** The reply until its process dies. */
  readonly begun: readonly MessageChunk[];
  /** The reply to the request for the rest. Absent: none is sent. */
  readonly rest?: readonly MessageChunk[];
  /** The text in the end. */
  readonly whole: string;
  /** How a turn of a session ends, where it does otherwise. */
  readonly turn?: "complete";
}

const SHAPES: readonly Shape[] = [
  { name: "text", begun: [text("It is "), text("quite ")], rest: [text("warm.")], whole: "It is quite warm." },
  {
    name: "thinking alone",
    begun: [chunk("reasoning", { reasoning: "Let me " })],
    rest: [chunk("reasoning", { reasoning: "Hm." }), text("Warm.")],
    whole: "Warm.",
  },
  {
    name: "text behind thinking",
    begun: [chunk("reasoning", { reasoning: "Let me see." }), text("It is ")],
    rest: [text("warm.")],
    whole: "It is warm.",
  },
  {
    name: "text with a source",
    begun: [text("It is "), chunk("citation", { url: "https://a.example/", startIndex: 0, endIndex: 5 })],
    rest: [text("warm."), chunk("citation", { url: "https://b.example/", startIndex: 0, endIndex: 5 })],
    whole: "It is warm.",
  },
  {
    name: "a search of the provider",
    begun: [called("web_search", "a page")],
    rest: [called("web_search", "the page"), text("Warm.")],
    whole: "Warm.",
  },
  {
    name: "text behind a search and code of the provider",
    begun: [called("web_search", "a page"), called("code_execution", "42"), text("It is ")],
    rest: [text("warm.")],
    whole: "It is warm.",
  },
  { name: "a tool of a server of others", begun: [text("I "), called("send_mail", "sent")], whole: "I " },
  {
    name: "a preview of a picture",
    begun: [text("Here: "), chunk("media", { index: 0, ...PICTURE, partial: true })],
    rest: [text("a house."), chunk("media", { index: 0, ...PICTURE })],
    whole: "Here: a house.",
  },
  { name: "a picture", begun: [text("Here: "), chunk("media", { index: 0, ...PICTURE })], whole: "Here: " },
  {
    name: "a piece of sound",
    begun: [
      text("Here: "),
      chunk("media", { index: 0, mediaType: "audio/pcm", data: "QUJD", partial: true, append: true }),
    ],
    whole: "Here: ",
  },
  {
    name: "a call that was begun",
    begun: [text("I look. "), args("a", '{"at":"Os')],
    rest: [args("b", '{"at":"Rome"}'), chunk("toolCall", { toolCall: { id: "b", name: "look", arguments: {} } })],
    whole: "I look. ",
  },
  {
    name: "a call that waits for the page",
    begun: [text("I look. "), chunk("toolCall", { toolCall: { id: "a", name: "look", arguments: {} } })],
    whole: "I look. ",
    turn: "complete",
  },
];

/** What one process makes of a reply that breaks there. */
async function inOneProcess({ begun, rest = [] }: Shape) {
  const broken = new SendError("network", "The connection was reset.", { retryable: true });
  const heir = chunksClient([rest]);
  const client = fallback([chunksClient([[...begun, broken]]), heir], { recover });
  const stream = await client.sendMessageStream(question);
  const outcome = stream.finalMessage().then(
    (message) => ({ type: "complete", message }),
    (error: SendError) => ({ type: "failed", message: error.partial }),
  );
  await vi.advanceTimersByTimeAsync(100);
  return { ...(await outcome), sent: heir.calls };
}

/** The relays' sessions, the options of the request, and those of the client. */
interface Given {
  readonly sessions?: RelayOptions["sessions"];
  readonly asked?: SendOptions;
  readonly defaults?: SendOptions;
}

/**
 * The first relay's process dies, and the second goes on. Of the viewers at the second, `back` has seen the reply at
 * the first, and `late` comes anew.
 */
async function inTwoProcesses({ begun, rest = [] }: Shape, { sessions, asked, defaults }: Given = {}) {
  const log = throughJson(memoryLog());
  const dying = killable(log);
  const expose = { reasoning: true, providerTools: true } as const;
  const options = {
    authorize,
    recover,
    expose,
    allow: ["output"],
    tools: [{ name: "look" }],
    ...(sessions && { sessions }),
    onError: () => undefined,
  } as const;
  const dead = createRelay({ ...options, client: chunksClient([[...begun, new Gate()]]), log: dying.log });
  const run = runId();
  const first = watch(
    await dead.handle(
      post({ run, ...(sessions ? { chat: "c", message: "Ask" } : { messages: question, options: asked }) }),
    ),
  );
  await vi.advanceTimersByTimeAsync(1_000);
  dying.kill();
  const heir = Object.assign(chunksClient([rest]), { defaults });
  const next = createRelay({ ...options, client: heir, log });
  const seen = first.events.findLast(({ type }) => type === "chunks");
  const attach = async (after = ""): Promise<Watching> =>
    watch(await next.handle(get(`${sessions ? "c" : run}/stream?run=${run}${after}`)));
  const [late, back] = await Promise.all([attach(), attach(`&after=${seen?.type === "chunks" ? seen.id : ""}`)]);
  await vi.advanceTimersByTimeAsync(20_000);
  await Promise.all([late.over, back.over]);
  const again = await attach();
  await again.over;
  return { first, late, back, again, sent: heir.calls, page: await pageOf(next) };
}

async function pageOf(relay: ReturnType<typeof createRelay>): Promise<readonly AssistantMessage[]> {
  const answer = await relay.handle(get("c"));
  return answer.status === 200 ? ((await answer.json()) as { messages: AssistantMessage[] }).messages : [];
}

/** Returns the parts of a reply that its chunks make. */
function partsOf(message: Partial<AssistantMessage> | undefined) {
  const {
    content,
    reasoning,
    toolCalls,
    unfinishedToolCalls = [],
    citations,
    media = [],
    providerToolCalls = [],
  } = message ?? {};
  return { content, reasoning, toolCalls, unfinishedToolCalls, citations, media, providerToolCalls };
}

/** Returns the end of a run, as one process would report it. */
function endOf({ events }: Watching) {
  const end = events.at(-1);
  if (end?.type === "complete") return { type: "complete", message: end.message };
  return { type: end?.type, message: end?.type === "failed" ? end.error.partial : undefined };
}

/** Returns the reply that a page shows after these events, without their end. */
function shownBy(...viewers: readonly Watching[]) {
  const mirror = new Mirror({ provider: "", model: "", attempts: [] });
  for (const event of viewers.flatMap(({ events }) => events)) {
    if (event.type === "snapshot") mirror.restart();
    if (event.type === "chunks" || event.type === "snapshot") mirror.add(event.chunks);
  }
  return partsOf(mirror.shown.message("running", () => ({ durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] })));
}

describe.each(SHAPES)("$name", (shape) => {
  test("goes on in another process as in one, or ends as cut as it does there", async () => {
    const one = await inOneProcess(shape);
    const { first, late, back, again, sent } = await inTwoProcesses(shape);
    expect(endOf(late).type).toBe(shape.rest ? "complete" : "failed");
    expect(endOf(late).message?.content).toBe(shape.whole);
    expect(endOf(late).type).toBe(one.type);
    expect(partsOf(endOf(late).message)).toEqual(partsOf(one.message));
    expect(sent).toEqual(one.sent);
    for (const viewer of [back, again]) expect(endOf(viewer)).toEqual(endOf(late));
    const whole = partsOf(endOf(late).message);
    if (shape.rest) expect([shownBy(late), shownBy(first, back)]).toEqual([whole, whole]);
    else expect(late.events.at(-1)).toMatchObject({ error: { kind: "truncated", partial: { interrupted: true } } });
  });

  test("goes on in a turn of a session, which is stored once, or ends there as cut", async () => {
    const inner = new MemoryStore();
    const store: SessionStore = {
      append: (id, records) => inner.append(id, records),
      load: (id) => inner.load(id),
      list: (options) => inner.list(options),
    }; // without a lease: that of a dead process has passed
    const { late, back, again, sent, page } = await inTwoProcesses(shape, { sessions: { store } });
    const end = shape.turn ?? (shape.rest ? "complete" : "failed");
    expect(endOf(late).type).toBe(end);
    expect(endOf(late).message?.content).toBe(shape.whole);
    expect(sent.length).toBe(shape.rest ? 1 : 0);
    for (const viewer of [back, again]) expect(endOf(viewer)).toEqual(endOf(late));
    expect(page.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect([page[1]?.content, page[1]?.interrupted]).toEqual([shape.whole, end === "complete" ? undefined : true]);
  });
});

describe("a value for a schema", () => {
  const output = { type: "object", properties: { a: { type: "number" } } };
  const begun = [text('{"a":')];
  const rest = [text('{"a":1}')];

  test.each([
    ["of the request", { output }, {}],
    ["of the client's own options", {}, { output }],
  ])("%s is begun again, not joined from two", async (_whose, asked, defaults) => {
    const { late, sent } = await inTwoProcesses({ name: "", begun, rest, whole: "" }, { asked, defaults });
    expect(endOf(late)).toMatchObject({ type: "complete", message: { content: '{"a":1}' } });
    expect(sent).toEqual([question]);
  });
});
