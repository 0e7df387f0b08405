/** History that one provider wrote is sent to another. */

import { type AssistantMessage, fallback, type Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { response } from "../support/raw-server.ts";
import { ANTHROPIC, WIRES } from "../support/wires.ts";
import { good, member } from "./fallback-members.ts";

describe("history that one provider wrote is sent to another", () => {
  const SECRET = "c2lnbmF0dXJl";
  const REPLAYS: Readonly<Record<string, AssistantMessage["replay"]>> = {
    anthropic: {
      provider: "anthropic",
      protocol: "anthropic-messages",
      data: {
        blocks: [
          { type: "thinking", thinking: "hm", signature: SECRET },
          { type: "text", text: "Looking." },
          { type: "tool_use", id: "call:1/x", name: "look", input: { a: 1 } },
        ],
      },
    },
    openai: {
      provider: "openai",
      protocol: "responses",
      data: {
        items: [
          { type: "reasoning", id: "rs_1", summary: [], encrypted_content: SECRET },
          { type: "message", role: "assistant", content: [{ type: "output_text", text: "Looking." }] },
          { type: "function_call", call_id: "call:1/x", name: "look", arguments: '{"a":1}' },
        ],
      },
    },
    gemini: {
      provider: "gemini",
      protocol: "gemini",
      data: {
        parts: [{ text: "Looking." }, { functionCall: { name: "look", args: { a: 1 } }, thoughtSignature: SECRET }],
        callIds: ["call:1/x"],
      },
    },
    openrouter: {
      provider: "openrouter",
      protocol: "chat-completions",
      data: { fields: { reasoning_details: [{ type: "reasoning.encrypted", data: SECRET }] } },
    },
  };
  const history = (replay: AssistantMessage["replay"]): readonly Message[] => [
    { role: "user", content: "look" },
    {
      role: "assistant",
      content: "Looking.",
      toolCalls: [{ id: "call:1/x", name: "look", arguments: { a: 1 } }],
      ...(replay && { replay }),
    },
    { role: "tool", toolCallId: "call:1/x", content: "a tree" },
    { role: "user", content: "go on" },
  ];

  test.each(
    Object.entries(REPLAYS).flatMap(([writer, replay]) =>
      // What its own writer gets back is the recordings' affair.
      WIRES.filter((wire) => wire.client(1).provider !== writer).map(
        (wire) => [writer, wire.name, wire, replay] as const,
      ),
    ),
  )("from %s over %s, without what only its writer reads", async (_writer, _wireName, wire, replay) => {
    const first = await member(({ socket }) => void socket.write(response(529, "{}")));
    const second = await member(good("Fine.", wire), wire);
    const client = fallback([first.client, second.client]);
    const stream = await client.sendMessageStream(history(replay), { tools: [{ name: "look" }] });
    expect((await stream.finalMessage()).content).toBe("Fine.");
    const body = second.server.requests[0]?.body ?? "";
    expect(body).toContain("Looking.");
    expect(body).toContain("a tree");
    expect(body).not.toContain(SECRET);
    // The call and its answer still belong together, under an id that this provider takes.
    if (wire === ANTHROPIC) {
      const ids = [...body.matchAll(/"(?:tool_use_id|id)":"([^"]+)"/g)].map(([, id]) => id);
      expect(ids).toHaveLength(2);
      expect(ids[0]).toBe(ids[1]);
      expect(ids[0]).toMatch(/^[\w-]+$/);
    }
  });
});
