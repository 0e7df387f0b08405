/** A key goes over plain http only where the network is the caller's own, or the caller says so. */

import { ClaudeClient, CompatibleClient, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";

const HI = [{ role: "user", content: "hi" }] as const;
const key = { model: "m", apiKey: "key-of-some-length", retries: 0 } as const;
const fetch = async () => new Response("no", { status: 418 });

const PUBLIC = [
  "http://api.example.com/v1",
  "http://8.8.8.8/v1",
  "http://172.32.0.1",
  "http://100.128.0.1",
  "http://[2001:db8::1]/v1",
  "http://[::ffff:8.8.8.8]",
  "http://[::ffff:7.240.0.1]", // not 127.…, though it begins with 7f in hex
  "http://0.0.0.1",
  "http://134744072", // 8.8.8.8
  "http://localhost.example.com",
  "http://10.example.com",
  "http://internal.example",
];
const OWN = [
  "http://localhost:11434/v1",
  "http://127.0.0.1:1/v1",
  "http://127.9.9.9",
  "http://0.0.0.0:8000/v1", // what a server prints that listens everywhere
  "http://[::]:8000/v1",
  "http://[::ffff:127.0.0.1]",
  "http://2130706433", // 127.0.0.1
  "http://0x7f.1",
  "http://[::1]:8080/v1",
  "http://10.1.2.3",
  "http://172.16.0.1",
  "http://172.31.255.1",
  "http://192.168.1.20:8000/v1",
  "http://169.254.1.1",
  "http://100.64.0.1",
  "http://[fd00::1]",
  "http://[fe80::1]",
  "http://[::ffff:10.0.0.1]",
  "http://gpu-box:8000/v1",
  "http://models.local",
  "http://llm.internal/v1",
  "http://a.localhost",
  "http://nas.home.arpa",
  "http://models.local.",
];

describe.each(PUBLIC)("%s", (baseUrl) => {
  test("is refused with a key, before anything is sent", () => {
    expect(() => new CompatibleClient({ ...key, baseUrl, fetch })).toThrow(/over http.*allowInsecureHttp/s);
    expect(() => new ClaudeClient({ ...key, baseUrl, fetch })).toThrow(TypeError);
  });

  test("is refused with a key in the caller's headers", async () => {
    const client = new CompatibleClient({
      model: "m",
      baseUrl,
      fetch,
      headers: { Authorization: "Bearer key-of-some-length" },
    });
    const error = await client.sendMessage(HI).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind: "invalidRequest", message: expect.not.stringContaining("key-of-some") });
  });

  test("is asked without a key, and with one when the caller allows it", async () => {
    await expect(
      new CompatibleClient({ model: "m", baseUrl, fetch, retries: 0 }).sendMessage(HI),
    ).rejects.toMatchObject({ status: 418 });
    await expect(
      new CompatibleClient({ ...key, baseUrl, fetch, allowInsecureHttp: true }).sendMessage(HI),
    ).rejects.toMatchObject({ status: 418 });
  });
});

test.each(OWN)("%s is the caller's own network", async (baseUrl) => {
  await expect(new CompatibleClient({ ...key, baseUrl, fetch }).sendMessage(HI)).rejects.toMatchObject({ status: 418 });
});

test("a key from the environment is refused when it would be sent", async () => {
  process.env.ANTHROPIC_API_KEY = "key-of-some-length";
  try {
    const client = new ClaudeClient({ model: "m", baseUrl: "http://api.example.com", fetch });
    await expect(client.sendMessage(HI)).rejects.toMatchObject({ kind: "invalidRequest" });
  } finally {
    delete process.env.ANTHROPIC_API_KEY;
  }
});
