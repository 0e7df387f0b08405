/** `CLOUDLLM_LOG=debug`: what goes over the wire is on stderr, a line each, without the key. */

import { startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";
import { command } from "./command.ts";

const KEY = "sk-secret-0123456789abcdef";

function ask(baseUrl: string, level: string) {
  const env = { CLOUDLLM_LOG: level, CLOUDLLM_API_KEY: KEY };
  return command(["--provider", "compatible", "--base-url", baseUrl, "--model", "m", "-q", "hi"], { env });
}

test("each request and each response is a line, and the key is in none of them", async () => {
  await using server = await startProviderServer([{ text: [`Your key is ${KEY}\n`, "\u001b[2JHello"] }]);
  const { code, stdout, stderr } = await ask(server.baseUrl, "debug");
  expect(code).toBe(0);
  expect(stdout).toContain("Hello");
  const lines = stderr.trimEnd().split("\n");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^cloudllm: debug: request 1: POST http:.*\/v1\/chat\/completions \{.*"content":"hi"/);
  expect(lines[1]).toMatch(/^cloudllm: debug: response 1: status 200, \d+ ms, \d+ bytes, complete data: \{.*\[DONE\]$/);
  expect(stderr).not.toContain(KEY);
  expect(stderr).not.toContain("\u001b[2J");
});

test("nothing is written without it, and a wrong value is an error", async () => {
  await using server = await startProviderServer([{ text: "Hello" }]);
  expect(await ask(server.baseUrl, "off")).toMatchObject({ code: 0, stderr: "" });
  const wrong = await ask(server.baseUrl, "verbose");
  expect(wrong).toMatchObject({ code: 2, stderr: "cloudllm: CLOUDLLM_LOG must be `debug` or `off`.\n" });
});
