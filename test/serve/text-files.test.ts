/** A served client counts what it sends: the words of a text file, by the provider's own count where it has one. */

import type { ClientWrapper, Message } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import { Metrics, measured } from "../../src/cli/serve/metrics.ts";
import { readingTextFiles } from "../../src/cli/serve/text-files.ts";

const served = (client: ClientWrapper) => readingTextFiles(measured(client, new Metrics()));

const question: Message = {
  role: "user",
  content: [{ type: "file", data: Buffer.from("Buy milk"), mediaType: "text/plain", filename: "notes.md" }],
};

test("the provider counts the words of a text file, as they are sent", async () => {
  const counted: string[] = [];
  const client: ClientWrapper = Object.assign(scriptedClient([]), {
    async countTokens(messages: readonly Message[]) {
      counted.push(JSON.stringify(messages));
      return { inputTokens: 7, source: "provider" } as const;
    },
  });
  expect(await served(client).countTokens?.([question])).toEqual({ inputTokens: 7, source: "provider" });
  expect(counted).toEqual([expect.stringContaining("Buy milk")]);
});

test("a client that cannot count is served without a count", () => {
  const { provider, model, defaults, sendMessage, sendMessageStream } = scriptedClient([]);
  expect("countTokens" in served({ provider, model, defaults, sendMessage, sendMessageStream })).toBe(false);
});
