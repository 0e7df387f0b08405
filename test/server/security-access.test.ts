/** Who gets in: authorization, other users, other sites, hostile addresses. */

import { describe, expect, test } from "vitest";
import type { SendError } from "../../src/contract/errors.ts";
import { createRelay, type RelayOptions } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { eventsOf, get, post, read, runId, textOf } from "../support/relay.ts";
import { answer, HELLO, HOST, KEY, relayOf, start, text, useLeakCheck } from "./hardened-relay.ts";

useLeakCheck();

describe("no authorization", () => {
  test("a relay without `authorize` cannot be made", () => {
    expect(() => createRelay({ client: scriptedClient([]) } as unknown as RelayOptions)).toThrow("`authorize`");
  });

  test("nobody gets in who was not let in, on no route", async () => {
    const { relay, client } = relayOf();
    const run = runId();
    for (const request of [
      start(),
      get(`${run}/stream`),
      get(`${run}/stream?run=${run}`),
      get(run),
      post({}, `${run}/stop`),
    ]) {
      expect(await text(relay, request, null)).toMatch(/^401 .*"kind":"authentication"/);
    }
    expect(client.calls).toEqual([]);
  });

  test("an answer of the server's own is sent as it is", async () => {
    const { relay } = relayOf({ authorize: async () => new Response("pay first", { status: 402 }) });
    expect(await text(relay, start())).toBe("402 pay first");
  });

  test.each([Response.redirect("https://login.example/"), new Response("no", { status: 403 })])(
    "an answer of the server's own reaches a listed page: %#",
    async (own) => {
      const { relay } = relayOf({ authorize: () => own, origins: ["https://app.example"] });
      const response = await answer(relay, start());
      expect([response.status, response.headers.get("vary")]).toEqual([own.status, "Origin"]);
    },
  );

  test.each([undefined, null, "", 0, 42, {}, "ann\ud83d"])(
    "a caller whose name is %j is nobody, and shares nothing",
    async (user) => {
      const errors: SendError[] = [];
      const { relay, client } = relayOf({
        authorize: () => ({ user: user as string }),
        onError: (e) => errors.push(e),
      });
      expect(await text(relay, start())).toMatch(/^500 /);
      expect(errors[0]?.message).toMatch(/failed: `authorize` must return \{ user \}/);
      expect(client.calls).toEqual([]);
    },
  );

  test("a check that fails lets nobody in, and says nothing", async () => {
    const errors: SendError[] = [];
    const authorize = () => Promise.reject(new Error(`database ${HOST} refused ${KEY}`));
    const { relay } = relayOf({ authorize, onError: (error) => errors.push(error) });
    expect(await text(relay, start())).toMatch(/^500 .*"kind":"server"/);
    expect(errors).toHaveLength(1);
  });
});

describe("another user's run", () => {
  test("reading, stopping and starting it again are all answered as for one that does not exist", async () => {
    const gate = new Gate();
    const { relay, client } = relayOf({}, { steps: [{ text: "mine " }, { pause: gate }, { text: "end" }] });
    const run = runId();
    const chat = "poems";
    const mine = await answer(relay, start({ run, chat }));
    const unknown = runId();
    const withoutId = (said: string) => said.replace(/"requestId":"[^"]*"/, "");
    for (const requestOf of [
      (id: string) => get(`${chat}/stream?run=${id}`),
      (id: string) => get(`${id}/stream?run=${id}`),
      (id: string) => get(`${id}/stream?run=${id}&after=1-1`),
      (id: string) => post({ run: id }, `${chat}/stop`),
    ]) {
      const theirs = withoutId(await text(relay, requestOf(run), "eve"));
      expect(theirs).toMatch(/^404 /);
      expect(theirs).toBe(withoutId(await text(relay, requestOf(unknown), "eve")));
    }
    // A chat's name is each user's own: there is nothing to read, and nothing to stop.
    expect(await text(relay, get(`${chat}/stream`), "eve")).toBe("204 ");
    expect(await text(relay, get(`${run}/stream`), "eve")).toBe("204 ");
    expect(await text(relay, post({}, `${chat}/stop`), "eve")).toBe("204 ");
    expect(await text(relay, post({ run, messages: HELLO }), "eve")).toMatch(/^404 /);
    expect(client.calls).toHaveLength(1);
    gate.open();
    expect(textOf(await read(mine))).toBe("mine end");
  });

  test("two users have chats of one name", async () => {
    const { relay } = relayOf();
    for (const user of ["ann", "eve", "ann/x", "ann%2Fx", "../ann"]) {
      const response = await answer(relay, start({ chat: "x" }), user);
      expect(textOf(await read(response))).toBe("Hello");
    }
  });
});

