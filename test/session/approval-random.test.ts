/** However calls are decided, answered and left, and whatever fails: no call runs without permission or twice, and every request is legal. */

import { LLMSession, MemoryStore, type Tool } from "cloudllm";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { historyFault, requestFault } from "./legality.ts";

const NAMES = ["runs", "asks", "asksLater", "never", "throws", "caller"] as const;

type Step =
  | { readonly type: "say" }
  | { readonly type: "answer"; readonly calls: number; readonly how: "allow" | "deny" | "result" }
  | { readonly type: "goOn"; readonly leaveAfter: number }
  | { readonly type: "reopen" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Step>({ type: "say" }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("answer" as const),
      calls: fc.constantFrom(1, 1, 9),
      how: fc.constantFrom("allow" as const, "allow" as const, "deny" as const, "result" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("goOn" as const),
      leaveAfter: fc.constantFrom(0, 1, 2, 3, 5, 99, 99, 99),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ type: "reopen" }) },
);

const reply: fc.Arbitrary<readonly (typeof NAMES)[number][] | "refused" | "reset"> = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.constantFrom(...NAMES), { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom("refused" as const, "reset" as const) },
);

/** How many calls ran in all plays: after an answer, and without one. */
const seen = { allowed: 0, free: 0 };

interface Play {
  readonly replies: readonly (readonly (typeof NAMES)[number][] | "refused" | "reset")[];
  readonly steps: readonly Step[];
  readonly onInterrupt: "keep" | "discard";
}

test("no call runs without permission, or twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        replies: fc.array(reply, { minLength: 1, maxLength: 6 }),
        steps: fc.array(step, { minLength: 10, maxLength: 24 }),
        onInterrupt: fc.constantFrom("keep" as const, "discard" as const),
      }),
      play,
    ),
    { numRuns: 400 },
  );
  expect(Math.min(seen.allowed, seen.free), JSON.stringify(seen)).toBeGreaterThan(20); // the plays were such that tools ran
});

async function play({ replies, steps, onInterrupt }: Play): Promise<void> {
  const ran: string[] = [];
  const allowed = new Set<string>();
  const run: Tool["run"] = (_args, { toolCallId }) => void ran.push(toolCallId);
  const tools: readonly Tool[] = [
    { name: "runs", run },
    { name: "asks", approve: "ask", run },
    { name: "asksLater", approve: () => new Promise((resolve) => setImmediate(() => resolve("ask"))), run },
    { name: "never", approve: false, run },
    {
      name: "throws",
      approve: () => {
        throw new Error("no");
      },
      run,
    },
    { name: "caller" },
  ];
  let count = 0;
  const client = scriptedClient(({ messages }): ReplyScript => {
    expect(requestFault(messages)).toBeUndefined();
    const made = replies[count++ % replies.length] ?? [];
    if (made === "refused") return { refusal: { status: 400 } };
    if (made === "reset") return { text: ["Half"], ending: "reset" };
    return {
      steps: [{ text: "Well. " }, ...made.map((name, at) => ({ toolCall: { name, id: `${name}-${count}-${at}` } }))],
    };
  });
  const store = new MemoryStore();
  const open = () => LLMSession.open({ client, store, id: "s", tools, onInterrupt, flushIntervalMs: 0, maxSteps: 3 });
  let session = await open();
  for (const step of steps) {
    switch (step.type) {
      case "say":
        await session.sendMessage("Go on").catch(() => undefined);
        break;
      case "answer": {
        for (const call of session.waiting.slice(0, step.calls)) {
          const answer = step.how === "allow" ? true : step.how === "deny" ? { deny: "No." } : { result: 1 };
          const isTaken = await session.answer(call.id, answer).then(
            () => true,
            () => false,
          );
          expect(isTaken).toBe(step.how !== "allow" || call.needsApproval === true);
          if (isTaken && step.how === "allow") allowed.add(call.id);
        }
        break;
      }
      case "goOn":
        await leaveAfter(session, step.leaveAfter).catch(() => undefined);
        break;
      case "reopen": {
        await session.close();
        session = await open();
      }
    }
    expect(historyFault(session.history)).toBeUndefined();
    expect(new Set(ran).size).toBe(ran.length);
    for (const id of ran) expect(id.startsWith("runs-") || allowed.has(id), id).toBe(true);
    const restored = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client, tools });
    expect(restored.waiting).toEqual(session.waiting);
    const snapshot = await LLMSession.peek({ store, id: "s" });
    expect(snapshot.waiting ?? []).toEqual(session.waiting);
    expect(snapshot.history).toEqual(JSON.parse(JSON.stringify(session.history)));
  }
  await session.close();
  seen.allowed += ran.filter((id) => allowed.has(id)).length;
  seen.free += ran.filter((id) => !allowed.has(id)).length;
}

async function leaveAfter(session: LLMSession, chunks: number): Promise<void> {
  let taken = 0;
  for await (const _chunk of await session.sendMessageStream([])) if (taken++ >= chunks) break;
}
