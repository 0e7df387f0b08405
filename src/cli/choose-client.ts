/** Chooses the provider: the requested one, else one whose key is set, else a server on this machine. */

import type { ClientOptions, ReasoningEffort } from "../index.ts";
import { createBuiltIn } from "./built-in.ts";
import type { Choice } from "./choice.ts";
import { CommandError } from "./command-error.ts";
import { findServers, type LocalServer, listModels } from "./local-servers.ts";
import { HOSTED, KEY_LINES, PROVIDERS, type Provider } from "./providers.ts";
import { proxyOf } from "./proxy.ts";
import { BUILT_IN, type Settings } from "./settings.ts";

const NO_KEY =
  "no key found: talking to the built-in toy model; set OPENAI_API_KEY or another key, or start a local server, for a real one " +
  "(cloudllm --help lists them)";

/** The key for a server that the user names by its address. */
const OWN_KEY = "CLOUDLLM_API_KEY";

/**
 * Chooses by `--provider`, else `--base-url` (any compatible server), else the first provider of `HOSTED` whose key is
 * set. Without a key, it takes the first of `servers` that answers and has a model, else the built-in model with a
 * note. A model that the user names is not replaced by another.
 * @param hooks see the requests of the client
 * @throws {CommandError} that says what to set when no server has the model; {TypeError} when a client refuses an
 * option
 */
export async function chooseClient(
  settings: Settings,
  env: NodeJS.ProcessEnv,
  servers: readonly LocalServer[],
  hooks: Pick<ClientOptions, "onRequest" | "onResponse"> = {},
): Promise<Choice> {
  const { provider, baseUrl } = settings;
  const given: Given = { settings, env, hooks };
  if (provider === BUILT_IN) return createBuiltIn(settings);
  if (provider !== undefined) return choiceOf(PROVIDERS[provider], baseUrl, given);
  if (baseUrl !== undefined) return choiceOf(PROVIDERS.compatible, baseUrl, given);
  const keyed = HOSTED.find((name) => keyOf(PROVIDERS[name], env) !== undefined);
  if (keyed) return choiceOf(PROVIDERS[keyed], undefined, given);

  const found = await findServers(servers);
  const server =
    settings.model === undefined ? found.find(({ models }) => models.length > 0) : serverWith(settings.model, found);
  if (!server && settings.model === undefined) return { ...(await createBuiltIn(settings)), note: NO_KEY };
  if (!server) throw noProviderError(servers, found);
  const model = settings.model ?? server.models[0];
  const chosen = { ...settings, ...(model !== undefined && { model }) };
  return choiceOf(PROVIDERS[server.provider], server.baseUrl, { ...given, settings: chosen });
}

/** Everything that a client is made from, but for its provider. */
interface Given {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly hooks: Pick<ClientOptions, "onRequest" | "onResponse">;
}

async function choiceOf(provider: Provider, baseUrl: string | undefined, given: Given): Promise<Choice> {
  const { settings, env } = given;
  const address = baseUrl ?? provider.localUrl;
  if (provider === PROVIDERS.compatible && address === undefined) {
    throw new CommandError("--provider compatible needs --base-url, such as http://localhost:8000/v1.", 2);
  }
  const create = (model: string, reasoning?: ReasoningEffort) =>
    provider.create({
      ...optionsOf(model, provider, baseUrl, given),
      ...given.hooks,
      ...(reasoning && { reasoning }),
    });
  create("not known yet"); // refuses invalid options before any request
  if (settings.model === undefined && provider.isCloud) {
    throw new CommandError("This provider needs --model: the name of a model or of a deployment.", 2);
  }
  const asks = provider.defaultModel === undefined && address !== undefined;
  const models = () => {
    const apiKey = keyOf(provider, env) ?? ownKeyOf(provider, env);
    // The client refuses to send the key to this address in clear; the list of models gets it as well.
    provider.create({ ...optionsOf("not known yet", provider, baseUrl, given), ...(apiKey && { apiKey }) });
    return listModels(address ?? "", apiKey);
  };
  const model = settings.model ?? provider.defaultModel ?? (await models())[0];
  if (model === undefined) {
    throw new CommandError(`The server at ${address} has no model yet. Load one there, or name one with --model.`, 1);
  }
  // A model that the user names is not replaced.
  const reasoning = settings.model === undefined ? provider.defaultReasoning : undefined;
  return { client: create(model, reasoning), withModel: (other) => create(other), ...(asks && { models }) };
}

function optionsOf(
  model: string,
  provider: Provider,
  baseUrl: string | undefined,
  { settings, env }: Pick<Given, "settings" | "env">,
): ClientOptions {
  const { allowInsecureHttp, maxOutputTokens, temperature, timeoutMs } = settings;
  const apiKey = keyOf(provider, env) === undefined ? ownKeyOf(provider, env) : undefined;
  return {
    model,
    ...(baseUrl !== undefined && { baseUrl }),
    ...(apiKey !== undefined && { apiKey }),
    ...(allowInsecureHttp && { allowInsecureHttp }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(timeoutMs !== undefined && { timeouts: allOf(timeoutMs) }),
    ...proxyOf(env),
  };
}

/**
 * One limit for everything: a user who waits five minutes for a slow machine also waits that long for its first word.
 */
function allOf(ms: number): ClientOptions["timeouts"] {
  return { headers: ms, firstChunk: ms, idle: ms, stall: ms, total: ms };
}

function keyOf(provider: Provider, env: NodeJS.ProcessEnv): string | undefined {
  const name = provider.keyNames.find((candidate) => env[candidate]);
  return name === undefined ? undefined : env[name];
}

/** Not used for a hosted provider: the key belongs to another address. */
function ownKeyOf(provider: Provider, env: NodeJS.ProcessEnv): string | undefined {
  return provider.defaultModel === undefined && !provider.isCloud ? env[OWN_KEY] || undefined : undefined;
}

function serverWith<T extends { readonly models: readonly string[] }>(
  model: string,
  found: readonly T[],
): T | undefined {
  return found.find(({ models }) => models.includes(model)) ?? found[0];
}

function noProviderError(servers: readonly LocalServer[], found: readonly LocalServer[]): CommandError {
  const places = servers.map(({ label, baseUrl }) => {
    const empty = found.some((server) => server.baseUrl === baseUrl);
    return `  ${label.padEnd(11)} ${baseUrl}${empty ? "  (it runs, but has no model yet)" : ""}`;
  });
  return new CommandError(
    [
      "No provider is available for that model. Set the key of a provider:",
      ...KEY_LINES,
      "or start a server on this machine:",
      ...places,
      "or name a server with --base-url. (Without --model, a toy model that is built in answers.)",
    ],
    1,
  );
}
