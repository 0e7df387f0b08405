/** When a viewer connects again, and when it does not: with timers and a page that the test controls. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type RelayClientOptions, relayClient } from "../../src/web/index.ts";
import { read } from "../support/broken-replies.ts";
import {
  complete,
  type FakeRelay,
  type FakeRequest,
  fakeRelay,
  opened,
  text,
  URL_OF_RELAY,
} from "../support/fake-relay.ts";

const QUESTION = [{ role: "user", content: "Tell me." }] as const;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** The first request opens the reply and brings "One "; the others are answered by `next`. */
function relayOf(next: (request: FakeRequest, index: number) => void): FakeRelay {
  return fakeRelay((request, index) => {
    if (index === 0) request.stream(opened(request.body.run), text("One ", "1-1"));
    else next(request, index);
  });
}

async function outcomeOf(relay: FakeRelay, options: Partial<RelayClientOptions> = {}) {
  const client = relayClient({ url: URL_OF_RELAY, fetch: relay.fetch, ...options });
  return read(await client.sendMessageStream(QUESTION));
}

/** Lets pending promises settle, and so many milliseconds pass. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function runOf({ requests }: FakeRelay): string {
  return String(requests[0]?.body.run);
}

/** The rest of the reply, on the connection of a request. */
function finish(relay: FakeRelay, request: FakeRequest | undefined): void {
  request?.stream(opened(runOf(relay)), text("two", "1-2"), complete("One two"));
}

function endsAtOnce(request: FakeRequest): void {
  request.stream();
  request.end();
}

const gapsOf = ({ requests }: FakeRelay): readonly number[] =>
  requests.slice(1).map(({ at }, index) => Math.round(at - (requests[index]?.at ?? 0)));

/** A page whose state a test sets; the events are dispatched on it. */
function stubPage() {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const navigator = { onLine: true };
  const window = new EventTarget();
  vi.stubGlobal("document", document);
  vi.stubGlobal("navigator", navigator);
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  return { document, navigator, window };
}

describe("a connection that is lost", () => {
  test("is made again at once, then ever more rarely, so that a server that starts is not flooded", async () => {
    const relay = relayOf((request, index) => (index < 9 ? request.break() : finish(relay, request)));
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.break();
    await pass(60_000);
    expect(gapsOf(relay)).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect((await outcome).shown).toBe("One two");
  });

  test("asks only for what is missing, of its own run", async () => {
    const relay = relayOf((request) => finish(relay, request));
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.end();
    await pass();
    const { message } = await outcome;
    const run = runOf(relay);
    expect(run).toMatch(/^[\w-]{22,128}$/);
    expect(relay.requests[1]?.path).toBe(`/${run}/stream?run=${run}&after=1-1`);
    expect(message?.metrics).toMatchObject({
      reconnects: 1,
      attempts: [{ outcome: "answered", provider: "scripted" }],
    });
  });

  test("is made again at once each time, as long as the reply goes forward", async () => {
    const relay = relayOf((request, index) => {
      if (index === 5) return request.stream(opened(runOf(relay)), complete("One xxxx"));
      request.stream(opened(runOf(relay)), text("x", `1-${index + 1}`));
      setTimeout(() => request.end(), 10);
    });
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.break();
    await pass(1_000);
    for (const gap of gapsOf(relay)) expect(gap).toBeLessThan(20);
    expect((await outcome).message?.metrics.reconnects).toBe(5);
  });

  test.each([
    ["breaks", "network", (request: FakeRequest) => request.break()],
    ["ends each time", "truncated", endsAtOnce],
  ] as const)("that %s is given up after the limit, with everything that came", async (_how, kind, next) => {
    const relay = relayOf(next);
    const outcome = outcomeOf(relay, { reconnectForMs: 20_000 });
    await pass();
    relay.requests[0]?.break();
    await pass(20_000);
    const { error } = await outcome;
    expect(error).toMatchObject({ kind, retryable: true, partial: { content: "One ", interrupted: true } });
    expect(error?.partial?.metrics.attempts).toMatchObject([{ outcome: kind }]);
  });

  test("and whose next request is never answered is made again, so that no network holds a reply for ever", async () => {
    const relay = relayOf((request, index) => index > 1 && finish(relay, request));
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.break();
    await pass(44_000);
    expect(relay.requests.length).toBe(2);
    await pass(2_000);
    expect(relay.requests[1]?.signal?.aborted).toBe(true);
    expect((await outcome).shown).toBe("One two");
  });

  test.each(["overloaded", "storage"])("waits as long as the relay asks (%s)", async (kind) => {
    const relay = relayOf((request, index) => {
      if (index === 1) request.answer(503, { error: { kind, message: "Later." } }, { "retry-after": "30" });
      else finish(relay, request);
    });
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.write({ type: "reconnect", afterMs: 700 });
    await pass(60_000);
    expect(gapsOf(relay)).toEqual([700, 30_000]);
    expect((await outcome).shown).toBe("One two");
  });
});

describe("a frozen connection", () => {
  test("is replaced after 45 seconds without a byte", async () => {
    const relay = relayOf((request) => finish(relay, request));
    const outcome = outcomeOf(relay);
    await pass(44_999);
    expect(relay.requests).toHaveLength(1);
    await pass(10);
    expect(relay.requests[0]?.signal?.aborted).toBe(true);
    expect((await outcome).shown).toBe("One two");
  });

  test("is one that says nothing: keep-alives are life", async () => {
    const relay = relayOf(() => undefined);
    void outcomeOf(relay);
    for (let passed = 0; passed < 180; passed += 15) {
      await pass(15_000);
      relay.requests[0]?.write(": keep-alive\n\n");
    }
    expect(relay.requests).toHaveLength(1);
  });

  test.each(["online", "pageshow"])("is replaced at once at `%s`", async (type) => {
    const { window } = stubPage();
    const relay = relayOf((request) => finish(relay, request));
    const outcome = outcomeOf(relay);
    await pass();
    window.dispatchEvent(Object.assign(new Event(type), { persisted: true }));
    await pass();
    expect((await outcome).shown).toBe("One two");
  });
});

