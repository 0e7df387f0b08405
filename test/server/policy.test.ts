/** A relay's options: safe defaults, and mistakes that are named when the relay is made. */

import { MemoryStore } from "cloudllm";
import { createRelay, type RelayOptions } from "cloudllm/server";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { policyOf } from "../../src/server/policy/policy.ts";
import type { PolicyOptions } from "../../src/server/policy/policy-options.ts";
import { corsHeaders, originRefusal, preflightResponse } from "../../src/server/request/cors.ts";

const made = (options: object, hasSessions = false) =>
  policyOf({ authorize: "public", ...options } as PolicyOptions, { hasSessions, otherOptions: ["client", "log"] });

describe("options", () => {
  test.each<[sessions: unknown, message: RegExp]>([
    [new MemoryStore(), /`sessions` must be an object with that `store`/],
    [{ stor: new MemoryStore() }, /Unknown option `sessions\.stor`\. Did you mean `sessions\.store`/],
    [{ budget: {} }, /`sessions` must have a `store`/],
  ])("a store in the place of its settings is named, case %#", (sessions, message) => {
    const options = { client: scriptedClient([]), authorize: "public", sessions } as RelayOptions;
    expect(() => createRelay(options)).toThrow(message);
  });

  test("a relay that nobody was let into cannot be made", () => {
    expect(() => policyOf({} as PolicyOptions, { hasSessions: false })).toThrow(/needs the option `authorize`/);
  });

  test("a misspelled `authorize` is named, instead of being missed", () => {
    const options = { autorize: "public" } as unknown as PolicyOptions;
    expect(() => policyOf(options, { hasSessions: false })).toThrow(
      /Unknown option `autorize`. Did you mean `authorize`/,
    );
  });

  test.each<[mistake: object, message: RegExp]>([
    [{ authorize: true }, /`authorize` must be a function of the request, or "public", not true/],
    [{ autorize: () => undefined }, /Unknown option `autorize`\. Did you mean `authorize`/],
    [{ origins: ["*"] }, /`origins` must be an array of origins/],
    [{ origins: ["https://a.example/"] }, /`origins`/],
    [{ origins: "https://a.example" }, /`origins`/],
    [{ origins: ["null"] }, /`origins`/],
    [{ origins: ["file:///"] }, /`origins`/],
    [{ origins: ["app.example.com"] }, /`origins`/],
    [{ origins: ["HTTPS://app.example.com"] }, /`origins`/],
    [{ origins: ["https://u:p@app.example.com"] }, /`origins`/],
    [{ origins: ["capacitor://localhost/"] }, /`origins`/],
    [{ credentials: "include" }, /`credentials` must be true or false/],
    [{ limits: { bodyBytes: 0 } }, /`limits\.bodyBytes` must be an integer above 0, not 0/],
    [{ limits: { bodyMs: Number.POSITIVE_INFINITY } }, /`limits\.bodyMs` must be milliseconds/],
    [{ limits: { runPerUser: 1 } }, /Unknown option `limits\.runPerUser`\. Did you mean `limits\.runsPerUser`/],
    [{ limits: [] }, /`limits` must be an object/],
    [{ limit: 5 }, /`limit` must be a function/],
    [{ allow: ["headers"] }, /`allow` must be an array of model, maxOutputTokens/],
    [{ allow: ["tools"] }, /`allow`/],
    [{ allow: ["model"] }, /need each other/],
    [{ models: { a: { sendMessageStream: 1 } } }, /need each other/],
    [{ models: { a: "gpt" }, allow: ["model"] }, /`models` must hold clients/],
    [{ history: "none" }, /`history` must be "server", "signed" or "client"/],
    [{ history: "server" }, /needs `sessions`/],
    [{ secret: "short" }, /`secret` must be a string of at least 32 characters, not a string/],
    [{ trustHistory: 1 }, /`trustHistory`/],
    [{ clientTools: "yes" }, /`clientTools`/],
    [{ attachmentUrl: /x/ }, /`attachmentUrl` must be a function/],
    [{ expose: { thinking: true } }, /Unknown option `expose\.thinking`/],
    [{ expose: { reasoning: "yes" } }, /`expose\.reasoning` must be true or false/],
    [{ describe: "sorry" }, /`describe` must be a function/],
  ])("%j", (mistake, text) => {
    expect(() => made(mistake)).toThrow(TypeError);
    expect(() => made(mistake)).toThrow(text);
  });

  test("a secret stands in no message", () => {
    expect(() => made({ secret: "hunter2" })).not.toThrow(/hunter2/);
  });

  test("with a session store, the browser's history never counts", () => {
    expect(made({}, true).history).toBe("server");
    expect(() => made({ history: "client" }, true)).toThrow(/store has the history/);
  });

  test("one limit overrides its default alone, and undefined none", () => {
    const { limits, expose } = made({ limits: { parts: 2, depth: undefined }, expose: { usage: undefined } });
    expect(limits).toMatchObject({ parts: 2, depth: 64, runsPerUser: 4, viewersPerRun: 16, totalMs: 600_000 });
    expect(expose).toEqual({
      reasoning: false,
      usage: true,
      toolResults: true,
      providerTools: false,
      logprobs: false,
    });
  });

  test("everybody is one user of a public relay", async () => {
    expect(await made({}).authorize({ web: () => new Request("https://a.example/") })).toEqual({ user: "public" });
  });
});

