/** A front end that sends its conversation with each request, to a relay that keeps it. */

import { expect, test } from "vitest";
import { MemoryStore, type Tool } from "../../src/index.ts";
import { createRelay } from "../../src/server/index.ts";
import { type ReplyScript, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId } from "../support/relay.ts";

/** Returns a function that sends a turn, and resolves with the texts of the chat's history. */
function chat(scripts: readonly ReplyScript[], tools: readonly Tool[] = []) {
  const client = scriptedClient(scripts);
  const relay = createRelay({ client, authorize: "public", sessions: { store: new MemoryStore() }, tools });
  return async (fields: object): Promise<readonly string[]> => {
    await read(await relay.handle(post({ run: runId(), chat: "c", ...fields })));
    const { messages } = (await (await relay.handle(get("c"))).json()) as { messages: { content: string }[] };
    return messages.map(({ content }) => content);
  };
}

const replies = ["One.", "Two.", "Three.", "Four."].map((text) => ({ text }));

test("an edited or repeated question takes the place of the one that the page does not show", async () => {
  const turn = chat(replies);
  await turn({ message: "1", earlier: [] });
  expect(await turn({ message: "2", earlier: ["1"] })).toEqual(["1", "One.", "2", "Two."]);
  expect(await turn({ message: "2", earlier: ["1"] }), "asked again").toEqual(["1", "One.", "2", "Three."]);
  expect(await turn({ message: "2b", earlier: ["1"] }), "edited").toEqual(["1", "One.", "2b", "Four."]);
});

test("the only question can be asked again", async () => {
  const turn = chat(replies);
  await turn({ message: "1", earlier: [] });
  expect(await turn({ message: "1", earlier: [] })).toEqual(["1", "Two."]);
});

test("a page that has not loaded the conversation loses none of it", async () => {
  const turn = chat(replies);
  await turn({ message: "1", earlier: [] });
  await turn({ message: "2", earlier: [] });
  expect(await turn({ message: "1", earlier: [] })).toEqual(["1", "One.", "2", "Two.", "1", "Three."]);
  expect(await turn({ message: "3", earlier: ["2", "1"] })).toHaveLength(8);
});

test("results that the server has are not answers to open calls", async () => {
  const weather: Tool = { name: "weather", run: () => "clear" };
  const turn = chat(
    [
      { steps: [{ toolCall: { id: "a", name: "weather" } }, { toolCall: { id: "b", name: "ask" } }] },
      { text: "Done." },
    ],
    [weather, { name: "ask" }],
  );
  await turn({ message: "1" });
  const results = ["a", "b"].map((toolCallId) => ({
    role: "tool",
    toolCallId,
    content: `from the page: ${toolCallId}`,
  }));
  expect(await turn({ results })).toEqual(["1", "", "clear", "from the page: b", "Done."]);
});
