/** A client behind a company's proxy, as its users see it. */

import { type ClientOptions, CompatibleClient, SendError } from "cloudllm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type CompanyProxy, type Provider, startProvider, startProxy, streams } from "../support/company.ts";
import { opensslMissing, PROVIDER_HOST } from "../support/own-ca.ts";
import { GOOD_END, textEvent } from "../support/raw-server.ts";

const KEY = "sk-company-0123456789";
const QUESTION = [{ role: "user", content: "Hello?" }] as const;

const open: AsyncDisposable[] = [];
/** Ends with the test. */
async function using<Started extends AsyncDisposable>(started: Promise<Started>): Promise<Started> {
  const it = await started;
  open.push(it);
  return it;
}

beforeEach(() => {
  // The root of the test's own company is not known to this process, which has started already.
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  for (const name of ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "NODE_USE_ENV_PROXY", "NODE_OPTIONS"]) {
    vi.stubEnv(name, "");
    vi.stubEnv(name.toLowerCase(), "");
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const it of open.splice(0)) await it[Symbol.asyncDispose]();
});

function clientOf({ port }: Provider, options: Partial<ClientOptions>): CompatibleClient {
  const { baseUrl = `https://${PROVIDER_HOST}:${port}/v1`, ...rest } = options;
  return new CompatibleClient({ model: "m", apiKey: KEY, retries: { max: 0 }, ...rest, baseUrl });
}

/** The text of a streamed reply. */
async function streamed(client: CompatibleClient): Promise<string> {
  const stream = await client.sendMessageStream(QUESTION);
  let text = "";
  for await (const piece of stream.text()) text += piece;
  return text;
}

async function failureOf(call: Promise<unknown>): Promise<SendError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SendError) return error;
  throw new Error(`no SendError: ${String(error)}`);
}

/** Everything that an error shows anywhere. */
function shownBy(error: SendError): string {
  return [error.stack, JSON.stringify(error), String(error.cause), (error.cause as Error | undefined)?.stack].join(
    "\n",
  );
}

describe.skipIf(opensslMissing)("through a proxy", () => {
  test("replies stream, and one tunnel serves all calls of several clients", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy({ credentials: "us@er:p w" }));
    const url = proxy.url.replace("//", "//us%40er:p%20w@");
    const [one, other] = [clientOf(provider, { proxy: url }), clientOf(provider, { proxy: url })];
    expect(await streamed(one)).toBe("Hello from outside");
    expect(await streamed(one)).toBe("Hello from outside");
    expect(await streamed(other)).toBe("Hello from outside");
    expect(proxy.connects()).toHaveLength(1);
    expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${KEY}`));
  });

  test("the key and the password do not meet: each is sent only to the server that it is for", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy({ credentials: "user:pass-word" }));
    await streamed(clientOf(provider, { proxy: proxy.url.replace("//", "//user:pass-word@") }));
    expect(proxy.heads.join()).not.toContain(KEY);
    expect(proxy.heads[0]).toMatch(new RegExp(`^CONNECT ${PROVIDER_HOST}:${provider.port} HTTP/1.1\r\n`));
    expect(Object.keys(provider.requests[0]?.headers ?? {}).filter((name) => name.startsWith("proxy-"))).toEqual([]);
  });

  test("`proxy: true` reads the variables; `false` and no option go directly", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy());
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    expect(await streamed(clientOf(provider, { proxy: true }))).toBe("Hello from outside");
    expect(proxy.connects()).toHaveLength(1);
    for (const options of [{ proxy: false }, {}]) {
      expect(await failureOf(clientOf(provider, options).sendMessage(QUESTION))).toMatchObject({ kind: "network" });
    }
    const loopback = { proxy: true, baseUrl: `https://localhost:${provider.port}/v1` };
    expect(await streamed(clientOf(provider, loopback))).toBe("Hello from outside");
    expect(proxy.heads).toHaveLength(1);
  });

  test.each([
    ["NODE_USE_ENV_PROXY", "1"],
    ["NODE_OPTIONS", "--max-http-header-size=16384 --use-env-proxy"],
  ])("Node's switch counts without an option (%s), and `proxy: false` is stronger", async (name, value) => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy());
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    vi.stubEnv(name, value);
    expect(await streamed(clientOf(provider, {}))).toBe("Hello from outside");
    expect(await failureOf(clientOf(provider, { proxy: false }).sendMessage(QUESTION))).toMatchObject({
      kind: "network",
    });
    expect(proxy.heads).toHaveLength(1);
  });

  test("NO_PROXY is obeyed", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy());
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    vi.stubEnv("NO_PROXY", ".example.test");
    expect(await failureOf(clientOf(provider, { proxy: true }).sendMessage(QUESTION))).toMatchObject({
      kind: "network",
    });
    expect(proxy.heads).toEqual([]);
  });

  test("`warm` opens the tunnel, without the key, and the first call uses it", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy());
    const client = clientOf(provider, { proxy: proxy.url });
    expect(await client.warm()).toBe(true);
    expect(await streamed(client)).toBe("Hello from outside");
    expect(proxy.connects()).toHaveLength(1);
  });

  test("`warm` reports a proxy that refuses, and that none is there", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy({ credentials: "a:b" }));
    expect(await clientOf(provider, { proxy: proxy.url }).warm()).toBe(false);
    await proxy[Symbol.asyncDispose]();
    expect(await clientOf(provider, { proxy: proxy.url }).warm()).toBe(false);
  });

  test("a proxy that speaks TLS itself is possible", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy({ isSecure: true, credentials: "a:b" }));
    const client = clientOf(provider, { proxy: proxy.url.replace("//", "//a:b@") });
    expect(await streamed(client)).toBe("Hello from outside");
    expect(await streamed(client)).toBe("Hello from outside");
    expect(proxy.connects()).toHaveLength(1);
  });
});

