/** Which proxy an address gets: a key must not go around the proxy because a variable is spelled another way. */

import { SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { proxyFor, settingsFor, settingsOf } from "../../src/transport/proxy-settings.ts";

type Env = Readonly<Record<string, string>>;

function chosen(url: string, env: Env, isNodeSwitch = false): string {
  return proxyFor(new URL(url), settingsOf(env, isNodeSwitch))?.origin ?? "direct";
}

const HTTPS = "https://api.example.test/v1";
const HTTP = "http://api.example.test/v1";

test.each<[string, string, Env, string]>([
  ["no variable", HTTPS, {}, "direct"],
  ["lower case before upper case", HTTPS, { https_proxy: "http://a:1", HTTPS_PROXY: "http://b:2" }, "http://a:1"],
  ["an empty variable is unset", HTTPS, { https_proxy: "", HTTPS_PROXY: "http://b:2" }, "http://b:2"],
  ["a blank variable is unset", HTTPS, { HTTPS_PROXY: "  ", all_proxy: "http://c:3" }, "http://c:3"],
  ["ALL_PROXY for what has none", HTTP, { HTTPS_PROXY: "http://a:1", ALL_PROXY: "http://c:3" }, "http://c:3"],
  ["http_proxy is not for https", HTTPS, { http_proxy: "http://a:1" }, "direct"],
  ["a proxy without a scheme", HTTPS, { HTTPS_PROXY: "proxy.corp:3128" }, "http://proxy.corp:3128"],
  ["a proxy that speaks TLS", HTTPS, { HTTPS_PROXY: "https://proxy.corp" }, "https://proxy.corp"],
  ["upper-case HTTP_PROXY", HTTP, { HTTP_PROXY: "http://a:1" }, "http://a:1"],
  [
    "HTTP_PROXY in CGI, where a visitor may set it",
    HTTP,
    { HTTP_PROXY: "http://a:1", REQUEST_METHOD: "GET" },
    "direct",
  ],
])("%s", (_what, url, env, expected) => {
  expect(chosen(url, env)).toBe(expected);
});

test("with Node's switch, http_proxy is also for https, as for Node's fetch", () => {
  expect(chosen(HTTPS, { http_proxy: "http://a:1" }, true)).toBe("http://a:1");
  expect(chosen(HTTPS, { http_proxy: "http://a:1", HTTPS_PROXY: "http://b:2" }, true)).toBe("http://b:2");
});

describe("NO_PROXY", () => {
  test.each<[entries: string, url: string, isDirect: boolean]>([
    ["*", HTTPS, true],
    ["other.test, *", HTTPS, true],
    ["*:443", HTTPS, true],
    ["*:80", HTTPS, false],
    ["api.example.test", HTTPS, true],
    ["API.Example.Test", HTTPS, true],
    ["api.example.test.", HTTPS, true],
    ["api.example.test", "https://api.example.test.:443/", true],
    ["example.test", HTTPS, true],
    [".example.test", HTTPS, true],
    [".example.test", "https://example.test/", true],
    ["*.example.test", HTTPS, true],
    ["*.example.test", "https://example.test/", true],
    ["ample.test", HTTPS, false],
    ["api.example.test:443", HTTPS, true],
    ["api.example.test:8443", HTTPS, false],
    ["api.example.test:80", HTTP, true],
    ["api.example.test:8443", "https://api.example.test:8443/", true],
    ["a.test,api.example.test,b.test", HTTPS, true],
    ["a.test, api.example.test", HTTPS, true],
    ["a.test api.example.test\tb.test", HTTPS, true],
    [",, ,", HTTPS, false],
    ["", HTTPS, false],
    [".", HTTPS, false],
    [":443", HTTPS, false],
    ["10.1.2.3", "https://10.1.2.3/", true],
    ["2.3", "https://10.1.2.3/", false],
    ["10.1.2.0-10.1.2.9", "https://10.1.2.3/", true],
    ["10.1.2.0-10.1.2.2", "https://10.1.2.3/", false],
    ["10.0.0.0/8", "https://10.1.2.3/", true],
    ["10.0.0.0/8", "https://11.1.2.3/", false],
    ["10.1.2.2/31", "https://10.1.2.3/", true],
    ["10.1.2.3/32", "https://10.1.2.2/", false],
    ["0.0.0.0/0", "https://10.1.2.3/", true],
    ["10.0.0.0/x", "https://10.1.2.3/", false],
    ["10.0.0.0/", "https://10.1.2.3/", false],
    ["10.0.0.0/8", HTTPS, false],
    ["fd00::1", "https://[fd00::1]/", true],
    ["[fd00::1]", "https://[fd00::1]/", true],
    ["[fd00::1]:8443", "https://[fd00::1]:8443/", true],
    ["[fd00::1]:8443", "https://[fd00::1]/", false],
    ["fd00::2", "https://[fd00::1]/", false],
  ])("%j for %s: %j", (entries, url, isDirect) => {
    const proxies = { https_proxy: "http://p:1", http_proxy: "http://p:1" };
    expect(chosen(url, { ...proxies, NO_PROXY: entries })).toBe(isDirect ? "direct" : "http://p:1");
    expect(chosen(url, { ...proxies, no_proxy: entries, NO_PROXY: "" })).toBe(isDirect ? "direct" : "http://p:1");
  });
});

test.each(["http://localhost:11434/v1", "http://127.0.0.1:1/", "https://[::1]/", "http://ollama.localhost/"])(
  "a server on this machine is not sent to the proxy of a variable: %s",
  (url) => {
    expect(chosen(url, { all_proxy: "http://p:1" })).toBe("direct");
    expect(proxyFor(new URL(url), settingsFor("http://p:1"))?.origin).toBe("http://p:1");
  },
);

describe("a proxy that cannot be used is an error, not a direct connection", () => {
  test.each<[string, RegExp]>([
    ["socks5://proxy.corp:1080", /HTTPS_PROXY speaks socks5, which is not supported/],
    ["socks5h://n:secret@proxy.corp:1080", /speaks socks5h/],
    ["pac+http://proxy.corp/x.pac", /speaks pac\+http/],
    ["http://", /HTTPS_PROXY is not a valid URL/],
    ["http://name:%zz-secret@proxy:1", /not a valid URL/],
    ["http://name:secret@proxy:port", /not a valid URL/],
  ])("%s", (text, message) => {
    let error: unknown;
    try {
      chosen(HTTPS, { HTTPS_PROXY: text });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind: "unsupported", message: expect.stringMatching(message) });
    expect(String(error)).not.toContain("secret");
  });
});

test("the password of a proxy may have escapes, and is in no name of it", () => {
  const proxy = proxyFor(new URL(HTTPS), settingsFor("http://us%40er:p%3Aw%C3%BC@proxy.corp:3128"));
  expect(proxy?.authorization).toBe(`Basic ${Buffer.from("us@er:p:wü").toString("base64")}`);
  expect(proxy).toMatchObject({ origin: "http://proxy.corp:3128", hostname: "proxy.corp", port: 3128 });
  expect(proxyFor(new URL(HTTPS), settingsFor("http://[fd00::5]:3128"))?.hostname).toBe("fd00::5");
});