describe("other sites", () => {
  /** `Request` drops headers that only browsers set; a server's request has them. */
  function fromBrowser(request: Request, headers: Record<string, string>): Request {
    const all = new Headers([...request.headers, ...Object.entries({ "x-user": "ann", ...headers })]);
    return new Proxy(request, {
      get: (target, name) => {
        if (name === "headers") return all;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  test("a foreign page can neither start, stop nor read", async () => {
    const { relay, client } = relayOf();
    const origin = "https://evil.example";
    for (const request of [start(), post({}, "poems/stop"), get("poems/stream"), get("poems")]) {
      const response = await relay.handle(fromBrowser(request, { origin, "sec-fetch-site": "cross-site" }));
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    expect(client.calls).toEqual([]);
  });

  test("a link from a foreign page reads nothing in its visitor's name", async () => {
    const { relay } = relayOf();
    const headers = { cookie: "session=1", "sec-fetch-site": "cross-site" };
    expect((await relay.handle(fromBrowser(get("poems"), headers))).status).toBe(403);
  });

  test("its preflight is answered without permission; a listed page gets it, and each answer names it", async () => {
    const origin = "https://app.example";
    const preflight = new Request("http://relay.test/chat/", { method: "OPTIONS" });
    const closed = await relayOf().relay.handle(fromBrowser(preflight, { origin }));
    expect([...closed.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    const { relay } = relayOf({ origins: [origin] });
    const open = await relay.handle(fromBrowser(preflight, { origin }));
    expect(open.headers.get("access-control-allow-origin")).toBe(origin);
    expect(open.headers.get("access-control-allow-headers")).toContain("last-event-id");
    expect(open.headers.get("access-control-allow-credentials")).toBeNull();
    for (const request of [start(), get("nothing/stream"), start({ run: "short" })]) {
      const response = await relay.handle(fromBrowser(request, { origin }));
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      expect(response.headers.get("vary")).toContain("Origin");
      await response.body?.cancel();
    }
  });

  test("GET and HEAD neither start nor stop, whatever they carry", async () => {
    const gate = new Gate();
    const { relay, client } = relayOf({}, { steps: [{ text: "a" }, { pause: gate }] });
    const run = runId();
    const running = await answer(relay, start({ run, chat: "c" }));
    await answer(relay, get(`c/stop?run=${run}`));
    await answer(relay, get(`?run=${runId()}`));
    await answer(relay, get("c/stop"));
    expect(client.calls).toHaveLength(1);
    gate.open();
    expect((await read(running)).at(-1)).toMatchObject({ type: "complete", message: { finishReason: "stop" } });
  });
});

describe("addresses", () => {
  const urls = (path: string, method = "GET", headers: Record<string, string> = {}) =>
    new Request(`http://relay.test${path}`, { method, headers });

  test.each<[address: string, method: string, status: RegExp]>([
    ["/chat/..%2f..%2fetc%2fpasswd", "GET", /^40[04] /],
    ["/chat/..%2f/stream", "GET", /^40[04] /],
    ["/chat/a%2Fb/stream", "GET", /^40[04] /],
    ["/chat/%E0%A4%A/stream", "GET", /^40[04] /],
    ["/chat/%00/stream", "GET", /^40[04] /],
    ["/chat/ünï/stream", "GET", /^40[04] /],
    ["/chat/a%0d%0aset-cookie:x=y/stream", "GET", /^40[04] /],
    [`/chat/${"a".repeat(129)}/stream`, "GET", /^40[04] /],
    ["/chat/a/stream?after=1", "GET", /^400 /],
    ["/chat/a/stream?after=", "GET", /^400 /],
    ["/chat/a/stream?after=1-1%0d%0a", "GET", /^400 /],
    ["/chat/a/stream?after=-1--1", "GET", /^400 /],
    ["/chat/a/stream?after=1-1e9", "GET", /^400 /],
    ["/chat/a/stream?after=0-0", "GET", /^400 /],
    [`/chat/a/stream?after=1-${"9".repeat(400)}`, "GET", /^400 /],
    ["/chat/a/stream?run=../../x", "GET", /^40[04] /],
    ["/chat/a/stream?run=__proto__", "GET", /^40[04] /],
    ["/chat/a/stream?run=", "GET", /^40[04] /],
    [`/chat/a/stream?run=${"a".repeat(10_000)}`, "GET", /^40[04] /],
    ["/chat/a", "PUT", /^405 /],
    ["/chat/a", "DELETE", /^404 /],
    ["/chat/", "DELETE", /^40[04] /],
    ["/chat/a/stream", "DELETE", /^40[04] /],
    ["/chat/../a", "DELETE", /^404 /],
    ["/chat/a", "PATCH", /^405 /],
    ["/chat/a", "PROPFIND", /^405 /],
    ["/chat/a/stream", "HEAD", /^405 /],
  ])("%s %s", async (address, method, status) => {
    const { relay, client } = relayOf();
    expect(await text(relay, urls(address, method))).toMatch(status);
    expect(client.calls).toEqual([]);
  });

  test.each(["PUT", "PATCH", "HEAD"])("%s is refused with the methods that are answered", async (method) => {
    const { relay } = relayOf();
    const refused = await relay.handle(urls("/chat/a", method));
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, POST, DELETE, OPTIONS"]);
  });

  test("a chat named as a property of every object is a chat like another", async () => {
    const { relay } = relayOf();
    for (const chat of ["__proto__", "constructor", "toString"]) {
      expect(textOf(await read(await answer(relay, start({ chat }))))).toBe("Hello");
      expect(await text(relay, get(`${chat}/stream`))).toContain("Hello");
    }
  });

  test("of a parameter that is given twice, one counts, and no other user's run is read by it", async () => {
    const { relay } = relayOf();
    const [mine, theirs] = [runId(), runId()];
    await text(relay, start({ run: mine, chat: "c" }));
    await text(relay, start({ run: theirs, chat: "c" }), "eve");
    expect(await text(relay, get(`c/stream?run=${theirs}&run=${mine}`))).toMatch(/^404 /);
    expect(await text(relay, get(`c/stream?run=${mine}&run=${theirs}`))).toMatch(/^200 /);
  });

  test("an id of an event that this run has not written is answered, not waited for without end", async () => {
    const { relay } = relayOf();
    const run = runId();
    await text(relay, start({ run }));
    for (const after of ["1-999", "7-1", "1-0"]) {
      const said = await text(relay, get(`${run}/stream?after=${after}`));
      expect(said).toMatch(/^(200|400) /);
    }
    expect(await text(relay, get(`${run}/stream?after=end`))).toBe("204 ");
  });

  test("ids of events arrive without line breaks, and events with one line of data", async () => {
    const { relay } = relayOf({}, { text: ["a\r\nid: 9-9\n\ndata: {}\n\n", "\u2028b"] });
    const response = await answer(relay, start());
    const events = [];
    for await (const event of eventsOf(response)) events.push(event);
    expect(textOf(events)).toBe("a\r\nid: 9-9\n\ndata: {}\n\n\u2028b");
  });
});