describe.skipIf(opensslMissing)("what a proxy refuses is said, without its password", () => {
  async function refusedBy(answer: Parameters<typeof startProxy>[0], credentials = ""): Promise<SendError> {
    const provider = await using(startProvider());
    const proxy = await using(startProxy(answer));
    const client = clientOf(provider, { proxy: proxy.url.replace("//", `//${credentials}`) });
    const error = await failureOf(streamed(client));
    expect(provider.requests).toEqual([]);
    expect(shownBy(error)).toContain(`http://127.0.0.1:${proxy.port}`);
    expect(shownBy(error)).not.toMatch(/hunter2|aHVudGVy|bWU6aHVudGVyM/);
    expect(error).toMatchObject({ provider: "compatible", model: "m", attempts: [expect.anything()] });
    return error;
  }

  test("it asks for a name and a password", async () => {
    const error = await refusedBy({ credentials: "me:hunter2" });
    expect(error).toMatchObject({ kind: "permission", retryable: false, status: 407, code: "ERR_PROXY_TUNNEL" });
    expect(error.message).toMatch(
      /asks for a name and a password\. Write them into the option `proxy`: http:\/\/name:password@/,
    );
  });

  test("it does not accept them", async () => {
    const error = await refusedBy({ credentials: "me:other" }, "me:hunter2@");
    expect(error).toMatchObject({ kind: "permission", retryable: false, status: 407 });
    expect(error.message).toMatch(/does not accept the name and password/);
  });

  test("it asks for a scheme of the system's", async () => {
    const headers = "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n";
    const error = await refusedBy({ treat: () => ({ status: 407, headers }) }, "me:hunter2@");
    expect(error).toMatchObject({ kind: "permission", retryable: false });
    expect(error.message).toMatch(/asks for Negotiate, which is not supported.*`agent`/);
  });

  test.each<[string, number, Partial<SendError>]>([
    ["the address is forbidden", 403, { kind: "permission", retryable: false, status: 403 }],
    ["it says 401, as tinyproxy does", 401, { kind: "permission", retryable: false, status: 401 }],
    ["it does not know CONNECT", 405, { kind: "network", retryable: false, status: 405 }],
    ["it cannot reach the provider", 502, { kind: "network", retryable: true, status: 502 }],
    ["it is busy", 429, { kind: "network", retryable: true, status: 429 }],
  ])("%s", async (_what, status, expected) => {
    expect(await refusedBy({ treat: () => ({ status }) }, "me:hunter2@")).toMatchObject(expected);
  });

  test.each<[string, Parameters<typeof startProxy>[0], Partial<SendError>]>([
    ["it closes the connection", { treat: () => "close" }, { kind: "network", retryable: true }],
    [
      "it speaks another protocol",
      { treat: () => ({ say: "SSH-2.0-OpenSSH_9.2\r\n" }) },
      { kind: "network", retryable: false },
    ],
    [
      "its answer has no end",
      { treat: () => ({ say: `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}` }) },
      { kind: "network" },
    ],
    ["its answer is not a status", { treat: () => ({ say: "HTTP/1.1 OK\r\n\r\n" }) }, { kind: "network" }],
  ])("%s", async (_what, options, expected) => {
    expect(await refusedBy(options, "me:hunter2@")).toMatchObject(expected);
  });

  test("none is there", async () => {
    const provider = await using(startProvider());
    const proxy = await startProxy();
    await proxy[Symbol.asyncDispose]();
    const error = await failureOf(streamed(clientOf(provider, { proxy: proxy.url.replace("//", "//me:hunter2@") })));
    expect(error).toMatchObject({ kind: "network", code: "ECONNREFUSED", retryable: true });
    expect(error.message).toMatch(
      /Could not reach the proxy http:\/\/127\.0\.0\.1:\d+ \(the option `proxy`\): connect ECONNREFUSED .+\. Is the proxy running there\?/,
    );
    expect(shownBy(error)).not.toContain("hunter2");
  });

  test("its certificate, or the provider's, is not trusted: no key is sent", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "1");
    const provider = await using(startProvider());
    const [plain, secure] = [await using(startProxy()), await using(startProxy({ isSecure: true }))];
    const inside = await failureOf(streamed(clientOf(provider, { proxy: plain.url })));
    expect(inside).toMatchObject({ kind: "network", retryable: false });
    expect(inside.message).toMatch(/certificate is not trusted.*NODE_EXTRA_CA_CERTS/);
    expect(await failureOf(streamed(clientOf(provider, { proxy: secure.url })))).toMatchObject({
      kind: "network",
      retryable: false,
    });
    expect(secure.heads).toEqual([]);
    expect(provider.requests).toEqual([]);
  });

  test("a proxy of a variable that speaks SOCKS: nothing is sent around it", async () => {
    const provider = await using(startProvider());
    vi.stubEnv("ALL_PROXY", "socks5://me:hunter2@127.0.0.1:9");
    const error = await failureOf(streamed(clientOf(provider, { proxy: true })));
    expect(error).toMatchObject({ kind: "unsupported", retryable: false, provider: "compatible" });
    expect(error.message).toContain("ALL_PROXY");
    expect(shownBy(error)).not.toContain("hunter2");
  });
});

