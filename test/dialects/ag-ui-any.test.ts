/** Any reply, cut anywhere, however its chunks arrive: what AG-UI's clients show. */

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { MessageChunk } from "../../src/index.ts";
import { coalesced } from "../../src/server/feed/coalesce.ts";
import { agUi, type ReplyEvent } from "../../src/server/index.ts";
import { scriptedClient } from "../../src/testing/index.ts";
import { agentVersions, agUiMissing, httpAgent, type Loose, tanStackChat } from "../interop/ag-ui-clients.mjs";
import { pageOf, type WireEvent, wireEvents, wireFaults } from "../support/ag-ui.ts";

const HELLO = { id: "u1", role: "user", content: "Hi" };
const none = { content: "", isFinal: false } as const;

/** What a model and its tools may do next. */
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("text" as const), said: fc.string({ maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reasoning" as const), said: fc.string({ maxLength: 4 }) }) },
  fc.record({ do: fc.constant("delta" as const), index: fc.nat(2), said: fc.string({ maxLength: 4 }) }),
  fc.record({ do: fc.constant("call" as const), index: fc.nat(2) }),
  fc.record({ do: fc.constant("results" as const) }),
  fc.record({ do: fc.constant("citation" as const) }),
  fc.record({ do: fc.constant("rewind" as const), length: fc.nat(6), reasoningLength: fc.nat(6) }),
);

interface Played {
  readonly chunks: readonly MessageChunk[];
  readonly text: string;
  readonly reasoning: string;
}

/** Plays acts that are possible: a reply takes words back only before its first complete call. */
function played(acts: readonly (typeof act extends fc.Arbitrary<infer Act> ? Act : never)[]): Played {
  const chunks: MessageChunk[] = [];
  const open = new Map<number, string>();
  let complete: string[] = [];
  let [text, reasoning, ids] = ["", "", 0];
  let kept = { text: 0, reasoning: 0 };
  for (const next of acts) {
    switch (next.do) {
      case "text":
        text += next.said;
        chunks.push({ type: "text", content: next.said, isFinal: false });
        break;
      case "reasoning":
        reasoning += next.said;
        chunks.push({ ...none, type: "reasoning", reasoning: next.said });
        break;
      case "delta": {
        const id = open.get(next.index) ?? `call_${ids++}`;
        open.set(next.index, id);
        chunks.push({ ...none, type: "toolCallDelta", index: next.index, id, name: "look", argumentsDelta: next.said });
        break;
      }
      case "call": {
        const id = open.get(next.index) ?? `call_${ids++}`;
        open.delete(next.index);
        complete.push(id);
        chunks.push({ ...none, type: "toolCall", toolCall: { id, name: "look", arguments: { at: next.index } } });
        break;
      }
      case "results":
        if (open.size > 0) break;
        for (const toolCallId of complete) {
          chunks.push({ ...none, type: "toolResult", toolCallId, name: "look", result: "sea", isError: false });
        }
        complete = [];
        kept = { text: text.length, reasoning: reasoning.length };
        break;
      case "citation":
        chunks.push({ ...none, type: "citation", url: "https://a.example/" });
        break;
      case "rewind": {
        if (complete.length > 0) break;
        const length = Math.min(next.length, text.length - kept.text);
        const reasoningLength = Math.min(next.reasoningLength, reasoning.length - kept.reasoning);
        text = text.slice(0, text.length - length);
        reasoning = reasoning.slice(0, reasoning.length - reasoningLength);
        open.clear();
        chunks.push({ ...none, type: "rewind", length, reasoningLength });
      }
    }
  }
  return { chunks, text, reasoning };
}

/** Returns the chunks in events of these sizes, as a viewer gets them that is sometimes behind. */
function inEvents(chunks: readonly MessageChunk[], sizes: readonly number[]): readonly ReplyEvent[] {
  const events: ReplyEvent[] = [];
  for (let at = 0, turn = 0; at < chunks.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    events.push({ type: "chunks", chunks: coalesced(chunks.slice(at, at + size)) });
    at += size;
  }
  return events;
}

async function encoded(events: readonly ReplyEvent[], last?: string): Promise<readonly WireEvent[]> {
  const headers = new Headers({ "x-run-id": "r1", ...(last !== undefined && { "last-event-id": last }) });
  const body = { threadId: "th", runId: "r1", messages: [HELLO] };
  return wireEvents(await answerTo(body, headers, events));
}

/** Resolves with the body that a relay answers a request with. */
async function answerTo(body: object, headers: Headers, events: readonly ReplyEvent[]): Promise<string> {
  const { encoder } = await agUi.startOf(body, headers, { user: "ada", history: "client" });
  const one = encoder?.({ run: "r", chat: "th", messageId: "m" });
  return events.map((event) => one?.encode(event) ?? "").join("");
}

test("is well formed, shows each word once, and continues behind any event", async () => {
  const usual = await scriptedClient(() => ({ text: "x" })).sendMessage([{ role: "user", content: "x" }]);
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 25 }), sizes, sizes, fc.nat(), async (acts, first, second, cut) => {
      const { chunks, text, reasoning } = played(acts);
      const opened: ReplyEvent = { type: "opened", run: "r", provider: "p", model: "m" };
      const end: ReplyEvent = { type: "complete", message: { ...usual, content: text, reasoning } };
      const all = await encoded([opened, ...inEvents(chunks, first), end]);
      expect(wireFaults(all)).toEqual([]);
      const page = pageOf(all, [HELLO]) as readonly { readonly role: string; readonly content?: string }[];
      const said = (role: string): string => page.map((one) => (one.role === role ? (one.content ?? "") : "")).join("");
      expect([said("assistant"), said("reasoning")]).toEqual([text, reasoning]);
      const seen = all.slice(0, 1 + (cut % (all.length - 1)));
      const rest = await encoded([opened, ...inEvents(chunks, second), end], seen.at(-1)?.id);
      expect(pageOf([...seen, ...rest], [HELLO])).toEqual(page);
    }),
    { numRuns: 300 },
  );
});

