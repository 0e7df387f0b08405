/** The contract suite notices, through a strict server, a client that forgets what a provider needs. */

import {
  ClaudeClient,
  type ClientOptions,
  type ClientWrapper,
  CompatibleClient,
  GeminiClient,
  type Message,
  OpenAIClient,
} from "cloudllm";
import { contractSuite, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

type Make = (options: ClientOptions & { readonly baseUrl: string }) => ClientWrapper;

interface Forgetful {
  readonly what: string;
  readonly model: string;
  readonly path: string;
  readonly make: Make;
  /** What is lost of a conversation on its way to the provider. */
  readonly change: (message: Message, index: number) => readonly Message[];
  readonly noticedBy: string;
}

const withoutReplay = (message: Message): readonly Message[] => {
  if (message.role !== "assistant") return [message];
  const { replay: _replay, ...rest } = message;
  return [rest];
};

/** Every text in what goes back is another one. */
const rewritten = (message: Message): readonly Message[] => {
  if (message.role !== "assistant" || !message.replay) return [message];
  const data = JSON.parse(JSON.stringify(message.replay.data).replaceAll("They want", "They wish"));
  return [{ ...message, replay: { ...message.replay, data } }];
};

const withoutAnswers = (message: Message): readonly Message[] => (message.role === "tool" ? [] : [message]);

const claude: Omit<Forgetful, "what" | "change"> = {
  model: "claude-sonnet-4-5",
  path: "",
  make: (options) => new ClaudeClient(options),
  noticedBy: "thinking and tool calls that",
};

const openai = {
  ...claude,
  model: "gpt-6-luna",
  path: "/v1",
  make: (options) => new OpenAIClient(options),
} satisfies typeof claude;

const google = {
  ...claude,
  model: "gemini-3-pro-preview",
  make: (options) => new GeminiClient(options),
} satisfies typeof claude;

const other = {
  ...claude,
  model: "m",
  path: "/v1",
  make: (options) => new CompatibleClient(options),
} satisfies typeof claude;

const FORGETFUL: readonly Forgetful[] = [
  { ...claude, what: "Claude client that loses signed thinking", change: withoutReplay },
  { ...claude, what: "Claude client that changes signed thinking", change: rewritten },
  { ...claude, what: "Claude client that leaves out what tools answered", change: withoutAnswers },
  { ...openai, what: "OpenAI client that loses encrypted thinking", change: withoutReplay },
  { ...openai, what: "OpenAI client that changes encrypted thinking", change: rewritten },
  { ...openai, what: "OpenAI client that leaves out what tools answered", change: withoutAnswers },
  { ...google, what: "Gemini client that loses thought signatures", change: withoutReplay },
  { ...google, what: "Gemini client that leaves out what tools answered", change: withoutAnswers },
  { ...other, what: "compatible client that leaves out what tools answered", change: withoutAnswers },
];

describe("through a strict server, the contract suite finds a", () => {
  test.each(FORGETFUL)("$what", async ({ model: name, path, make, change, noticedBy }) => {
    const cases = contractSuite({
      async open(scripts) {
        const server = await startProviderServer(scripts, { strict: true });
        const client = make({ model: name, apiKey: "k", baseUrl: server.origin + path, retries: 0 });
        return { client: bent(client, change), dispose: () => server.close() };
      },
    }).filter((each) => each.name.includes(noticedBy));
    expect(cases.length).toBeGreaterThan(1);
    for (const { run } of cases) await expect(run()).rejects.toThrow(/reports 400/);
  });
});

function bent(client: ClientWrapper, change: Forgetful["change"]): ClientWrapper {
  return {
    provider: client.provider,
    model: client.model,
    sendMessage: (messages, options) => client.sendMessage(messages.flatMap(change), options),
    sendMessageStream: (messages, options) => client.sendMessageStream(messages.flatMap(change), options),
  };
}
