/** What the scenes of protocols have in common. */

import type { AssistantMessage } from "cloudllm";
import { expect } from "vitest";
import { response } from "../../support/raw-server.ts";
import { type Fault, onlyIn } from "../fault.ts";
import { type Due, judged, type Outcome, type Scene, stream } from "../scene.ts";
import { CHAT_DONE, chatChunk } from "../speakers/chat.ts";
import type { PlannedCall, Speech } from "../speakers/speaker.ts";

export const WHY = "the disk is full of cats";

export const CALL: PlannedCall = {
  id: "call_1",
  name: "weather",
  arguments: { city: 'Zürich "west"', day: "to\nmorrow" },
};

export const OTHER: PlannedCall = { id: "call_2", name: "news", arguments: { topic: "cats {and} dogs", lang: "日本" } };

/** Serves these events and holds the reply against what is due. */
export async function told(scene: Scene, events: readonly string[], due: Due): Promise<string> {
  return judged(await scene.reply(stream(events)), due);
}

export function speak(scene: Scene, words: (speech: Speech) => Speech): readonly string[] {
  return words(scene.speaker.speech()).events;
}

/** The fault's events, spoken and judged. */
export function saying(words: (speech: Speech, scene: Scene) => Speech, due: Due): (scene: Scene) => Promise<string> {
  return (scene) => told(scene, words(scene.speaker.speech(), scene).events, due);
}

/** A body without length and chunking, whose end is that of the connection. */
export function untilClosed(body: string): (request: { readonly socket: { end(text: string): unknown } }) => void {
  return ({ socket }) => void socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${body}`);
}

export function plainDocument(body: string, type: string, status = 200): Parameters<Scene["reply"]>[0] {
  return ({ socket }) => void socket.write(response(status, body, { "content-type": type }));
}

export function callsOf(outcome: Outcome): AssistantMessage["toolCalls"] {
  if (outcome.error) throw outcome.error;
  return outcome.message?.toolCalls ?? [];
}

/** Every call is there with exactly its name and its arguments, and nothing else. */
export function exactly(outcome: Outcome, calls: readonly PlannedCall[], text = ""): string {
  expect(callsOf(outcome)).toEqual(calls.map(({ id, name, arguments: args }) => ({ id, name, arguments: args })));
  expect(outcome.text).toBe(text);
  expect(outcome.message?.finishReason).toBe("toolCalls");
  return calls.length === 1 ? "one exact call" : "two exact calls";
}

/** A call whose arguments are this JSON, as it stands. */
export function callWith(scene: Scene, json: string): readonly string[] {
  const mark = "MARK";
  const { events } = scene.speaker
    .speech()
    .calls([{ id: "call_1", name: "f", arguments: { mark } }])
    .finish("toolCalls");
  switch (scene.speaker.protocol) {
    case "Chat Completions": {
      const call = { index: 0, id: "call_1", function: { name: "f", arguments: json } };
      return [chatChunk({ tool_calls: [call] }), chatChunk({}, "tool_calls"), CHAT_DONE];
    }
    case "Anthropic Messages": {
      const delta = JSON.stringify({ type: "input_json_delta", partial_json: json });
      const isPiece = (event: string): boolean => event.includes("input_json_delta");
      const at = events.findIndex(isPiece);
      const whole = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":${delta}}\n\n`;
      return [...events.slice(0, at), whole, ...events.slice(at).filter((event) => !isPiece(event))];
    }
    case "OpenAI Responses":
      return events
        .filter((event) => !event.includes("arguments.delta"))
        .map((event) => event.replaceAll(JSON.stringify(JSON.stringify({ mark })), () => JSON.stringify(json)));
    case "Ollama": {
      const call = `{"id":"call_1","function":{"index":0,"name":"f","arguments":${json}}}`;
      return [`{"message":{"content":"","tool_calls":[${call}]},"done":true,"done_reason":"stop"}\n`];
    }
    case "Gemini": {
      const part = `{"functionCall":{"id":"call_1","name":"f","args":${json}}}`;
      return [`data: {"candidates":[{"content":{"parts":[${part}]},"finishReason":"STOP"}]}\r\n\r\n`];
    }
  }
}

export const NO_TERMINAL_EVENT = { Gemini: "has no terminal event: the end of the body is the end" } as const;

export const ONLY_CHAT: NonNullable<Fault["except"]> = onlyIn("Chat Completions", "Chat Completions only");
