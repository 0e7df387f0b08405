/** The client of the examples: a provider with a key, a local server, or the toy model of this package. */

import { type ClientWrapper, CompatibleClient, OpenAIClient, OpenAIModel } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";

/**
 * Returns the client that the environment chooses.
 *
 * - `OPENAI_API_KEY` is set: OpenAI.
 * - `CLOUDLLM_BASE_URL` is set (such as `http://localhost:11434/v1`): that server, with the model `CLOUDLLM_MODEL`.
 * - Otherwise: the toy model, which needs no network. Its seed makes an example print the same text each time.
 */
export function connect(): ClientWrapper {
  const { OPENAI_API_KEY, CLOUDLLM_BASE_URL: baseUrl, CLOUDLLM_MODEL = "llama3.2" } = process.env;
  if (OPENAI_API_KEY) return new OpenAIClient({ model: OpenAIModel.GPT6Luna });
  if (baseUrl) return new CompatibleClient({ baseUrl, model: CLOUDLLM_MODEL });
  console.error("(no OPENAI_API_KEY or CLOUDLLM_BASE_URL: the built-in toy model answers)");
  return new EmbeddedClient({ seed: 1 });
}
