/** One run, watched through another wire than the relay's own. */

import { expect, test } from "vitest";
import { createRelay, type Dialect, memoryLog, native, type ReplyEncoder } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { get, post, runId, watch } from "../support/relay.ts";

/** Text lines: `> text` for each event with text, and a word for the end. */
const lines: Dialect = {
  ...native,
  name: "lines",
  headers: { "x-lines": "1" },
  keepAlive: "~\n",
  onBusy: "replace",
  refusal: ({ kind }) => ({ contentType: "text/plain", text: kind }),
  encoder: ({ messageId }): ReplyEncoder => ({
    encode(event) {
      switch (event.type) {
        case "opened":
          return `# ${messageId}\n`;
        case "chunks":
          return event.chunks.map((chunk) => (chunk.type === "text" ? `> ${chunk.content}\n` : "")).join("");
        case "reconnect":
          return "away\n";
        case "complete":
        case "failed":
          return `${event.type}\n`;
      }
    },
  }),
};

const authorize = "public" as const;

test("a page of another dialect gets its own wire, from the beginning, beside a page of the relay's own", async () => {
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "One " }, { text: "two " }, { pause: gate }, { text: "three" }] }]);
  const relay = createRelay({ client, authorize, log: memoryLog(), dialect: lines });
  const started = await relay.handle(post({ run: runId(), chat: "c", messageId: "m1", messages: [user("Count")] }));
  expect(started.headers.get("x-lines")).toBe("1");
  const own = watch(await relay.handlerFor(native)(get("c/stream")));
  const second = relay.handle(get("c/stream")).then((response) => response.text());
  await expect.poll(() => own.text).toBe("One two ");
  gate.open();
  await own.over;
  expect(own.text).toBe("One two three");
  const whole = "~\n# m1\n> One two three\ncomplete\n";
  expect((await started.text()).replaceAll("\n> ", "> ").replaceAll("> ", ""), "as it came").toBe(
    whole.replaceAll("\n> ", "> ").replaceAll("> ", ""),
  );
  expect(await second).toContain("complete\n");
  const late = await (await relay.handle(get("c/stream"))).text();
  expect(late).toBe(whole);
});

test("a refusal is in the words of the dialect, and a new turn takes the place of the last one", async () => {
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "One" }, { pause: gate }] }, { text: "Two" }]);
  const relay = createRelay({ client, authorize, dialect: lines });
  const refused = await relay.handle(post({ run: "short", messages: [user("Hello")] }));
  expect([refused.status, refused.headers.get("content-type"), await refused.text()]).toEqual([
    400,
    "text/plain",
    "invalidRequest",
  ]);
  const first = await relay.handle(post({ run: runId(), chat: "c", messages: [user("Hello")] }));
  const next = await relay.handle(post({ run: runId(), chat: "c", messages: [user("Hello again")] }));
  expect(await next.text()).toContain("> Two\n");
  expect(await first.text()).toContain("complete\n");
});

function user(content: string): object {
  return { role: "user", content };
}
