/** Whatever happens to a conversation, every request is one that providers take. */

import {
  type AssistantMessage,
  LLMSession,
  type Message,
  SendError,
  type TokenCounter,
  type ToolMessage,
} from "cloudllm";
import { Gate, type ReplyScript, type ScriptEnding, type ScriptStep, scriptedClient } from "cloudllm/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { historyFault, requestFault } from "./legality.ts";

const characters: TokenCounter = { count: (text) => text.length };

const step: fc.Arbitrary<ScriptStep> = fc.oneof(
  fc.record({ text: fc.constantFrom("Well", ", yes.", " ", "") }),
  fc.record({ reasoning: fc.constant("Hm.") }),
  fc.record({ toolCall: fc.record({ name: fc.constant("look"), unfinished: fc.boolean() }) }),
);

const ending: fc.Arbitrary<ScriptEnding> = fc.oneof(
  fc.constant({}),
  fc.constant({ usage: { inputTokens: 7, outputTokens: 3 } }),
  fc.constantFrom<ScriptEnding>("cut", "reset", { error: {} }),
);

/** What the caller does while the reply comes. */
const consumer = fc.constantFrom("whole", "stream", "break", "stop", "drain", "abort", "abort whole", "abort early");

const turn = fc.record({
  type: fc.constant("turn" as const),
  steps: fc.array(step, { maxLength: 5 }),
  ending,
  isRefused: fc.boolean(),
  consumer,
  /** After how many chunks the caller breaks, stops or aborts. */
  after: fc.nat(4),
  /** Whether pending calls are answered, or talked over. */
  answers: fc.boolean(),
  length: fc.nat(60),
});

const between = fc.record({ type: fc.constantFrom("undo", "clear", "save", "prompt", "no prompt", "client") });

interface Played {
  readonly script: ReplyScript;
  /** Reached when the script has given `after` chunks; the caller opens it, or ends the turn. */
  readonly gate: Gate;
}

function playedOf({
  steps,
  ending,
  isRefused,
  consumer,
  after,
}: typeof turn extends fc.Arbitrary<infer T> ? T : never): Played {
  const gate = new Gate();
  if (isRefused) return { gate, script: { refusal: { status: 400 } } };
  if (consumer === "abort early") return { gate, script: { opensAfter: gate, steps, ending } };
  if (consumer !== "abort" && consumer !== "abort whole") return { gate, script: { steps, ending } };
  return { gate, script: { steps: [...steps.slice(0, after), { pause: gate }, ...steps.slice(after)], ending } };
}

async function send(
  session: LLMSession,
  input: string | readonly ToolMessage[],
  consumer: string,
  after: number,
  gate: Gate,
): Promise<AssistantMessage> {
  const abort = new AbortController();
  if (consumer.startsWith("abort")) void gate.reached.then(() => abort.abort());
  const options = { signal: abort.signal };
  if (consumer === "whole" || consumer === "abort whole") return session.sendMessage(input, options);
  const stream = await session.sendMessageStream(input, options);
  let taken = 0;
  for await (const chunk of stream) {
    if (chunk.isFinal || ++taken < after) continue;
    if (consumer === "break") break;
    if (consumer === "stop") await stream.stop();
    if (consumer === "drain") await stream.stop({ drain: true });
  }
  return stream.finalMessage();
}

function isKept(reply: AssistantMessage, onInterrupt: "keep" | "discard"): boolean {
  if (reply.interrupted) return onInterrupt === "keep" && reply.content.trim() !== "";
  return reply.content.trim() !== "" || reply.toolCalls.length > 0;
}

const contentsOf = (messages: readonly Message[]) => messages.map(({ content }) => content);

test("every request is legal and within its limit, says each text once, and no turn stays under way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 4, arbitrary: turn }, { weight: 1, arbitrary: between }), { maxLength: 14 }),
      fc.constantFrom("keep" as const, "discard" as const),
      fc.option(fc.integer({ min: 80, max: 400 }), { nil: undefined }),
      async (actions, onInterrupt, maxTokens) => {
        let script: ReplyScript = { text: "" };
        let client = scriptedClient(() => script);
        const requests: (readonly Message[])[] = [];
        let session = new LLMSession({ client, onInterrupt, counter: characters, ...(maxTokens && { maxTokens }) });
        for (const [index, action] of actions.entries()) {
          const before = session.history;
          switch (action.type) {
            case "undo":
              session.undo();
              break;
            case "clear":
              session.clear();
              break;
            case "save":
              session = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client, counter: characters });
              expect(session.history).toEqual(before);
              break;
            case "prompt":
            case "no prompt":
              session.setSystemPrompt(action.type === "prompt" ? "Be brief." : undefined);
              break;
            case "client":
              client = scriptedClient(() => script, { model: `model-${index}` });
              session.client = client;
              break;
            case "turn": {
              const played = playedOf(action);
              script = played.script;
              const last = session.history.at(-1);
              const calls = action.answers && last?.role === "assistant" ? (last.toolCalls ?? []) : [];
              const results = calls.map(
                ({ id }): ToolMessage => ({ role: "tool", toolCallId: id, content: `seen ${index}` }),
              );
              const text = `#${index}# ${"x".repeat(action.length)}`;
              const input = results.length > 0 ? results : text;
              const sent = client.calls.length;
              const reply = await send(session, input, action.consumer, action.after, played.gate).catch(
                (error: unknown) => {
                  expect(error).toBeInstanceOf(SendError);
                  expect((error as SendError).kind).not.toBe("busy");
                  return (error as SendError).partial;
                },
              );
              const request = client.calls[sent]?.messages;
              if (request) requests.push(request);
              if (request) expect(request.at(-1)?.content).toBe(results.length > 0 ? `seen ${index}` : text);
              expect(session.history.slice(0, before.length)).toEqual(before);
              const added = session.history.slice(before.length);
              if (reply && isKept(reply, onInterrupt)) {
                expect(contentsOf(added)).toContain(results.length > 0 ? `seen ${index}` : text);
                expect(added.at(-1)).toMatchObject({ role: "assistant", content: reply.content });
              } else {
                const isRead = results.length > 0 && reply !== undefined && !reply.interrupted;
                expect(added).toEqual(isRead ? results : []);
              }
              break;
            }
          }
          expect(historyFault(session.history)).toBeUndefined();
        }
        for (const request of requests) {
          expect(requestFault(request)).toBeUndefined();
          const said = contentsOf(request.filter(({ role }) => role === "user"));
          expect(new Set(said).size).toBe(said.length);
          const characterCount = contentsOf(request).reduce((sum, content) => sum + String(content).length + 4, 0);
          if (maxTokens !== undefined) expect(characterCount).toBeLessThanOrEqual(maxTokens);
        }
      },
    ),
    { numRuns: 400 },
  );
});
