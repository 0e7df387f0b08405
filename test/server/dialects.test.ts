/** One run, watched through another wire than the relay's own. */

import { expect, test } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import {
  createRelay,
  type Dialect,
  type DialectStart,
  memoryLog,
  native,
  type ReplyEncoder,
} from "../../src/server/index.ts";
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

/** Requests without ids: the run is named after what is said. */
const derived = (repeats: DialectStart["repeats"]): Dialect => ({
  ...lines,
  name: "derived",
  startOf: (body) => ({ request: { ...(body as object), run: RUN }, repeats }),
  stopOf: (body) => ({ run: (body as { readonly id?: unknown }).id }),
});

const RUN = "run_of_the_same_request";

test.each([
  ["always", [1, 1, 1]],
  ["complete", [2, 2, 2]],
  ["never", [2, 3, 4]],
] as const)("the same request after the end, where the id is derived (%s)", async (repeats, asked) => {
  const client = scriptedClient(() => (client.calls.length === 1 ? { refusal: { status: 500 } } : { text: "One" }));
  const relay = createRelay({ client, authorize, log: memoryLog(), dialect: derived(repeats) });
  const counts: number[] = [];
  const send = async () => (await relay.handle(post({ chat: "c", messages: [user("Hello")] }))).text();
  expect(await send()).toBe("server");
  for (const _time of asked) {
    await send();
    counts.push(client.calls.length);
  }
  expect(counts).toEqual(asked);
});

test("a derived request that is sent twice at once asks the provider once", async () => {
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "One" }, { pause: gate }] }]);
  const relay = createRelay({ client, authorize, log: memoryLog(), dialect: derived("never") });
  const send = () => relay.handle(post({ chat: "c", messages: [user("Hello")] }));
  const both = await Promise.all([send(), send()]);
  gate.open();
  for (const response of both) expect(await response.text()).toContain("> One\n");
  const stopped = await relay.handle(post({ id: RUN }, "c/stop"));
  expect(await stopped.json()).toEqual({ run: RUN, stopped: true });
});

test("a page that comes back to a reply that has expired is told that there is none", async () => {
  const log = memoryLog();
  const relay = createRelay({ client: scriptedClient([{ text: "One" }]), authorize, log, dialect: derived("always") });
  await (await relay.handle(post({ chat: "c", messages: [user("Hello")] }))).text();
  await expect.poll(async () => (await log.read(RUN))?.end).toBeDefined();
  await log.delete(RUN);
  expect((await relay.handle(get("c/stream"))).status).toBe(204);
});

test.each([
  ["the first question is edited", { turns: 0 }, ["Four"]],
  ["the last question is edited", { turns: 1 }, ["One", "A", "Four"]],
  ["more is kept than there is", { turns: 7 }, ["One", "A", "Two", "B", "Four"]],
])("%s, by the number of questions before it", async (_name, keep, sent) => {
  const client = scriptedClient([{ text: "A" }, { text: "B" }, { text: "C" }]);
  const relay = createRelay({ client, authorize, sessions: { store: new MemoryStore() } });
  const say = async (body: object) => (await relay.handle(post({ run: runId(), chat: "c", ...body }))).text();
  await say({ message: "One" });
  await say({ message: "Two" });
  await say({ message: "Four", keep });
  expect(client.calls.at(-1)?.messages.map(({ content }) => content)).toEqual(sent);
});

function user(content: string): object {
  return { role: "user", content };
}