describe.skipIf(opensslMissing)("a proxy that fails on the way", () => {
  test("it is silent: the call ends at its limit, and its connection is closed", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy({ treat: () => "silent" }));
    const client = clientOf(provider, { proxy: proxy.url, timeouts: { headers: 80 } });
    expect(await failureOf(streamed(client))).toMatchObject({ kind: "timeout", phase: "headers" });
    await proxy.idle();
  });

  test("it is silent: the caller's signal ends the call at once, and its connection is closed", async () => {
    const provider = await using(startProvider());
    const caller = new AbortController();
    const treat = () => {
      setImmediate(() => caller.abort());
      return "silent" as const;
    };
    const proxy = await using(startProxy({ treat }));
    const call = clientOf(provider, { proxy: proxy.url }).sendMessage(QUESTION, { signal: caller.signal });
    expect(await failureOf(call)).toMatchObject({ kind: "aborted" });
    await proxy.idle();
  });

  test("it cuts the reply in the middle: what has come is kept", async () => {
    const provider = await using(
      startProvider((response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(textEvent("Half"));
      }),
    );
    const proxy = await using(startProxy({ treat: () => ({ cutAfter: 900 }) }));
    const error = await failureOf(streamed(clientOf(provider, { proxy: proxy.url })));
    expect(["network", "truncated"]).toContain(error.kind);
    expect(error.retryable).toBe(true);
  });

  test("it holds the reply back until its end: the reply is complete", async () => {
    let release = (): void => undefined;
    const holdUntil = new Promise<void>((resolve) => {
      release = resolve;
    });
    const provider = await using(startProvider((response) => response.end(textEvent("Late") + GOOD_END)));
    // TLS needs answers, so that only a proxy for plain HTTP can hold a reply back.
    const plain = await using(
      startProvider(
        (response, request) => {
          streams(response, request);
          setImmediate(release);
        },
        { plain: true },
      ),
    );
    const proxy = await using(startProxy({ treat: () => ({ holdUntil }) }));
    const baseUrl = `http://127.0.0.1:${plain.port}/v1`;
    expect(await streamed(clientOf(provider, { proxy: proxy.url, baseUrl }))).toBe("Hello from outside");
  });

  test("a retry opens another tunnel", async () => {
    const provider = await using(startProvider());
    const proxy = await using(startProxy({ treat: (index) => (index === 0 ? { status: 503 } : "pass") }));
    const client = clientOf(provider, { proxy: proxy.url, retries: { max: 1 } });
    expect(await streamed(client)).toBe("Hello from outside");
    expect(proxy.connects()).toHaveLength(2);
  });

  test("a kept tunnel that the proxy has closed does not fail the next call", async () => {
    const provider = await using(startProvider());
    const proxy: CompanyProxy = await using(startProxy());
    const client = clientOf(provider, { proxy: proxy.url });
    expect(await streamed(client)).toBe("Hello from outside");
    await proxy.dropAll();
    expect(await streamed(client)).toBe("Hello from outside");
    expect(proxy.connects()).toHaveLength(2);
  });
});

