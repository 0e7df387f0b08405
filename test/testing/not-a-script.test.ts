/** What is not a script is refused by name, where the test hands it over. */

import { type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";

const MISTAKES: readonly (readonly [string, unknown, string])[] = [
  [
    "a text",
    ["Hello"],
    'Script 1 must be an object with `text`, `steps` or `refusal`, such as { text: "Hello" }. Received "Hello".',
  ],
  [
    "an object without any of the fields",
    [{ text: "a" }, { content: "b" }],
    "Script 2 must be an object with `text`, `steps` or `refusal`. Received an object.",
  ],
  ["one script without its array", { text: "a" }, "The scripts must be an array or a function. Received an object."],
];

test.each(MISTAKES)("a scripted client refuses %s", (_name, scripts, message) => {
  expect(() => scriptedClient(scripts as ReplyScript[])).toThrow(new TypeError(message));
});

test.each(MISTAKES)("a loopback server refuses %s", async (_name, scripts, message) => {
  const expected = message.replace("`steps` or `refusal`", "`steps`, `refusal` or `body`");
  await expect(startProviderServer(scripts as ReplyScript[])).rejects.toThrow(new TypeError(expected));
});

test("a function that returns a text is refused at its call", async () => {
  const client = scriptedClient(() => "Hello" as unknown as ReplyScript);
  await expect(client.sendMessage([{ role: "user", content: "hi" }])).rejects.toThrow(
    /^A script must be an object with/,
  );
});

test.each([
  ["/v1/chat/completions", true],
  ["/v1beta/openai/chat/completions", true],
  ["/chat/completions", true],
  ["/v1/v1/chat/completions", false],
  ["/v1/responses", true],
  ["/v1/v1/responses", false],
  ["/responses", false],
  ["/v1/messages", true],
  ["/v1/v1/messages", false],
  ["/v1beta/models/any:generateContent", true],
  ["/v1/v1beta/models/any:generateContent", false],
  ["/v1/completions", false],
])("a strict server and the path %s: %s", async (path, isServed) => {
  await using server = await startProviderServer([{ text: "Hello" }], { strict: true });
  const response = await fetch(server.origin + path, { method: "POST", body: "{}" });
  expect(response.status === 404).toBe(!isServed);
});
