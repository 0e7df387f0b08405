/** Model servers on this machine, and the models of a server. */

import { httpGet, SendError } from "../index.ts";
import { CommandError } from "./command-error.ts";
import { PROVIDERS, type ProviderName } from "./providers.ts";
import { proxyOf } from "./proxy.ts";

/** Where a server may be listening. */
export interface LocalServer {
  readonly provider: ProviderName;
  /** The name that people use. */
  readonly label: string;
  readonly baseUrl: string;
}

/** A server that answered. */
export interface FoundServer extends LocalServer {
  /** Its models that write text, in the server's order. */
  readonly models: readonly string[];
}

/**
 * The order of the search, each on its usual port. Many programs use vLLM's port (8000), so the user must name that
 * one.
 */
export const LOCAL_SERVERS: readonly LocalServer[] = [
  { provider: "ollama", label: "Ollama", baseUrl: PROVIDERS.ollama.localUrl ?? "" },
  { provider: "lmstudio", label: "LM Studio", baseUrl: PROVIDERS.lmstudio.localUrl ?? "" },
  { provider: "llamacpp", label: "llama.cpp", baseUrl: PROVIDERS.llamacpp.localUrl ?? "" },
];

/** Long enough for a server on this machine, and short enough not to be noticed, in milliseconds. */
const PROBE_MS = 300;
const LIST_MS = 5_000;

/** Returns those of the servers that answer, in their order. It asks all at once. */
export async function findServers(servers: readonly LocalServer[], probeMs: number = PROBE_MS): Promise<FoundServer[]> {
  const answers = await Promise.all(
    servers.map(async (server) => {
      const models = await modelsAt(server.baseUrl, {}, probeMs).catch(() => undefined);
      return models ? [{ ...server, models }] : [];
    }),
  );
  return answers.flat();
}

/**
 * Returns the models of the server at a base URL, as `GET {base}/models` names them.
 * @param key sent as a bearer token
 * @throws {CommandError} with the reason why there is not a list
 */
export async function listModels(baseUrl: string, key: string | undefined): Promise<readonly string[]> {
  try {
    return await modelsAt(baseUrl, key === undefined ? {} : { authorization: `Bearer ${key}` }, LIST_MS);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      `No model was named, and ${baseUrl} does not say which it has: ${reason} (--model names one.)`,
      1,
      error,
    );
  }
}

async function modelsAt(
  baseUrl: string,
  headers: Readonly<Record<string, string>>,
  limitMs: number,
): Promise<readonly string[]> {
  const { status, text } = await get(`${baseUrl.replace(/\/+$/, "")}/models`, headers, limitMs);
  if (status === 404) throw new Error("it answered 404. Does its address end in /v1?");
  if (status < 200 || status > 299) throw new Error(`it answered ${status}.`);
  const models = modelIdsOf(text);
  if (!models) throw new Error("its answer is not a list of models.");
  return models;
}

async function get(
  url: string,
  headers: Readonly<Record<string, string>>,
  limitMs: number,
): Promise<{ readonly status: number; readonly text: string }> {
  const signal = AbortSignal.timeout(limitMs);
  try {
    return await httpGet(url, { headers, signal, ...proxyOf(process.env) });
  } catch (error) {
    if (signal.aborted) throw new Error(`no answer within ${limitMs / 1_000} s.`);
    if (!(error instanceof SendError)) throw error;
    if (error.code === "ECONNREFUSED" && !error.message.includes("proxy")) {
      throw new Error("nothing listens there. Is the server running?");
    }
    throw new Error(error.message);
  }
}

/** Ollama and LM Studio also list models that do not write text. */
const WRITES_NOTHING = /embed|rerank|whisper|\btts\b|^bge-|minilm/i;

function modelIdsOf(text: string): readonly string[] | undefined {
  try {
    const { data } = JSON.parse(text) as { readonly data?: readonly { readonly id?: unknown }[] | null };
    if (!Array.isArray(data)) return data === null ? [] : undefined; // Ollama without models says null
    const ids = data.map((entry: { readonly id?: unknown } | null) => entry?.id);
    return ids.filter((id): id is string => typeof id === "string" && id !== "" && !WRITES_NOTHING.test(id));
  } catch {
    return undefined;
  }
}
