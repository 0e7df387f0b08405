/** A turn with tools, watched by a viewer that was not there all the time. */

import { expect, test, vi } from "vitest";
import type { MessageChunk } from "../../src/contract/chunk.ts";
import type { MessageStream, Tool } from "../../src/index.ts";
import { MemoryStore } from "../../src/index.ts";
import { createRelay, memoryLog } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";

const WORDS = Array.from({ length: 1_100 }, (_, index) => `word${index} `);
const pay: Tool = { name: "pay", run: () => "paid" };

/** Reads a reply to its end. `seen` grows meanwhile. */
function reading(stream: MessageStream): { readonly seen: MessageChunk[]; readonly over: Promise<void> } {
  const seen: MessageChunk[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of stream) seen.push(chunk);
  };
  return { seen, over: read() };
}

function textIn(chunks: readonly MessageChunk[]): string {
  return chunks.map(({ content }) => content).join("");
}

/** Returns the calls and results among chunks. */
function toolsIn(chunks: readonly MessageChunk[]): readonly string[] {
  return chunks.flatMap((chunk) => {
    if (chunk.type === "toolCall") return `call ${chunk.toolCall.id}`;
    return chunk.type === "toolResult" ? `result ${chunk.toolCallId} ${chunk.result}` : [];
  });
}

test("a viewer that comes in the middle, or comes back, sees each call and each result once", async () => {
  const gates = [new Gate(), new Gate()] as const;
  const client = scriptedClient([
    { steps: [{ text: "I pay. " }, { toolCall: { id: "c1", name: "pay" } }] },
    { steps: [{ pause: gates[0] }, { text: [...WORDS, "Again. "] }, { toolCall: { id: "c2", name: "pay" } }] },
    { steps: [{ text: "Almost" }, { pause: gates[1] }, { text: " done." }] },
  ]);
  const relay = createRelay({
    client,
    authorize: "public",
    log: memoryLog(),
    sessions: { store: new MemoryStore() },
    tools: [pay],
  });
  const cuts: AbortController[] = [];
  const cutting = async (url: string, init: RequestInit): Promise<Response> => {
    const cut = new AbortController();
    cuts.push(cut);
    const response = await relay.handle(new Request(url, init));
    return new Response(response.body?.pipeThrough(new TransformStream(), { signal: cut.signal }), response);
  };
  const address = { url: "http://relay.test/chat", chat: "c" };
  const first = await relayClient({ ...address, fetch: cutting }).sendMessageStream([{ role: "user", content: "Pay" }]);
  const starter = reading(first);
  await gates[0].reached;
  await vi.waitFor(() => expect(textIn(starter.seen)).toBe("I pay. "));
  cuts[0]?.abort(new TypeError("terminated"));
  gates[0].open();
  await gates[1].reached;
  const fetch = async (url: string, init: RequestInit): Promise<Response> => relay.handle(new Request(url, init));
  const late = await relayClient({ ...address, fetch }).attach();
  if (!late) throw new Error("There is no run.");
  const comer = reading(late);
  for (const { seen } of [starter, comer]) {
    await vi.waitFor(() => expect(textIn(seen)).toBe(`I pay. ${WORDS.join("")}Again. Almost`));
    expect(toolsIn(seen)).toEqual(["call c1", "result c1 paid", "call c2", "result c2 paid"]);
    // A viewer that begins with a summary sees the calls between the words, as one that was there from the beginning.
    const call = seen.findIndex((chunk) => chunk.type === "toolCall");
    expect(textIn(seen.slice(0, call))).toBe("I pay. ");
  }
  gates[1].open();
  await Promise.all([starter.over, comer.over]);
  for (const stream of [first, late]) expect((await stream.finalMessage()).steps?.length).toBe(3);
});
