/** A session that is left in the middle of a turn: what came is kept, the request ends, and the store is free. */

import { type ClientWrapper, CompatibleClient, LLMSession, MemoryStore, type Message, type Tool } from "cloudllm";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { historyFault } from "./legality.ts";

const linesOf = (messages: readonly Message[]) =>
  messages.map(
    ({ role, content, ...more }) => `${role}: ${String(content)}${"interrupted" in more ? " (interrupted)" : ""}`,
  );

const settled = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

const TEXT = ["Well", ", yes."];
const CALL: ReplyScript = { steps: [{ text: "Let me see. " }, { toolCall: { name: "look" } }] };

/** What the block does with its session before it is left, in the middle of a turn. */
interface Case {
  readonly name: string;
  readonly scripts: (gate: Gate) => readonly ReplyScript[];
  readonly use: (session: LLMSession, gate: Gate) => Promise<unknown>;
  readonly kept: readonly string[];
  readonly unanswered?: string;
}

/** Runs until its signal fires, or for ever. */
const hanging = (isDeaf: boolean): Tool => ({
  name: "look",
  run: (_args, { signal }) =>
    new Promise((_resolve, reject) => {
      if (!isDeaf) signal.addEventListener("abort", () => reject(new Error("stopped")));
    }),
});

const CASES: readonly Case[] = [
  {
    name: "a stream that nobody has read",
    scripts: () => [{ text: TEXT }],
    use: (session) => session.sendMessageStream("question"),
    kept: [],
    unanswered: "question",
  },
  {
    name: "a stream that is half read",
    scripts: () => [{ text: TEXT }],
    use: async (session) => (await session.sendMessageStream("question"))[Symbol.asyncIterator]().next(),
    kept: ["user: question", "assistant: Well (interrupted)"],
  },
  {
    name: "a stream that is waited for",
    scripts: (gate) => [{ steps: [{ text: "Well" }, { pause: gate }] }],
    async use(session, gate) {
      void settled((await session.sendMessageStream("question")).finalMessage());
      await gate.reached;
    },
    kept: ["user: question", "assistant: Well (interrupted)"],
  },
  {
    name: "a stream that is stopped, and read on for its bill",
    scripts: (gate) => [{ steps: [{ text: "Well" }, { pause: gate }] }],
    async use(session, gate) {
      const stream = await session.sendMessageStream("question");
      await stream[Symbol.asyncIterator]().next();
      void stream.stop({ drain: true });
      await gate.reached;
    },
    kept: ["user: question", "assistant: Well (interrupted)"],
  },
  {
    name: "a stream that is asked for",
    scripts: (gate) => [{ opensAfter: gate, text: TEXT }],
    async use(session, gate) {
      void settled(session.sendMessageStream("question"));
      await gate.reached;
    },
    kept: [],
    unanswered: "question",
  },
  {
    name: "a whole reply that is asked for",
    scripts: (gate) => [{ steps: [{ text: "Well" }, { pause: gate }] }],
    async use(session, gate) {
      void settled(session.sendMessage("question"));
      await gate.reached;
    },
    kept: ["user: question", "assistant: Well (interrupted)"],
  },
  {
    name: "a message that was said in the same breath",
    scripts: () => [{ text: TEXT }],
    async use(session) {
      void settled(session.sendMessage("question"));
    },
    kept: [],
    unanswered: "question",
  },
  ...[false, true].map(
    (isDeaf): Case => ({
      name: `a tool that runs${isDeaf ? " and does not hear of it" : ""}`,
      scripts: () => [CALL],
      use: (session) =>
        new Promise((started) => {
          const tool = hanging(isDeaf);
          const run: Tool["run"] = (args, context) => {
            started(undefined);
            return tool.run?.(args, context);
          };
          void settled(session.sendMessage("question", { tools: [{ ...tool, run }] }));
        }),
      kept: ["user: question", "assistant: Let me see. ", "tool: The turn was ended before this call had a result."],
    }),
  ),
  {
    name: "the second reply of a turn with tools",
    scripts: (gate) => [CALL, { steps: [{ text: "A bird" }, { pause: gate }] }],
    async use(session, gate) {
      const tools: Tool[] = [{ name: "look", run: () => "a bird" }];
      void settled((await session.sendMessageStream("question", { tools })).finalMessage());
      await gate.reached;
    },
    kept: ["user: question", "assistant: Let me see. ", "tool: a bird", "assistant: A bird (interrupted)"],
  },
];

/** With and without a store, which take two ways through the session. */
async function opened(client: ClientWrapper, store: MemoryStore | undefined): Promise<LLMSession> {
  return store ? LLMSession.open({ client, store, id: "s", flushIntervalMs: 1_000_000 }) : new LLMSession({ client });
}

describe.each(["with a store", "without a store"])("a session %s that its block leaves during", (kind) => {
  test.each(CASES)("$name", async ({ scripts, use, kept, unanswered }) => {
    const gate = new Gate();
    const client: ScriptedClient = scriptedClient(scripts(gate));
    const store = kind === "with a store" ? new MemoryStore() : undefined;
    let left: LLMSession;
    {
      await using session = await opened(client, store);
      left = session;
      await use(session, gate);
    }
    expect(linesOf(left.history)).toEqual(kept);
    expect(historyFault(left.history)).toBeUndefined();
    expect(left.unanswered).toBe(unanswered);
    await Promise.all(client.calls.map(({ closed }) => closed)); // every request has ended
    await expect(left.sendMessage("more")).rejects.toMatchObject({ kind: "invalidRequest" });
    if (!store) return;
    await using again = await opened(client, store);
    expect(again.history).toEqual(JSON.parse(JSON.stringify(left.history)));
    expect(again.unanswered).toBe(unanswered);
    expect(again.tokenUsage()).toEqual(JSON.parse(JSON.stringify(left.tokenUsage())));
  });
});

test("is closed once, however often and by whomever", async () => {
  const store = new MemoryStore();
  const session = await opened(scriptedClient([{ text: TEXT }]), store);
  await session.sendMessageStream("question");
  await expect(session.close()).rejects.toMatchObject({ kind: "busy" });
  await Promise.all([session[Symbol.asyncDispose](), session[Symbol.asyncDispose](), session.close()]);
  await session.close();
  await store.claim("s");
});

test("takes the answer of a client that has ignored its signal from the caller, who would wait for it", {
  timeout: 10_000,
}, async () => {
  const gate = new Gate();
  const scripted = scriptedClient([{ opensAfter: gate, text: TEXT }]);
  const client: ClientWrapper = {
    provider: "deaf",
    model: "m",
    sendMessage: (messages) => scripted.sendMessage(messages),
    sendMessageStream: (messages) => scripted.sendMessageStream(messages),
  };
  const store = new MemoryStore();
  const session = await opened(client, store);
  const stream = session.sendMessageStream("question");
  await gate.reached;
  await session[Symbol.asyncDispose]();
  await store.claim("s");
  gate.open();
  await expect(stream).rejects.toMatchObject({ kind: "aborted", message: /session was closed/ });
  await scripted.calls[0]?.closed;
});

test("closes the socket of a reply without a reader", async () => {
  const gate = new Gate();
  await using server = await startProviderServer([{ steps: [{ text: "Well" }, { pause: gate }] }]);
  {
    await using session = new LLMSession({ client: new CompatibleClient({ baseUrl: server.baseUrl, model: "m" }) });
    await session.sendMessageStream("question");
    await gate.reached;
  }
  await server.requests[0]?.closed;
});
