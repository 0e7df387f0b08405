/**
 * Recorded replies with a value in them taken out or made another kind of value: whatever comes, a decoder throws a `SendError` or
 * nothing, and what it tells has the types that chunks have.
 */

import { type MessageChunk, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { anthropicMessages } from "../../src/protocols/anthropic-messages/protocol.ts";
import { COMMON_CHAT, MISTRAL_CHAT } from "../../src/protocols/chat-completions/dialects.ts";
import { chatCompletions } from "../../src/protocols/chat-completions/protocol.ts";
import { gemini } from "../../src/protocols/gemini/protocol.ts";
import type { Protocol } from "../../src/protocols/protocol.ts";
import { OPENAI_RESPONSES, XAI_RESPONSES } from "../../src/protocols/responses/dialects.ts";
import { responses } from "../../src/protocols/responses/protocol.ts";
import type { ReplyFacts } from "../../src/stream/reply-facts.ts";
import { bodiesOf, type Recording, recordingsMissing, recordingsOf } from "../support/recordings.ts";

const ROUNDS = 12;
/** Larger ones are more of the same. */
const MAX_LENGTH = 60_000;

const PROTOCOLS: readonly (readonly [string, string, Protocol])[] = [
  ["Chat Completions", "openai-chat", chatCompletions(COMMON_CHAT)],
  ["Chat Completions in Mistral's dialect", "openai-chat", chatCompletions(MISTRAL_CHAT)],
  ["Responses", "openai-responses", responses(OPENAI_RESPONSES)],
  ["Responses in xAI's dialect", "openai-responses", responses(XAI_RESPONSES)],
  ["Anthropic", "anthropic-messages", anthropicMessages],
  ["Gemini", "gemini", gemini],
];

describe.skipIf(recordingsMissing).each(PROTOCOLS)("%s", (_name, folder, protocol) => {
  test.each(recordingsOf(folder).filter(isUsable))("$file", (recording) => {
    const random = randomFrom(recording.file);
    for (const body of bodiesOf(recording)) {
      const events = eventsIn(recording, body.toString("utf8"));
      if (events.length === 0) continue;
      for (let round = 0; round < ROUNDS; round++) {
        const changed = structuredClone(events);
        for (let change = 0; change < 2; change++) mutate(changed[Math.floor(random() * changed.length)], random);
        const chunks: MessageChunk[] = [];
        const facts: ReplyFacts = { provider: "p", model: "m", attempts: [] };
        try {
          decode(protocol, recording, changed, facts, chunks);
        } catch (error) {
          expect(error).toBeInstanceOf(SendError);
        }
        expect([...chunks.flatMap(faultsOf), ...factFaultsOf(facts)]).toEqual([]);
      }
    }
  });
});

function isUsable({ expected, format }: Recording): boolean {
  return expected.kind !== "error" && format !== "recording";
}

function eventsIn({ format }: Recording, body: string): readonly unknown[] {
  if (body.length > MAX_LENGTH) return [];
  if (format === "json") return [JSON.parse(body)];
  return [...body.matchAll(/^data: ?(\{.*\})\s*$/gm)].map(([, data = ""]) => JSON.parse(data) as unknown);
}

function decode(
  protocol: Protocol,
  { format }: Recording,
  events: readonly unknown[],
  facts: ReplyFacts,
  chunks: MessageChunk[],
): void {
  if (format === "json") return protocol.decodeComplete(events[0], facts, chunks);
  const decoder = protocol.createDecoder(facts);
  for (const event of events) if (decoder.push(event as object, "", chunks)) return;
  decoder.end(true, chunks);
}

/** Takes one value out, or puts one of another kind in its place. */
function mutate(value: unknown, random: () => number): void {
  const places = placesIn(value);
  const [owner, key = ""] = places[Math.floor(random() * places.length)] ?? [];
  const kinds = [null, 5, -1, "", "x", [], {}, true, false, [null], ["x"], { a: 1 }];
  if (!owner) return;
  if (random() < 0.2) delete owner[key];
  else owner[key] = kinds[Math.floor(random() * kinds.length)];
}

type Container = Record<string, unknown>;

function placesIn(value: unknown): readonly (readonly [Container, string])[] {
  if (typeof value !== "object" || value === null) return [];
  const container = value as Container;
  return Object.keys(container).flatMap((key) => [[container, key] as const, ...placesIn(container[key])]);
}

/** Fields of a chunk that are of another type than they should be. */
function faultsOf(chunk: MessageChunk): readonly string[] {
  switch (chunk.type) {
    case "text":
      return noTexts({ content: chunk.content });
    case "reasoning":
      return noTexts({ reasoning: chunk.reasoning });
    case "toolCallDelta":
      return noTexts({ id: chunk.id, name: chunk.name, argumentsDelta: chunk.argumentsDelta });
    case "toolCall": {
      const { id, name, arguments: args } = chunk.toolCall;
      const isGiven = typeof args === "string" || (typeof args === "object" && args !== null && !Array.isArray(args));
      return [...noTexts({ id, name }), ...(isGiven ? [] : ["arguments"])];
    }
    case "citation": {
      const { url, title = "", citedText = "", startIndex = 0, endIndex = 0 } = chunk;
      const places = Object.entries({ startIndex, endIndex });
      const misplaced = places.filter(([, at]) => !Number.isInteger(at) || at < 0);
      return [...noTexts({ url, title, citedText }), ...misplaced.map(([name]) => name)];
    }
    case "providerToolCall":
      return noTexts({ id: chunk.providerToolCall.id ?? "", name: chunk.providerToolCall.name });
    default:
      return [];
  }
}

function factFaultsOf({
  id = "",
  model,
  rawFinishReason = "",
  serviceTier = "",
  search,
}: ReplyFacts): readonly string[] {
  const queries = search?.queries.some((query) => typeof query !== "string") ? ["queries"] : [];
  return [...noTexts({ id, model, rawFinishReason, serviceTier }), ...queries];
}

function noTexts(fields: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]) => (typeof value === "string" ? [] : [name]));
}

/** The same numbers each time, and others for each file. */
function randomFrom(file: string): () => number {
  let state = [...file].reduce((sum, character) => (Math.imul(sum, 31) + character.charCodeAt(0)) | 0, 7);
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}