describe("origins", () => {
  const RELAY = "https://relay.example/chat";
  const PAGE = "https://app.example";
  const asked = (headers: Record<string, string>, method = "POST") => new Request(RELAY, { method, headers });

  test.each<[name: string, options: object, headers: Record<string, string>, allowed: boolean]>([
    ["a program, which has no origin", {}, {}, true],
    ["a page of the relay's own origin", {}, { origin: "https://relay.example" }, true],
    ["the same behind a proxy that ends TLS", {}, { origin: "http://relay.example" }, true],
    [
      "the same behind a proxy that changes the host, as the browser says",
      {},
      { origin: "https://public.example", "sec-fetch-site": "same-origin" },
      true,
    ],
    ["another page", {}, { origin: PAGE }, false],
    ["another page that names the relay's host", {}, { origin: "https://relay.example.evil.example" }, false],
    ["a page of a neighbouring host", {}, { origin: "https://x.relay.example", "sec-fetch-site": "same-site" }, false],
    ["a page in an app that has the relay's host", {}, { origin: "capacitor://relay.example" }, false],
    ["a listed page in an app", { origins: ["capacitor://localhost"] }, { origin: "capacitor://localhost" }, true],
    ["a listed extension", { origins: ["chrome-extension://abc"] }, { origin: "chrome-extension://abc" }, true],
    ["a sandboxed frame", {}, { origin: "null" }, false],
    ["an origin that cannot be read", {}, { origin: "::" }, false],
    ["a listed page", { origins: [PAGE] }, { origin: PAGE, "sec-fetch-site": "cross-site" }, true],
    [
      "a page whose origin only begins like a listed one",
      { origins: [PAGE] },
      { origin: `${PAGE}.evil.example` },
      false,
    ],
    ["a listed page with another scheme", { origins: [PAGE] }, { origin: "http://app.example" }, false],
    ["a link from another site with cookies", {}, { cookie: "a=1", "sec-fetch-site": "cross-site" }, false],
    [
      "a listed page with cookies that were not asked for",
      { origins: [PAGE] },
      { origin: PAGE, cookie: "a=1", "sec-fetch-site": "cross-site" },
      false,
    ],
    [
      "a listed page with cookies that were asked for",
      { origins: [PAGE], credentials: true },
      { origin: PAGE, cookie: "a=1", "sec-fetch-site": "cross-site" },
      true,
    ],
  ])("%s", (_name, options, headers, allowed) => {
    const request = {
      url: RELAY,
      headers: new Headers(headers),
    } as Request; // a `Request` made here keeps no header that only browsers set
    expect(originRefusal(request, made(options))?.status).toBe(allowed ? undefined : 403);
  });

  test("without a list there is no header of CORS at all", () => {
    expect(corsHeaders(asked({ origin: PAGE }), made({}))).toEqual({});
    expect([...preflightResponse(asked({ origin: PAGE }, "OPTIONS"), made({})).headers]).toEqual([
      ["allow", "GET, POST, DELETE, OPTIONS"],
    ]);
  });

  test("a listed page is named exactly, and caches are warned", () => {
    const policy = made({ origins: [PAGE] });
    const request = { url: RELAY, headers: new Headers({ origin: PAGE }) } as Request;
    expect(corsHeaders(request, policy)).toEqual({
      vary: "Origin",
      "access-control-allow-origin": PAGE,
      "access-control-expose-headers": "x-stream-id, retry-after, x-request-id",
    });
    expect(Object.fromEntries(preflightResponse(request, policy).headers)).toMatchObject({
      "access-control-allow-headers": "content-type, authorization, last-event-id, x-run-id, traceparent, tracestate",
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-max-age": "7200",
    });
    expect(corsHeaders(asked({}), policy)).toEqual({ vary: "Origin" });
    expect(corsHeaders(request, made({ origins: [PAGE], credentials: true }))).toHaveProperty(
      "access-control-allow-credentials",
      "true",
    );
  });
});