describe("plain HTTP through a proxy", () => {
  async function plain(options: Partial<ClientOptions>, proxyOptions: Parameters<typeof startProxy>[0] = {}) {
    const provider = await using(startProvider(undefined, { plain: true }));
    const proxy = await using(startProxy(proxyOptions));
    const baseUrl = `http://127.0.0.1:${provider.port}/v1`;
    const url = proxy.url.replace("//", "//me:hunter2@");
    return { provider, proxy, client: clientOf(provider, { baseUrl, proxy: url, ...options }) };
  }

  test("the request names the complete address, and the provider gets its path", async () => {
    const { client, provider, proxy } = await plain({}, { credentials: "me:hunter2" });
    expect(await streamed(client)).toBe("Hello from outside");
    expect(proxy.heads[0]).toMatch(/^POST http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions HTTP\/1\.1\r\n/);
    expect(provider.requests[0]?.url).toBe("/v1/chat/completions");
    expect(provider.requests[0]?.headers).not.toHaveProperty("proxy-authorization");
    expect(provider.requests[0]?.headers.host).toBe(`127.0.0.1:${provider.port}`);
  });

  test("a 407 is the proxy's, not the provider's", async () => {
    const { client, provider } = await plain({}, { credentials: "me:other" });
    const error = await failureOf(streamed(client));
    expect(error).toMatchObject({ kind: "permission", status: 407, retryable: false });
    expect(error.message).toMatch(/^The proxy http:\/\/127/);
    expect(provider.requests).toEqual([]);
  });

  test("a proxy that repeats its password in an error does not bring it into ours", async () => {
    const body = `<pre>Proxy-Authorization: Basic ${btoa("me:hunter2")} (me:hunter2)</pre>`;
    const { client } = await plain({}, { treat: () => ({ status: 502, body }) });
    const error = await failureOf(streamed(client));
    expect(error.kind).toBe("server");
    expect(shownBy(error)).not.toMatch(/hunter2|bWU6aHVudGVyM/);
  });

  test("a key does not go in clear text to a proxy in a public network", async () => {
    const { client, provider } = await plain({ proxy: "http://proxy.example.com:3128" });
    const error = await failureOf(streamed(client));
    expect(error).toMatchObject({ kind: "invalidRequest", message: expect.stringMatching(/readable on the way/) });
    expect(provider.requests).toEqual([]);
  });
});