/** A `fetch` that plays these events to the front end that asks, with a comment before each. */
function playing(events: readonly ReplyEvent[]) {
  const sent = { body: "" };
  const fetch = async (_url: unknown, { body, headers }: { readonly body: string; readonly headers: HeadersInit }) => {
    sent.body = await answerTo(JSON.parse(body) as object, new Headers(headers), events);
    const spaced = sent.body.replaceAll("\n\n", "\n\n: keep-alive\n\n");
    return new Response(`: keep-alive\n\n${spaced}`, { headers: { "content-type": "text/event-stream" } });
  };
  return { fetch, sent: () => wireEvents(sent.body) };
}

const FAILURE: ReplyEvent = { type: "failed", error: { kind: "network", message: "It failed.", retryable: true } };
const OPENED: ReplyEvent = { type: "opened", run: "r", provider: "p", model: "m" };

/** A reply in events, and how it ends. */
const anyReply = fc.record({
  acts: fc.array(act, { maxLength: 25 }),
  sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  end: fc.constantFrom("complete", "stopped", "failed"),
});

type AnyReply = typeof anyReply extends fc.Arbitrary<infer Reply> ? Reply : never;

async function eventsOf({ acts, sizes, end }: AnyReply) {
  const usual = await scriptedClient(() => ({ text: "x" })).sendMessage([{ role: "user", content: "x" }]);
  const { chunks, text, reasoning } = played(acts);
  const message = { ...usual, content: text, reasoning };
  const stopped = { ...message, finishReason: "stopped", interrupted: true } as const;
  const last = { complete: { type: "complete", message }, stopped: { type: "complete", message: stopped } } as const;
  const events = [OPENED, ...inEvents(chunks, sizes), end === "failed" ? FAILURE : last[end]];
  return { events, text, reasoning };
}

describe.skipIf(agUiMissing !== undefined)("any reply", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(agentVersions)("is shown by HttpAgent %s as it is, without a complaint", async (version) => {
    const warned = vi.spyOn(console, "warn");
    await fc.assert(
      fc.asyncProperty(anyReply, async (reply) => {
        const { events } = await eventsOf(reply);
        const { fetch, sent } = playing(events);
        const options = { url: "http://relay.test/", threadId: "th", initialMessages: [HELLO], fetch };
        const agent = await httpAgent(version, options);
        const { rejected, error } = await agent.run();
        expect([rejected, error?.message]).toEqual([undefined, reply.end === "failed" ? "It failed." : undefined]);
        const page = pageOf(sent(), [HELLO]) as readonly Loose[];
        expect(inShort(agent.messages)).toEqual(inShort(page));
        expect(warned.mock.calls).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test("is shown by a chat of TanStack AI as it is", async () => {
    await fc.assert(
      fc.asyncProperty(anyReply, async (reply) => {
        const { events, text, reasoning } = await eventsOf(reply);
        const { fetch } = playing(events);
        const chat = await tanStackChat({ url: "http://relay.test/", connection: { fetchClient: fetch } });
        await chat.client.sendMessage("Hi");
        expect(chat.seen.errors.map(({ message }) => message)).toEqual(reply.end === "failed" ? ["It failed."] : []);
        const parts = chat.client.getMessages().flatMap((message) => message.parts);
        const shown = (type: string) => parts.map((part) => (part.type === type ? part.content : "")).join("");
        // TanStack AI drops a part of white space alone; the spaces of all others are seen with `HttpAgent`.
        const letters = (content: string) => content.replace(/\s/g, "");
        expect([letters(shown("text")), shown("thinking")]).toEqual([letters(`Hi${text}`), reasoning]);
      }),
      { numRuns: 100 },
    );
  });
});

/** Messages by their ids, since `HttpAgent` moves a result to its call. Empty content is none. */
function inShort(messages: readonly Loose[]): readonly object[] {
  return messages
    .map(({ id, role, content, toolCalls = [] }) => {
      const calls = (toolCalls as readonly { id: string; args?: string; function?: { arguments: string } }[]).map(
        (call) => `${call.id} ${call.args ?? call.function?.arguments}`,
      );
      return { id: String(id), role, content: content ?? "", calls };
    })
    .sort((one, other) => one.id.localeCompare(other.id));
}
