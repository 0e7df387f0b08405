/** Whom the examples talk to: a provider whose key is set, a local server, or the toy model of this package. */

import { type ClientWrapper, CompatibleClient, OpenAIClient, OpenAIModel } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";

/**
 * `OPENAI_API_KEY` set: OpenAI. `CLOUDLLM_BASE_URL` set (such as `http://localhost:11434/v1`): the server there, with the
 * model `CLOUDLLM_MODEL`. Neither: the toy model, which needs no network. With a seed, so that an example prints the same
 * each time it runs, and what it shows does not depend on chance; leave it out for another story each time.
 */
export function connect(): ClientWrapper {
  const { OPENAI_API_KEY, CLOUDLLM_BASE_URL: baseUrl, CLOUDLLM_MODEL = "llama3.2" } = process.env;
  if (OPENAI_API_KEY) return new OpenAIClient({ model: OpenAIModel.GPT6Luna });
  if (baseUrl) return new CompatibleClient({ baseUrl, model: CLOUDLLM_MODEL });
  console.error("(no OPENAI_API_KEY or CLOUDLLM_BASE_URL: the built-in toy model answers)");
  return new EmbeddedClient({ seed: 1 });
}
