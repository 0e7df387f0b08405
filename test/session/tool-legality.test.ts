/** Whatever tools do, and whenever the caller leaves: every request is one that providers take, and the stream keeps its laws. */

import { type AssistantMessage, LLMSession, type Message, SendError, type Tool } from "cloudllm";
import { type ReplyScript, type ScriptEnding, type ScriptStep, scriptedClient } from "cloudllm/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { historyFault, requestFault } from "./legality.ts";

const NAMES = ["answers", "later", "throws", "hangs", "obeys", "caller", "unknown"] as const;

/** What each tool of that name does; `caller` has no `run`, `unknown` is not there. */
const TOOLS: readonly Tool[] = [
  { name: "answers", run: () => "at once" },
  { name: "later", run: () => new Promise((resolve) => setImmediate(() => resolve({ at: "last" }))) },
  { name: "throws", run: () => Promise.reject(new Error("no")) },
  { name: "hangs", run: () => new Promise(() => undefined) },
  {
    name: "obeys",
    run: (_args, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("stopped")));
        if (signal.aborted) reject(new Error("stopped"));
      }),
  },
  { name: "caller" },
];

/** Calls that never end need a caller who leaves. */
const isPatient = (name: string) => name !== "hangs" && name !== "obeys";

const step: fc.Arbitrary<ScriptStep> = fc.oneof(
  fc.record({ text: fc.constantFrom("Well", ", yes.", " ", "") }),
  fc.record({ reasoning: fc.constant("Hm.") }),
);

const call: fc.Arbitrary<ScriptStep> = fc.record({
  toolCall: fc.record({ name: fc.constantFrom(...NAMES), unfinished: fc.boolean() }),
});

const ending: fc.Arbitrary<ScriptEnding> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<ScriptEnding>({}) },
  { weight: 5, arbitrary: fc.constant<ScriptEnding>({ usage: { inputTokens: 7, outputTokens: 3 } }) },
  { weight: 1, arbitrary: fc.constantFrom<ScriptEnding>("cut", "reset", { error: {} }, { finishReason: "length" }) },
);

const reply: fc.Arbitrary<ReplyScript> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.array(step, { maxLength: 2 }), fc.array(call, { maxLength: 3 }), ending)
      .map(([steps, calls, ending]) => ({ steps: [...steps, ...calls.map(whole)], ending })),
  },
  { weight: 1, arbitrary: fc.tuple(call, ending).map(([call, ending]) => ({ steps: [call], ending })) },
  { weight: 1, arbitrary: fc.constant<ReplyScript>({ refusal: { status: 500 } }) },
);

/** Most calls are finished. */
function whole(step: ScriptStep): ScriptStep {
  return "toolCall" in step ? { toolCall: { ...step.toolCall, unfinished: false } } : step;
}

const turn = fc.record({
  replies: fc.array(reply, { minLength: 1, maxLength: 4 }),
  consumer: fc.constantFrom("whole", "stream", "break", "stop", "drain", "abort", "abort whole"),
  /** After how many chunks the caller leaves; also when so many turns of the event loop have passed without one. */
  after: fc.nat(9),
  maxSteps: fc.integer({ min: 1, max: 4 }),
  answers: fc.boolean(),
});

type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never;

function waitsForEver({ replies, maxSteps }: Turn): boolean {
  return replies
    .slice(0, maxSteps)
    .some(
      (script) =>
        "steps" in script && [...script.steps].some((step) => "toolCall" in step && !isPatient(step.toolCall.name)),
    );
}

