/** The provider's count of a request that is near its limit: `counter: "provider"`. */

import { type ClientWrapper, estimateTokens, LLMSession, type Message, SendError, type SendOptions } from "cloudllm";
import { type ScriptedClient, scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

/** Seven tokens by the estimate; a message costs four more. */
const TEXT = "one two three four five six seven";

function tokensOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + 4 + estimateTokens(String(content)), 0);
}

type Count = NonNullable<ClientWrapper["countTokens"]>;

/** A client whose provider counts `factor` times the estimate. */
function counting(factor: number): ScriptedClient & { readonly counted: (readonly Message[])[] } {
  const counted: (readonly Message[])[] = [];
  const countTokens: Count = async (messages) => {
    counted.push(messages);
    return { inputTokens: Math.round(tokensOf(messages) * factor), source: "provider" };
  };
  return Object.assign(
    scriptedClient(() => ({ text: TEXT })),
    { countTokens, counted },
  );
}

async function talk(client: ClientWrapper, turns: number, maxTokens: number): Promise<LLMSession> {
  const session = new LLMSession({ client, maxTokens, counter: "provider", defaults: { maxOutputTokens: 10 } });
  for (let turn = 0; turn < turns; turn++) await session.sendMessage(TEXT);
  return session;
}

const sentIn = ({ calls }: ScriptedClient) => calls.map(({ messages }) => messages.length);

describe("a session with the provider's count", () => {
  test("far from its limit asks for no count", async () => {
    const client = counting(1);
    await talk(client, 4, 10_000);
    expect(client.counted).toEqual([]);
  });

  test("sends more where the estimate was too high", async () => {
    const client = counting(0.5);
    await talk(client, 4, 70);
    // Sixty tokens are five messages by the estimate, and ten by the count.
    expect(sentIn(client)).toEqual([1, 3, 5, 7]);
    expect(client.counted.map(({ length }) => length)).toEqual([5, 5]);
  });

  test("sends less where the estimate was too low, before the provider refuses it", async () => {
    const client = counting(2);
    await talk(client, 3, 70);
    expect(sentIn(client)).toEqual([1, 3, 1]);
  });

  test("fails a turn that is too long by the count, and nothing is sent", async () => {
    const client = counting(4);
    const session = new LLMSession({ client, maxTokens: 23, counter: "provider", defaults: { maxOutputTokens: 10 } });
    await expect(session.sendMessage(TEXT)).rejects.toMatchObject({ kind: "contextLength" });
    expect(client.calls).toEqual([]);
  });

  test.each<readonly [string, Count | undefined]>([
    ["fails", () => Promise.reject(new SendError("rateLimit", "Too many counts."))],
    ["estimates", async () => ({ inputTokens: 1, source: "estimate" })],
    ["counts nothing", async () => ({ inputTokens: 0, source: "provider" })],
    ["cannot count", undefined],
  ])("goes by its own estimate where the client %s", async (_name, countTokens) => {
    const client: ScriptedClient = Object.assign(
      scriptedClient(() => ({ text: TEXT })),
      ...(countTokens ? [{ countTokens }] : []),
    );
    await talk(client, 4, 70);
    expect(sentIn(client)).toEqual([1, 3, 5, 5]);
  });

  test("hears the caller's signal while it waits for the count", async () => {
    const controller = new AbortController();
    let seen: SendOptions["signal"];
    const countTokens: Count = (_messages, options) => {
      seen = options?.signal;
      controller.abort("enough");
      return new Promise((_resolve, reject) => {
        if (seen?.aborted) reject(new SendError("aborted", "Left."));
      });
    };
    const client = Object.assign(
      scriptedClient(() => ({ text: TEXT })),
      { countTokens },
    );
    const session = new LLMSession({ client, maxTokens: 23, counter: "provider", defaults: { maxOutputTokens: 10 } });
    const turn = session.sendMessage(TEXT, { signal: controller.signal });
    await expect(turn).rejects.toMatchObject({ kind: "aborted" });
    expect(client.calls.every(({ options }) => options.signal?.aborted)).toBe(true);
  });

  test("counts also between the steps of a turn", async () => {
    const last: (string | undefined)[] = [];
    const counted: Count = async (messages) => {
      last.push(messages.at(-1)?.role);
      return { inputTokens: 10, source: "provider" };
    };
    const tools = [{ name: "look", run: () => TEXT }];
    const played = scriptedClient(({ messages }) =>
      messages.at(-1)?.role === "tool" ? { text: TEXT } : { steps: [{ toolCall: { name: "look", arguments: {} } }] },
    );
    const session = new LLMSession({
      client: Object.assign(played, { countTokens: counted }),
      maxTokens: 52,
      counter: "provider",
      defaults: { maxOutputTokens: 10 },
      tools,
    });
    await session.sendMessage(TEXT);
    expect(last.at(-1)).toBe("tool");
  });

  test("refuses any other word", () => {
    const options = { client: counting(1), counter: "tiktoken" };
    expect(() => new LLMSession(options as never)).toThrow(/`counter` must be "provider"/);
  });
});
