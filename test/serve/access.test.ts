/** Who may use the server: names of hosts, pages of other sites, the token and the cookie. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, ask, type Served, startServed } from "../support/served.ts";

const TOKEN = "a-token-of-the-tests";
const PATHS = ["/", "/info", "/metrics", "/relay/some-chat"];

describe("without a token", () => {
  let served: Served;
  beforeAll(async () => {
    served = await startServed(["--provider", "embedded"]);
  });
  afterAll(() => served[Symbol.asyncDispose]());

  const at = (path: string) => served.url + path;

  test.each(["localhost", "127.0.0.1", "[::1]", "app.localhost"])("the host %s is this machine", async (name) => {
    for (const path of PATHS) {
      const { status } = await ask(at(path), { host: `${name}:${new URL(served.url).port}` });
      expect(status, path).toBe(200);
    }
  });

  test.each(["rebound.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "x y"])(
    "a page that reaches it under the name %s reads nothing",
    async (host) => {
      for (const path of [...PATHS, "/healthz", "/main.js"]) {
        const { status, body } = await ask(at(path), { host });
        expect(status, path).toBe(403);
        expect(body).toContain("this server answers to localhost only");
      }
    },
  );

  test.each([
    ["by Origin", { origin: "https://evil.example" }],
    ["by an opaque Origin", { origin: "null" }],
    ["of another port", { origin: "http://localhost:1" }],
    ["by Sec-Fetch-Site", { "sec-fetch-site": "cross-site" }],
    ["of the same site", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }],
  ])("a page of another origin, known %s, may not send anything", async (_name, headers) => {
    const body = JSON.stringify({ run: "0123456789abcdef0123456789", chat: "c", message: "Hi" });
    const post = { method: "POST", body };
    const answer = await ask(at("/relay"), { ...headers, "content-type": "application/json" }, post);
    expect(answer.status).toBe(403);
    expect((await ask(at("/info"), headers)).status).toBe(403);
  });

  test("a link on another site opens the page, and nothing else", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect((await ask(at("/"), headers)).status).toBe(200);
    expect((await ask(at("/info"), headers)).status).toBe(403);
    expect((await ask(at("/"), { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).status).toBe(403);
  });

  test("no page may frame it, guess its types, or learn where it was left", async () => {
    for (const path of [...PATHS, "/healthz", "/missing"]) {
      const { headers } = await ask(at(path));
      expect(headers, path).toMatchObject({
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
      });
    }
  });
});

describe("with a token", () => {
  let served: Served;
  beforeAll(async () => {
    served = await startServed(["--provider", "embedded"], { env: { CLOUDLLM_TOKEN: TOKEN } });
  });
  afterAll(() => served[Symbol.asyncDispose]());

  const at = (path: string) => served.url + path;
  const login = (token: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => {
    const body = JSON.stringify({ token });
    const json = { "content-type": "application/json", "content-length": String(body.length) };
    return ask(at("/login"), { ...json, ...headers }, { method: "POST", body });
  };

  test("nothing is answered without it, but that the server lives and the page that asks for it", async () => {
    for (const path of ["/info", "/metrics", "/costs", "/relay/some-chat", "/anything"]) {
      const { status, headers } = await ask(at(path));
      const { "www-authenticate": challenge, "x-should-retry": retry } = headers;
      expect({ path, status, challenge, retry }).toEqual({ path, status: 401, challenge: "Bearer", retry: "false" });
    }
    expect((await ask(at("/"))).status).toBe(200);
    expect(await ask(at("/healthz"))).toMatchObject({ status: 200, body: "ok\n" });
  });

  test.each([
    ["authorization", `Bearer ${TOKEN}`],
    ["authorization", `bearer ${TOKEN}`],
    ["x-api-key", TOKEN],
    ["api-key", TOKEN],
  ])("a program sends it as %s: %s", async (name, value) => {
    expect((await ask(at("/info"), { [name]: value })).status).toBe(200);
  });

  test.each([
    ["authorization", `Bearer ${TOKEN}x`],
    ["authorization", `Basic ${TOKEN}`],
    ["authorization", TOKEN],
    ["x-api-key", ""],
    ["cookie", `cloudllm=${TOKEN}`],
  ])("%s: %s is refused", async (name, value) => {
    expect((await ask(at("/info"), { [name]: value })).status).toBe(401);
  });

  test("a browser gives it once and has a cookie that no script reads, no other site sends, and that does not reveal it", async () => {
    const { status, headers } = await login(TOKEN);
    const [cookie = ""] = headers["set-cookie"] ?? [];
    expect(status).toBe(204);
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; SameSite=Strict/i);
    expect(cookie).not.toContain(TOKEN);
    const [pair = ""] = cookie.split(";");
    expect((await ask(at("/info"), { cookie: pair })).status).toBe(200);
    expect((await ask(at("/info"), { cookie: `${pair}x` })).status).toBe(401);
    expect((await login(TOKEN, { "x-forwarded-proto": "https" })).headers["set-cookie"]?.[0]).toMatch(/; Secure/i);
  });

  test("a wrong token gets no cookie, and neither does a form of another site", async () => {
    for (const wrong of ["", "wrong", 7, null, undefined]) {
      const { status, headers } = await login(wrong);
      expect({ status, cookie: headers["set-cookie"] }).toEqual({ status: 401, cookie: undefined });
    }
    expect((await login(TOKEN, { "content-type": "text/plain" })).status).toBe(401);
    expect((await login(TOKEN, { origin: "https://evil.example" })).status).toBe(403);
  });

  test("other names than localhost are answered: a name is no secret, and the token is", async () => {
    const headers = { host: "chat.example", authorization: `Bearer ${TOKEN}` };
    expect((await ask(at("/info"), headers)).status).toBe(200);
  });

  test("the token is in no line that the server writes", async () => {
    await ask(at(`/info?token=${TOKEN}`), { authorization: `Bearer ${TOKEN}` });
    await served.said("GET  /info");
    expect(served.lines()).not.toContain(TOKEN);
  });
});