test("a network that changes while nobody reads leaves no dead connection", async () => {
  const { window } = stubPage();
  const relay = relayOf((request) => finish(relay, request));
  const client = relayClient({ url: URL_OF_RELAY, fetch: relay.fetch });
  const chunks = (await client.sendMessageStream(QUESTION))[Symbol.asyncIterator]();
  expect((await chunks.next()).value).toMatchObject({ content: "One " });
  window.dispatchEvent(new Event("online"));
  const next = chunks.next();
  await pass(10);
  expect((await next).value).toMatchObject({ content: "two" });
});

describe("a page that is", () => {
  test("offline waits until it has a network, and then does not wait", async () => {
    const { navigator, window } = stubPage();
    const relay = relayOf((request) => finish(relay, request));
    const outcome = outcomeOf(relay);
    await pass();
    navigator.onLine = false;
    relay.requests[0]?.break();
    await pass(3_600_000);
    expect(relay.requests).toHaveLength(1);
    navigator.onLine = true;
    window.dispatchEvent(new Event("online"));
    await pass();
    expect((await outcome).shown).toBe("One two");
  });

  test("hidden waits until it is shown", async () => {
    const { document } = stubPage();
    const relay = relayOf((request) => finish(relay, request));
    const outcome = outcomeOf(relay);
    await pass();
    document.visibilityState = "hidden";
    relay.requests[0]?.break();
    await pass(3_600_000);
    expect(relay.requests).toHaveLength(1);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await pass();
    expect((await outcome).shown).toBe("One two");
  });

  test("back from the browser's cache tries at once", async () => {
    const { window } = stubPage();
    const relay = relayOf((request, index) => (index < 8 ? request.break() : finish(relay, request)));
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.break();
    await pass(16_000);
    expect(relay.requests).toHaveLength(8);
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await pass();
    expect((await outcome).shown).toBe("One two");
  });
});

describe("a request", () => {
  test("whose answer is lost is sent again under the same id", async () => {
    const relay = fakeRelay((request, index) => {
      if (index < 2) request.break();
      else request.stream(opened(request.body.run), text("Hi", "1-1"), complete("Hi"));
    });
    const outcome = outcomeOf(relay);
    await pass(1_000);
    expect((await outcome).shown).toBe("Hi");
    expect(relay.requests.map(({ method }) => method)).toEqual(["POST", "POST", "POST"]);
    expect(new Set(relay.requests.map(({ body }) => body.run)).size).toBe(1);
  });

  test("that reaches nobody fails as `network` within a minute", async () => {
    const relay = fakeRelay((request) => request.break());
    const outcome = outcomeOf(relay).catch((error: unknown) => error);
    await pass(60_000);
    expect(await outcome).toMatchObject({ kind: "network", retryable: true });
    const sent = relay.requests.length;
    await pass(60_000);
    expect(relay.requests.length - sent, "one to stop what may have been started").toBeLessThanOrEqual(1);
  });

  test("that is refused for a while is sent again as a new one after `Retry-After`, and counted", async () => {
    const relay = fakeRelay((request, index) => {
      const error = { kind: "rateLimit", message: "Slow down.", retryable: true, retryAfterMs: 2_000 };
      if (index === 0) request.answer(429, { error });
      else request.stream(opened(request.body.run), complete("Hi"));
    });
    const outcome = outcomeOf(relay);
    await pass(2_000);
    expect((await outcome).message?.metrics.attempts).toMatchObject([
      { outcome: "rateLimit", status: 429 },
      { outcome: "answered" },
    ]);
    expect(new Set(relay.requests.map(({ body }) => body.run)).size).toBe(2);
  });

  test("whose credentials have expired asks for new ones once", async () => {
    let token = 0;
    const relay = relayOf((request, index) => {
      if (index % 2 === 1) request.answer(401, { error: { kind: "authentication", message: "Sign in." } });
      else finish(relay, request);
    });
    const outcome = outcomeOf(relay, { headers: async () => ({ authorization: `Bearer ${++token}` }) });
    await pass();
    relay.requests[0]?.break();
    await pass();
    expect((await outcome).shown).toBe("One two");
    expect(relay.requests.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer 1",
      "Bearer 2",
      "Bearer 3",
    ]);
  });

  test("with wrong credentials fails, with what came", async () => {
    const relay = relayOf((request) => request.answer(401, { error: { kind: "authentication", message: "Sign in." } }));
    const outcome = outcomeOf(relay, { headers: { authorization: "Bearer old" } });
    await pass();
    relay.requests[0]?.break();
    await pass();
    expect((await outcome).error).toMatchObject({ kind: "authentication", status: 401, partial: { content: "One " } });
    expect(relay.requests.filter(({ method }) => method === "GET")).toHaveLength(1);
  });
});

describe("a run that the relay has no longer", () => {
  test("is truncated, with what came", async () => {
    const relay = relayOf((request) => request.answer(404));
    const outcome = outcomeOf(relay);
    await pass();
    relay.requests[0]?.break();
    await pass();
    expect((await outcome).error).toMatchObject({ kind: "truncated", partial: { content: "One " } });
  });
});
