/** Ollama from the command line: in its own protocol, in which a prompt is not cut without a word. */

import { startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";
import { command } from "./command.ts";

test.each([
  ["/v1", "as other servers are named"],
  ["/v1/", "with a slash"],
  ["", "as Ollama names it"],
])("the address may end in %j, %s", async (path) => {
  await using server = await startProviderServer([{ text: "Hello" }]);
  const address = ["--base-url", server.origin + path, "--model", "qwen3"];
  const { stdout, stderr, code } = await command(["--provider", "ollama", ...address, "--max-tokens", "50", "Hi"]);
  expect(code, stderr).toBe(0);
  expect(stdout).toBe("Hello\n");
  expect(server.requests.map((request) => request.path)).toEqual(["/api/chat"]);
  expect(server.requests[0]?.body).toMatchObject({ model: "qwen3", truncate: false, options: { num_predict: 50 } });
});

test("a prompt that is too long is refused, with what helps at the command line", async () => {
  const refusal = { status: 400, message: "the input length exceeds the context length" };
  await using server = await startProviderServer([{ refusal }]);
  const args = ["--provider", "ollama", "--base-url", server.origin, "--model", "qwen3"];
  const { stdout, stderr, code } = await command(args, { stdin: "a long text" });
  expect([stdout, code]).toEqual(["", 1]);
  expect(stderr).toContain("Start Ollama with a larger OLLAMA_CONTEXT_LENGTH, or send less.");
  expect(stderr).not.toContain("providerOptions");
});
