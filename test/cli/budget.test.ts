/** A turn of the command line ends at its limit, and a limit that could not be kept is refused. */

import { type ServerReply, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { command } from "./command.ts";

const words = Array.from({ length: 400 }, (_, at) => `word${at} `);
/** In many reads, as a model writes. */
const long: ServerReply = { steps: words.flatMap((text) => [{ text }, { pause: 2 }]) };
const openai = ["--provider", "openai", "--model", "gpt-5.2"];
const env = { OPENAI_API_KEY: "none" };
const ENDED = "ended at the budget of its turn";

async function asked(args: readonly string[], reply: ServerReply = long) {
  await using server = await startProviderServer([reply, reply]);
  const result = await command([...args, "--base-url", server.baseUrl, "Go on"], { env });
  return { ...result, requests: server.requests.length };
}

describe("one question", () => {
  test("is answered as far as the tokens reach, and stderr says where it ended and that it is an estimate", async () => {
    const { stdout, stderr, code } = await asked(["--model", "m", "--max-total-tokens", "100"]);
    expect(code, stderr).toBe(0);
    expect(words.join("").startsWith(stdout.trimEnd())).toBe(true);
    expect(stdout.length).toBeGreaterThan(50);
    expect(stdout.length).toBeLessThan(words.join("").length / 2);
    expect(stderr).toContain(ENDED);
    expect(stderr).toMatch(/≈\d+ in, ≈\d+ out/);
  });

  test("is answered as far as the dollars reach, and the cost is marked as an estimate", async () => {
    const { stdout, stderr, code } = await asked([...openai, "--max-cost", "0.002"]); // 143 tokens
    expect(code, stderr).toBe(0);
    expect(words.join("").startsWith(stdout.trimEnd())).toBe(true);
    expect(stdout.length).toBeLessThan(words.join("").length / 2);
    expect(stderr).toContain(ENDED);
    expect(stderr).toMatch(/≈\$0\.002/);
  });

  test("within the limits it is the same as without", async () => {
    const { stdout, stderr } = await asked([...openai, "--max-cost", "5", "--max-total-tokens", "100000"], {
      text: "Hi",
    });
    expect(stdout).toBe("Hi\n");
    expect(stderr).not.toContain(ENDED);
  });
});

test("each turn of a chat has the limit for itself, and the history stays legal", async () => {
  await using server = await startProviderServer([{ text: "Short" }, long, { text: "The end" }]);
  const args = ["chat", "--ephemeral", "--base-url", server.baseUrl, "--model", "m", "--max-total-tokens", "100"];
  const { stderr } = await command(args, { stdin: "Begin\nGo on\nAgain\n" });
  const [first, second] = stderr.split("\n");
  expect([first?.includes(ENDED), second?.includes(ENDED)]).toEqual([false, true]);
  const last = server.requests[2]?.body as { readonly messages: readonly { readonly role: string }[] } | undefined;
  expect(last?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant", "user"]);
});

describe("a limit that could not be kept is refused before anything is sent", () => {
  test.each([
    [["--model", "gpt-5.2", "--max-cost", "1"], "The price of gpt-5.2 is not known. Use --max-total-tokens for it."],
    [[...openai, "--max-cost", "nothing"], '--max-cost must be dollars, such as 0.05, not "nothing".'],
    [[...openai, "--max-cost", "0"], "--max-cost must be above 0."],
    [[...openai, "--max-total-tokens", "1.5"], "--max-total-tokens must be an integer above 0"],
    [["compare", ...openai, "--max-cost", "1"], "compare asks twice"],
    [[...openai, "--no-stream", "--max-cost", "1"], "leave out --no-stream, or limit the reply with --max-tokens."],
    [[...openai, "--no-stream", "--max-total-tokens", "9"], "cannot end a reply that comes in one piece"],
  ])("%j", async (args, message) => {
    const { code, stderr, requests } = await asked(args);
    expect(stderr).toContain(message);
    expect([code, requests]).toEqual([2, 0]);
  });

  test("also when a chat goes over to a model without a price", async () => {
    await using server = await startProviderServer([{ text: "Hi" }]);
    const args = ["chat", "--ephemeral", ...openai, "--base-url", server.baseUrl, "--max-cost", "1"];
    const { stderr } = await command(args, { env, stdin: "/model gpt-99\nHello\n" });
    expect(stderr).toContain("The price of gpt-99 is not known.");
    expect(server.requests[0]?.body).toMatchObject({ model: "gpt-5.2" });
  });
});
