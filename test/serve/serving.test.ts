/** The running server: what is where, figures, lines about requests, tools, and its end. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientWrapper } from "cloudllm";
import { Gate, startProviderServer } from "cloudllm/testing";
import { relayClient } from "cloudllm/web";
import { afterAll, describe, expect, test } from "vitest";
import { ask, type Served, startServed } from "../support/served.ts";

const TOY = ["--provider", "embedded"];

const folder = mkdtempSync(join(tmpdir(), "cloudllm-serving-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function chatOf({ url }: Served, chat = "poems"): ClientWrapper {
  return relayClient({ url: `${url}/relay`, chat });
}

async function textOf(client: ClientWrapper, content: string): Promise<string> {
  return (await client.sendMessage([{ role: "user", content }])).content;
}

test("a newcomer without a key has a reply, is told that it is a toy's, and sees what is where", async () => {
  await using served = await startServed(TOY);
  expect(await textOf(chatOf(served), "What is streaming?")).not.toBe("");
  const { body } = await ask(`${served.url}/info`);
  expect(JSON.parse(body)).toMatchObject({ provider: "embedded", model: "cloudllm-toy", tools: [] });
  for (const line of [served.url, `${served.url}/relay`, `${served.url}/metrics`, "Only this machine can use it."]) {
    expect(served.lines()).toContain(line);
  }
});

test("a conversation is there again after the server was started anew", async () => {
  const store = [...TOY, "--store", join(folder, "chats")];
  {
    await using first = await startServed(store);
    await textOf(chatOf(first), "Hello");
  }
  await using second = await startServed(store);
  const { body } = await ask(`${second.url}/relay/poems`);
  const { messages } = JSON.parse(body) as { readonly messages: readonly unknown[] };
  expect(messages[0]).toMatchObject({ role: "user", content: "Hello" });
});

test("another provider answers when the first one fails", async () => {
  await using broken = await startProviderServer([{ refusal: { status: 401, message: "Wrong key." } }]);
  await using served = await startServed(["--base-url", broken.baseUrl, "--model", "m", "--fallback", "embedded"]);
  const reply = await chatOf(served).sendMessage([{ role: "user", content: "What is a token?" }]);
  expect(reply).toMatchObject({ provider: "embedded", content: expect.stringContaining("token") });
  expect(broken.requests).toHaveLength(1);
});

test("a module's tools run in the server", async () => {
  const path = join(folder, "tools.mjs");
  const weather = `export const weather = { name: "weather", parameters: { type: "object" }, run: () => "Rain in Oslo" };`;
  writeFileSync(path, `${weather}\nexport default [weather];\nexport const other = 7;`);
  await using provider = await startProviderServer([
    { steps: [{ toolCall: { name: "weather", arguments: {} } }] },
    { text: "Take an umbrella." },
  ]);
  await using served = await startServed(["--base-url", provider.baseUrl, "--model", "m", "--tools", path]);
  expect(await textOf(chatOf(served), "Umbrella?")).toBe("Take an umbrella.");
  expect(JSON.stringify(provider.requests[1]?.body)).toContain("Rain in Oslo");
  expect(JSON.parse((await ask(`${served.url}/info`)).body)).toMatchObject({ tools: ["weather"] });
});

test("the user, who started the server, is told what is wrong with it, and no line has the key", async () => {
  const key = "sk-of-the-tests-0123456789";
  await using provider = await startProviderServer(() => ({
    refusal: { status: 401, message: `Incorrect API key provided: ${key}.` },
  }));
  const args = ["--base-url", provider.baseUrl, "--model", "m"];
  await using served = await startServed(args, { env: { CLOUDLLM_API_KEY: key } });
  await expect(textOf(chatOf(served), "Hi")).rejects.toThrow("Incorrect API key provided");
  await expect(textOf(chatOf(served), "Hi")).rejects.not.toThrow(key);
  await served.said("Incorrect API key provided");
  expect(served.lines()).not.toContain(key);
});

describe("a line about each request", () => {
  test("says what was asked, how it was answered and how long that took, and no query", async () => {
    await using served = await startServed(TOY);
    await ask(`${served.url}/missing?secret=1`);
    await served.said("GET  /missing  404  ");
    expect(served.lines()).toMatch(/^\d\d:\d\d:\d\d {2}GET {2}\/missing {2}404 {2}\d\.\d\d s$/m);
    expect(served.lines()).not.toContain("secret");
  });

  test("is one line, whatever the path holds", async () => {
    await using served = await startServed(TOY);
    await ask(`${served.url}/%0a00:00:00%20%20GET%20%20/forged\u0085`.replace("\u0085", "%C2%85"));
    await ask(`${served.url}/${"x".repeat(5_000)}`);
    await served.said("xx…  404");
    for (const line of served.lines().split("\n")) expect(line.length).toBeLessThan(200);
    expect(served.lines().match(/^.*forged.*$/gm)).toHaveLength(1);
  });

  test("is left out with --quiet", async () => {
    await using served = await startServed([...TOY, "--quiet"]);
    await ask(`${served.url}/missing`);
    served.process.kill("SIGTERM");
    await served.ended;
    expect(served.lines()).toBe("");
  });
});

test("figures count replies by their ending, tokens, the first token, what runs and who watches", async () => {
  const gate = new Gate();
  await using provider = await startProviderServer([
    { text: "Hello", ending: { usage: { inputTokens: 7, outputTokens: 3 } } },
    { refusal: { status: 401, message: "Wrong key." } },
    { steps: [{ text: "Once" }, { pause: gate }, { text: " upon" }] },
  ]);
  await using served = await startServed(["--base-url", provider.baseUrl, "--model", "m"]);
  const figures = async () => (await ask(`${served.url}/metrics`)).body.split("\n");
  await textOf(chatOf(served), "Hi");
  await textOf(chatOf(served), "Hi").catch(() => undefined);
  const stream = await chatOf(served).sendMessageStream([{ role: "user", content: "Hi" }]);
  await gate.reached;
  expect(await figures()).toEqual(expect.arrayContaining(["cloudllm_replies_running 1", "cloudllm_viewers 1"]));
  gate.open();
  await stream.finalMessage();
  const lines = await figures();
  expect(lines).toEqual(
    expect.arrayContaining([
      'cloudllm_replies_total{ending="stop"} 2',
      'cloudllm_replies_total{ending="failed"} 1',
      'cloudllm_failures_total{kind="authentication"} 1',
      "cloudllm_time_to_first_token_seconds_count 2",
      "cloudllm_replies_running 0",
    ]),
  );
  expect(lines.find((line) => line.startsWith('cloudllm_tokens_total{kind="input"}'))).toMatch(/ \d+$/);
  for (const line of lines) expect(line).toMatch(/^$|^# (HELP|TYPE) \w+ .+$|^\w+(\{\w+="[\w.+]+"\})? [\d.e+-]+$/);
});

test("costs are known or null, each for itself", async () => {
  await using served = await startServed(TOY);
  const usage = { inputTokens: 1_000, outputTokens: 5, totalTokens: 1_005 };
  const asked = [
    { provider: "openai", model: "gpt-6-luna", usage },
    { provider: "openai", model: "unheard-of", usage },
    { provider: "openai", model: "gpt-6-luna", usage: { ...usage, inputTokens: -1 } },
    { provider: "openai", model: "gpt-6-luna" },
    null,
  ];
  const costs = async (body: string, type = "application/json") => {
    const headers = { "content-type": type, "content-length": String(body.length) };
    return JSON.parse((await ask(`${served.url}/costs`, headers, { method: "POST", body })).body);
  };
  expect(await costs(JSON.stringify(asked))).toEqual([expect.any(Number), null, null, null, null]);
  for (const body of ["{}", "[", "7"]) expect(await costs(body)).toEqual([]);
  expect(await costs(JSON.stringify(asked), "text/plain")).toEqual([]);
});

describe("a signal to end", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s ends a server that is idle, at once", async (signal) => {
    await using served = await startServed(TOY);
    served.process.kill(signal);
    expect(await served.ended).toBe(0);
  });

  test("lets a reply come to its end, refuses new ones, and says to a monitor that it ends", async () => {
    const gate = new Gate();
    await using provider = await startProviderServer([
      { steps: [{ text: "Once" }, { pause: gate }, { text: " more" }] },
    ]);
    await using served = await startServed(["--base-url", provider.baseUrl, "--model", "m"]);
    const stream = await chatOf(served).sendMessageStream([{ role: "user", content: "Hi" }]);
    await gate.reached;
    served.process.kill("SIGTERM");
    await served.said("Replies under way have 10 s to end.");
    expect((await ask(`${served.url}/healthz`)).status).toBe(503);
    const run = "0123456789abcdef0123456789";
    const body = JSON.stringify({ run, chat: "other", message: "Hi" });
    const post = { method: "POST", body };
    expect((await ask(`${served.url}/relay`, { "content-type": "application/json" }, post)).status).toBe(503);
    gate.open();
    expect((await stream.finalMessage()).content).toBe("Once more");
    expect(await served.ended).toBe(0);
  });

  test("a second one ends a reply that does not end, and its text is kept", async () => {
    const store = ["--store", join(folder, "stopped")];
    const endless = new Gate();
    await using provider = await startProviderServer([{ steps: [{ text: "Once" }, { pause: endless }] }]);
    {
      await using served = await startServed(["--base-url", provider.baseUrl, "--model", "m", ...store]);
      const stream = await chatOf(served).sendMessageStream([{ role: "user", content: "Hi" }]);
      void stream.finalMessage().catch(() => undefined);
      await endless.reached;
      served.process.kill("SIGTERM");
      await served.said("A second signal ends them now.");
      served.process.kill("SIGTERM");
      expect(await served.ended).toBe(130);
    }
    await using next = await startServed([...TOY, ...store]);
    expect((await ask(`${next.url}/relay/poems`)).body).toContain("Once");
  });
});
