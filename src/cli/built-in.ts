/** The embedded model, which needs no network. It is loaded when it is first used. */

import type { Choice } from "./choice.ts";
import { CommandError } from "./command-error.ts";
import { BUILT_IN, type Settings } from "./settings.ts";

/** Tokens of a conversation, of the model's 512: the estimate of its length may be a fifth too low. */
const MAX_TOKENS = 400;

/**
 * Returns the built-in model as a choice.
 * @throws {CommandError} for a server or another model; {TypeError} when the client refuses an option
 */
export async function createBuiltIn({
  baseUrl,
  model,
  maxOutputTokens,
  temperature,
  timeoutMs,
}: Settings): Promise<Choice> {
  if (baseUrl !== undefined) throw new CommandError(`--provider ${BUILT_IN} asks no server: leave out --base-url.`, 2);
  const { EmbeddedClient } = await import("../embedded/index.ts");
  const client = new EmbeddedClient({
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(timeoutMs !== undefined && { timeouts: { total: timeoutMs } }),
  });
  const withModel = (name: string) => {
    if (name === client.model) return client;
    throw new CommandError(`There is only one model built in, ${client.model}; others need a key or a server.`, 2);
  };
  return {
    client: withModel(model ?? client.model),
    withModel,
    models: async () => [client.model],
    maxTokens: MAX_TOKENS,
  };
}
