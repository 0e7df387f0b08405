/** Requests to a relay, and the events of its responses. */

import { decodeEvent, type NativeEvent } from "../../src/dialects/native.ts";

const ORIGIN = "http://relay.test";

/** Returns the id of a new run. */
export function runId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** Returns a request that starts a run, or that posts to a path of a chat. */
export function post(body: object, path = "", headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`${ORIGIN}/chat/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

export function get(path: string, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`${ORIGIN}/chat/${path}`, { headers });
}

/** Resolves with all events of a response. */
export async function read(response: Response): Promise<readonly NativeEvent[]> {
  const events: NativeEvent[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
}

/** The events of a response, as they arrive. */
export async function* eventsOf(response: Response): AsyncGenerator<NativeEvent> {
  if (!response.body) throw new Error(`The response (${response.status}) has no body.`);
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      const id = lines.find((line) => line.startsWith("id: "))?.slice(4);
      const event = data === undefined ? undefined : decodeEvent(data, id);
      if (event) yield event;
    }
  }
}

/** Returns the text that a viewer shows after these events, or more than `before`. */
export function textOf(events: readonly NativeEvent[]): string {
  let text = "";
  for (const event of events) {
    if (event.type === "snapshot") text = event.message.content;
    if (event.type !== "chunks") continue;
    for (const chunk of event.chunks) {
      if (chunk.type === "rewind") text = text.slice(0, text.length - chunk.length);
      text += chunk.content;
    }
  }
  return text;
}
