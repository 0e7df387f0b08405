/** Text of nothing but white space, wherever it stands in a conversation, does not reach a model that refuses it. */

import type { Message } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { type ClientName, clientAt, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const call = { id: "c", name: "look", arguments: {} };

const PLACES: readonly (readonly [string, readonly Message[]])[] = [
  ["a system prompt", [{ role: "system", content: " \n" }, HI]],
  ["a question before another", [{ role: "user", content: "\t" }, HI]],
  [
    "a question between replies",
    [HI, { role: "assistant", content: "a" }, { role: "user", content: "\n" }, { role: "assistant", content: "b" }, HI],
  ],
  [
    "a part of a question",
    [
      {
        role: "user",
        content: [
          { type: "text", text: "\u00a0" },
          { type: "text", text: "x" },
        ],
      },
    ],
  ],
  ["a greeting", [{ role: "assistant", content: " " }, HI]],
  ["a reply", [HI, { role: "assistant", content: "\n\n" }, HI]],
  [
    "the words before a call",
    [HI, { role: "assistant", content: "\n\n", toolCalls: [call] }, { role: "tool", toolCallId: "c", content: "r" }],
  ],
  [
    "what a tool said",
    [HI, { role: "assistant", content: "", toolCalls: [call] }, { role: "tool", toolCallId: "c", content: " \n" }],
  ],
];

const CLIENTS: readonly (readonly [ClientName, string])[] = [
  ["claude", "claude-opus-4-8"],
  ["claude", "claude-opus-5-5"],
  ["claude chat", "claude-opus-4-8"],
  ["openrouter", "anthropic/claude-opus-5"],
];

/** Every text and content in a request. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) =>
    typeof field === "string" ? (name === "text" || name === "content" ? [field] : []) : textsIn(field),
  );
}

describe.each(CLIENTS)("%s (%s)", (client, model) => {
  test.each(PLACES)("%s", async (_name, messages) => {
    const { body } = await recorder.sent(client, model, messages, { tools: [{ name: "look" }] });
    expect(textsIn(body).filter((text) => text !== "" && text.trim() === "")).toEqual([]);
    await using strict = await startProviderServer([{ text: "ok" }], { strict: true });
    const { content } = await clientAt(strict.origin, client, model).sendMessage(messages, {
      tools: [{ name: "look" }],
    });
    expect(content).toBe("ok");
  });
});

test("a conversation of nothing but white space is not sent", async () => {
  const before = recorder.requests.length;
  const blank = recorder.sent("claude", "claude-opus-4-8", [{ role: "user", content: " " }]);
  await expect(blank).rejects.toMatchObject({ kind: "invalidRequest" });
  expect(recorder.requests).toHaveLength(before);
});