async function send(
  session: LLMSession,
  input: Parameters<LLMSession["sendMessage"]>[0],
  played: Turn,
): Promise<AssistantMessage> {
  const { after, maxSteps } = played;
  // A caller who never leaves would wait for ever.
  const consumer =
    waitsForEver(played) && (played.consumer === "whole" || played.consumer === "stream") ? "abort" : played.consumer;
  const abort = new AbortController();
  const options = { signal: abort.signal, tools: TOOLS, maxSteps };
  const leaveLater = async (leave: () => unknown) => {
    for (let turn = 0; turn < after + 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    leave();
  };
  if (consumer === "whole") return session.sendMessage(input, options);
  if (consumer === "abort whole") {
    void leaveLater(() => abort.abort());
    return session.sendMessage(input, options);
  }
  if (consumer === "abort") void leaveLater(() => abort.abort());
  const stream = await session.sendMessageStream(input, options);
  if (consumer === "break" || consumer === "stop" || consumer === "drain") {
    void leaveLater(() => stream.stop({ drain: consumer === "drain" }).catch(() => undefined));
  }
  let taken = 0;
  let text = "";
  let finals = 0;
  for await (const chunk of stream) {
    text += chunk.content;
    if (chunk.isFinal) finals++;
    if (chunk.isFinal || ++taken < after) continue;
    if (consumer === "break") break;
    if (consumer === "stop") await stream.stop();
    if (consumer === "drain") await stream.stop({ drain: true });
  }
  const message = await stream.finalMessage();
  expect(finals).toBe(consumer === "break" ? finals : 1);
  if (finals === 1) expect(message.content).toBe(text);
  expect(message.metrics.attempts.length).toBe(message.steps?.length ?? 1);
  return message;
}

test("every request is legal, no call is left open by a turn that was left, no turn stays under way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(turn, { minLength: 1, maxLength: 5 }),
      fc.constantFrom("keep" as const, "discard" as const),
      async (turns, onInterrupt) => {
        let scripts: ReplyScript[] = [];
        const client = scriptedClient(() => scripts.shift() ?? { text: "Done." });
        let session = new LLMSession({ client, onInterrupt });
        for (const [index, played] of turns.entries()) {
          scripts = [...played.replies];
          const before = session.history;
          const open = openCalls(before);
          const input =
            open.length > 0 && played.answers
              ? open.map(({ id }) => ({ role: "tool" as const, toolCallId: id, content: `seen ${index}` }))
              : `#${index}#`;
          const paid = session.tokenUsage().turns.length;
          const sent = client.calls.length;
          let failure: unknown;
          const message = await send(session, input, played).catch((error: unknown) => {
            expect(error).toBeInstanceOf(SendError);
            expect((error as SendError).kind).not.toBe("busy");
            failure = error;
            return (error as SendError).partial;
          });
          expect(session.history.slice(0, before.length)).toEqual(before);
          expect(historyFault(session.history)).toBeUndefined();
          const added = session.history.slice(before.length);
          const left = failure !== undefined || message?.interrupted === true;
          if (left) expect(openCalls(added)).toEqual([]);
          else expect(openCalls(session.history)).toEqual(added.length > 0 ? message?.toolCalls : open);
          if (left && onInterrupt === "discard") expect(added).toEqual([]);
          // Every reply that began is paid for; a refused one, or one that nobody waited for, has not begun.
          const replies = client.calls.length - sent;
          expect(session.tokenUsage().turns.length - paid).toBeLessThanOrEqual(replies);
          if (!left) expect(session.tokenUsage().turns.length - paid).toBe(replies);
          if (!left && message && added.length > 0) {
            const text = added.map((turn) => (turn.role === "assistant" ? turn.content : "")).join("");
            expect(message.content.trim()).toBe(text.trim());
          }
          session = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client });
        }
        for (const { messages } of client.calls) expect(requestFault(messages)).toBeUndefined();
      },
    ),
    { numRuns: 400 },
  );
});

function openCalls(messages: readonly Message[]) {
  const asked = messages.findLastIndex(({ role }) => role !== "tool");
  const reply = messages[asked];
  const answered = messages.slice(asked + 1).map((message) => (message.role === "tool" ? message.toolCallId : ""));
  return reply?.role === "assistant" ? (reply.toolCalls ?? []).filter(({ id }) => !answered.includes(id)) : [];
}
