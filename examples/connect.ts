/** Whom the examples talk to: a provider whose key is set, a local server, or a stand-in on this machine. */

import { type ClientWrapper, CompatibleClient, OpenAIClient, OpenAIModel } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";

const STORY = "Once upon a time a reply was too long to wait for. So it set out word by word, and arrived at once.";

/** A client, and what to do when the example is over. */
export interface Connection {
  readonly client: ClientWrapper;
  close(): Promise<void>;
}

/**
 * `OPENAI_API_KEY` set: OpenAI. `CLOUDLLM_BASE_URL` set (such as `http://localhost:11434/v1`): the server there, with the
 * model `CLOUDLLM_MODEL`. Neither: a server in this process that tells a story, one word every 30 ms.
 */
export async function connect(): Promise<Connection> {
  const { OPENAI_API_KEY, CLOUDLLM_BASE_URL: baseUrl, CLOUDLLM_MODEL = "llama3.2" } = process.env;
  if (OPENAI_API_KEY)
    return { client: new OpenAIClient({ model: OpenAIModel.GPT5Nano }), close: async () => undefined };
  if (baseUrl)
    return { client: new CompatibleClient({ baseUrl, model: CLOUDLLM_MODEL }), close: async () => undefined };
  console.error("(no OPENAI_API_KEY or CLOUDLLM_BASE_URL: a stand-in on this machine answers)");
  const words = STORY.match(/\S+\s*/g) ?? [];
  const usage = { inputTokens: 12, outputTokens: words.length };
  const server = await startProviderServer(() => ({ text: words, ending: { usage } }), { pace: 30 });
  return { client: new CompatibleClient({ baseUrl: server.baseUrl, model: "stand-in" }), close: () => server.close() };
}
