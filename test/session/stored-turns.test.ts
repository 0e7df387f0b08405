/** What a store has of a turn, at every moment, and after the process has gone. */

import { LLMSession, MemoryStore, type Message, type OpenOptions, type SessionRecord, type Tool } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { historyFault, requestFault } from "./legality.ts";
import { DONE, LOOK, linesOf, look, plain, reopened, USAGE } from "./stored-session.ts";

/** A store of which the process dies: nobody has it any more, and no later write arrives. */
class CrashingStore extends MemoryStore {
  isDead = false;

  override async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    if (!this.isDead) await super.append(id, records);
  }

  /** What was kept at this moment. */
  async survivor(): Promise<MemoryStore> {
    const store = new MemoryStore();
    await store.append("s", await this.load("s"));
    this.isDead = true;
    return store;
  }
}

describe("what is written when", () => {
  test("the user's turn before it is sent", async () => {
    const store = new MemoryStore();
    let atTheCall: readonly SessionRecord[] = [];
    const scripted = scriptedClient(() => DONE);
    const client = {
      ...scripted,
      sendMessageStream: async (...call: Parameters<typeof scripted.sendMessageStream>) => {
        atTheCall = await store.load("s");
        return scripted.sendMessageStream(...call);
      },
      sendMessage: async (...call: Parameters<typeof scripted.sendMessage>) => {
        atTheCall = await store.load("s");
        return scripted.sendMessage(...call);
      },
    };
    const session = await reopened(store, { client });
    await (await session.sendMessageStream("one")).finalMessage();
    const asked = { provider: "scripted", model: "script" };
    const key = expect.any(String);
    expect(atTheCall).toEqual([
      { type: "said", asked, messages: [{ role: "user", content: "one" }], title: "one", key },
    ]);
    await session.sendMessage("two");
    expect(atTheCall.at(-1)).toEqual({ type: "said", asked, messages: [{ role: "user", content: "two" }], key });
  });

  test("the reply as it streams, in pieces of `flushIntervalMs`", async () => {
    vi.useFakeTimers();
    try {
      const store = new CrashingStore();
      const gate = new Gate();
      const client = scriptedClient([{ steps: [{ text: ["We", "ll"] }, { pause: gate }, { text: [", ", "yes."] }] }]);
      const session = await reopened(store, { client, flushIntervalMs: 50 });
      const chunks = (await session.sendMessageStream("one"))[Symbol.asyncIterator]();
      const texts = async () =>
        (await store.load("s")).flatMap((record) => (record.type === "text" ? [record.text] : []));
      await chunks.next();
      await chunks.next();
      await vi.advanceTimersByTimeAsync(49);
      expect(await texts()).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(await texts()).toEqual(["Well"]);
      gate.open();
      await chunks.next();
      await vi.advanceTimersByTimeAsync(50);
      expect(await texts()).toEqual(["Well", ", "]);
      const after = await reopened(await store.survivor());
      expect(linesOf(after.history)).toEqual(["user: one", "assistant: Well,  (interrupted)"]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a tool's answer as it comes, so that what was done is not done again", async () => {
    const store = new CrashingStore();
    const running = new Gate();
    const client = scriptedClient([
      { steps: [{ text: "Both." }, { toolCall: { name: "wait" } }, { toolCall: { name: "look" } }], ending: USAGE },
    ]);
    const session = await reopened(store, { client });
    const wait: Tool = { name: "wait", run: () => running.pass() };
    const stream = await session.sendMessageStream("one", { tools: [look, wait] });
    for await (const chunk of stream) {
      if (chunk.type !== "toolResult") continue;
      await new Promise((resolve) => setImmediate(resolve));
      break;
    }
    const records = await store.load("s");
    const cut = records.findIndex(({ type }) => type === "result");
    const crashed = new MemoryStore();
    await crashed.append("s", records.slice(0, cut + 1));
    const client2 = scriptedClient([DONE]);
    const again = await reopened(crashed, { client: client2 });
    expect(again.history).toMatchObject([
      { role: "user", content: "one" },
      { role: "assistant", content: "Both." },
      { role: "tool", toolCallId: "call_1", isError: true },
      { role: "tool", toolCallId: "call_2", content: "a bird" },
    ]);
    expect(again.tokenUsage().totalTokens).toBe(14);
    await again.sendMessage([]);
    expect(requestFault(client2.calls[0]?.messages ?? [])).toBeUndefined();
  });

  test("the end before the caller learns of it", async () => {
    for (const end of ["whole", "streamed", "with tools"]) {
      const store = new CrashingStore();
      const client = scriptedClient([end === "with tools" ? LOOK : DONE, DONE]);
      const session = await reopened(store, { client });
      const options = end === "with tools" ? { tools: [look] } : {};
      if (end === "whole") await session.sendMessage("one");
      else for await (const chunk of await session.sendMessageStream("one", options)) if (chunk.isFinal) break;
      const again = await reopened(await store.survivor());
      expect(again.history).toEqual(plain(session.history));
    }
  });

  test("text that was taken back is taken back there as well", async () => {
    const scripted = scriptedClient([{ text: ["abc", "def", "ghi"] }]);
    const records: SessionRecord[] = [];
    class Seen extends MemoryStore {
      override async append(id: string, added: readonly SessionRecord[]) {
        records.push(...added);
        await super.append(id, added);
      }
    }
    const { MessageStream } = await import("../../src/stream/message-stream.ts");
    const client = {
      ...scripted,
      sendMessageStream: async () =>
        MessageStream.from(
          (async function* () {
            yield { type: "text", content: "abcdef", isFinal: false } as const;
            await new Promise((resolve) => setTimeout(resolve, 5));
            yield { type: "text", content: "gh", isFinal: false } as const;
            yield { type: "rewind", content: "", length: 4, reasoningLength: 0, isFinal: false } as const;
            yield { type: "text", content: "xyz", isFinal: false } as const;
            await new Promise((resolve) => setTimeout(resolve, 5));
            yield { type: "text", content: "!", isFinal: false } as const;
          })(),
        ),
    };
    const session = await LLMSession.open({ client, store: new Seen(), id: "s", flushIntervalMs: 1 });
    await (await session.sendMessageStream("one")).finalMessage().catch(() => undefined);
    const end = records.findIndex(({ type }) => type === "end");
    const crashed = new MemoryStore();
    await crashed.append("s", records.slice(0, end));
    const content = String((await reopened(crashed)).history.at(-1)?.content);
    expect("abcdxyz!".startsWith(content)).toBe(true);
    expect(content).toMatch(/^abcdxyz/);
  });
});

describe("a turn that was cut by the end of its process", () => {
  const begun: SessionRecord[] = [
    { type: "said", messages: [{ role: "user", content: "one" }] },
    { type: "text", text: "It " },
    { type: "text", text: "is" },
  ];

  test.each<[string, SessionRecord[], Partial<OpenOptions>, string[], string | undefined]>([
    ["keeps the text that came", begun, {}, ["user: one", "assistant: It is (interrupted)"], undefined],
    ["is taken back where interrupted turns are not kept", begun, { onInterrupt: "discard" }, [], "one"],
    ["is taken back when nothing came", begun.slice(0, 1), {}, [], "one"],
    [
      "is taken back when nothing but white space came",
      [...begun.slice(0, 1), { type: "text", text: " \n" }],
      {},
      [],
      "one",
    ],
  ])("%s", async (_name, records, options, lines, unanswered) => {
    const store = new MemoryStore();
    await store.append("s", records);
    const session = await reopened(store, options);
    expect(linesOf(session.history)).toEqual(lines);
    expect(session.unanswered).toBe(unanswered);
    await session.close();
    // Said once and for all: whoever opens it with other options finds the same.
    expect(linesOf((await reopened(store)).history)).toEqual(lines);
  });
});

test("wherever the process ends, ended turns are complete, the cut one is a true prefix, and the next send is legal", async () => {
  const text = fc.array(fc.constantFrom("Well", ", yes.", " ", "\n"), { maxLength: 4 });
  const reply: fc.Arbitrary<ReplyScript> = fc.oneof(
    text.map((text) => ({ text, ending: USAGE })),
    text.map((text) => ({ text, ending: "reset" as const })),
    fc.tuple(text, fc.integer({ min: 1, max: 3 })).map(([text, calls]) => ({
      steps: [{ text }, ...Array.from({ length: calls }, () => ({ toolCall: { name: "look" } }))],
      ending: USAGE,
    })),
  );
  const turns = fc.array(
    fc.record({ replies: fc.array(reply, { minLength: 1, maxLength: 3 }), after: fc.nat(12), whole: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(turns, async (turns) => {
      const records: SessionRecord[] = [];
      class Seen extends MemoryStore {
        override async append(_id: string, added: readonly SessionRecord[]) {
          records.push(...(plain(added) as SessionRecord[]));
        }
      }
      let scripts: ReplyScript[] = [];
      const client = scriptedClient(() => scripts.shift() ?? DONE);
      const session = await LLMSession.open({ client, store: new Seen(), id: "s", flushIntervalMs: 0 });
      const moments: { readonly records: number; readonly history: readonly Message[] }[] = [
        { records: 0, history: [] },
      ];
      for (const [index, { replies, after, whole }] of turns.entries()) {
        scripts = [...replies];
        const options = { tools: [look], maxSteps: 3 };
        try {
          if (whole) await session.sendMessage(`#${index}#`, options);
          else {
            let taken = 0;
            for await (const chunk of await session.sendMessageStream(`#${index}#`, options)) {
              if (!chunk.isFinal && ++taken > after) break;
            }
          }
        } catch {
          // what became of it is in the history
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
        moments.push({ records: records.length, history: session.history });
      }
      for (let length = 0; length <= records.length; length++) {
        const store = new MemoryStore();
        await store.append("s", records.slice(0, length));
        const next = scriptedClient([DONE]);
        const again = await LLMSession.open({ client: next, store, id: "s" });
        const ended = moments.findLast((moment) => moment.records <= length);
        const earlier = plain(ended?.history) as Message[];
        expect(again.history.slice(0, earlier.length)).toEqual(earlier);
        expect(historyFault(again.history)).toBeUndefined();
        // What there is beyond is the beginning of what came.
        const later = moments.find((moment) => moment.records >= length)?.history ?? [];
        for (const message of again.history.slice(earlier.length)) {
          if (message.role !== "assistant" || !message.interrupted) continue;
          const texts = later.flatMap((turn) => (turn.role === "assistant" ? [turn.content] : []));
          expect(texts.some((text) => text.startsWith(message.content))).toBe(true);
        }
        await again.sendMessage("next");
        expect(requestFault(next.calls[0]?.messages ?? [])).toBeUndefined();
      }
    }),
    { numRuns: 60 },
  );
});
