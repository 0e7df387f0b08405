import { describe, expect, test } from "vitest";
import { commandOf } from "../../src/cli/arguments.ts";

const NONE = { quiet: false, nonStreamed: false };

describe("the words of a command line", () => {
  test.each([
    ["one question", ["Why?"], { name: "ask", words: "Why?", json: false, settings: NONE }],
    ["words without quotes", ["why", "is", "it"], { name: "ask", words: "why is it", json: false, settings: NONE }],
    ["nothing: the question is in stdin", [], { name: "ask", json: false, settings: NONE }],
    ["a chat", ["chat"], { name: "chat", settings: NONE }],
    ["a chat, options first", ["-q", "chat"], { name: "chat", settings: { ...NONE, quiet: true } }],
    ["a comparison", ["compare", "Why", "so?"], { name: "compare", words: "Why so?", settings: NONE }],
    ["chat as a question", ["--", "chat"], { name: "ask", words: "chat", json: false, settings: NONE }],
    ["chat as a later word", ["what's", "chat"], { name: "ask", words: "what's chat", json: false, settings: NONE }],
    ["a question with a dash", ["--", "-5 + 3?"], { name: "ask", words: "-5 + 3?", json: false, settings: NONE }],
    ["help, with any other options", ["chat", "--help", "--json"], { name: "help" }],
    ["the version", ["--version"], { name: "version" }],
    [
      "JSON, in one piece",
      ["--json", "--no-stream", "x"],
      { name: "ask", words: "x", json: true, settings: { ...NONE, nonStreamed: true } },
    ],
  ])("%s", (_name, args, expected) => expect(commandOf(args)).toEqual(expected));

  test("every setting", () => {
    const args =
      "--provider Grok -m grok-9 --base-url http://h/v1 -s Be.brief --max-tokens 9 -t 0.5 --timeout 1.5 --no-color --env .env x";
    expect(commandOf(args.split(" "))).toMatchObject({
      settings: {
        provider: "grok",
        model: "grok-9",
        baseUrl: "http://h/v1",
        system: "Be.brief",
        maxOutputTokens: 9,
        temperature: 0.5,
        timeoutMs: 1_500,
        color: false,
        envFile: ".env",
      },
    });
  });
});

describe("what makes no sense is said, with exit code 2", () => {
  test.each([
    [["--colour"], "Unknown option '--colour'"],
    [["--provider", "acme", "x"], 'Unknown provider "acme". Valid providers: openai, xai'],
    [["--provider", "constructor", "x"], "Unknown provider"],
    [["--modle", "m", "x"], "Unknown option '--modle'. Did you mean --model? See cloudllm --help."],
    [["--Model", "m", "x"], "Did you mean --model?"],
    [["--temprature", "1", "x"], "Did you mean --temperature?"],
    [["--tokens", "1", "x"], "Did you mean --max-tokens?"],
    [["--url", "http://h", "x"], "Did you mean --base-url?"],
    [["--max_tokens", "1", "x"], "Did you mean --max-tokens?"],
    [["--colour"], "Did you mean --no-color?"],
    [["--__proto__", "x"], "Unknown option '--__proto__'. A question that begins with a dash goes behind --. See"],
    [["-z", "x"], "Unknown option '-z'. A question that begins with a dash goes behind --. See cloudllm --help."],
    [["-m"], "-m needs a value. See cloudllm --help."],
    [["x", "--model"], "--model needs a value. See cloudllm --help."],
    [["--system", "-x", "y"], "--system needs a value. One that begins with a dash is written --system=-x. See"],
    [["--json=1", "x"], "--json takes no value. See cloudllm --help."],
    [["--model", "", "x"], "--model is empty."],
    [["--temperature", "3", "x"], '--temperature must be a number from 0 to 2, not "3".'],
    [["--temperature", "", "x"], "--temperature must be"],
    [["--max-tokens", "0", "x"], "--max-tokens must be an integer above 0"],
    [["--max-tokens", "1.5", "x"], "--max-tokens must be an integer above 0"],
    [["--timeout", "soon", "x"], "--timeout must be seconds"],
    [["--timeout=-1", "x"], "--timeout must be seconds"],
    [["chat", "--json"], "--json works for one answer only"],
    [["chat", "hello"], "chat takes no question"],
    [["compare", "--no-stream", "x"], "compare prints a table"],
  ])("%j", (args, message) => {
    expect(() => commandOf(args)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });
});
