/** The options of `cloudllm serve`, as data. Reads nothing but its arguments and the token's variable. */

import { CommandError } from "../command-error.ts";
import { providerOf } from "../provider-name.ts";
import type { ProviderName } from "../providers.ts";
import type { BUILT_IN, Settings } from "../settings.ts";
import { isOnlyLocal } from "./hosts.ts";

/** The options that only `serve` takes, for `parseArgs`. */
export const SERVE_OPTIONS = {
  port: { type: "string" },
  host: { type: "string" },
  fallback: { type: "string", multiple: true },
  also: { type: "string", multiple: true },
  store: { type: "string" },
  log: { type: "string" },
  tools: { type: "string" },
  token: { type: "string" },
} as const;

/** A provider that is asked when the ones before it fail, or that a page may choose. */
interface NamedChoice {
  readonly provider: ProviderName | typeof BUILT_IN;
  /** Absent: the provider's own small one. */
  readonly model?: string;
}

/** Where conversations are kept. */
export type StorePlace =
  /** In the user's data folder. */
  | { readonly type: "default" }
  | { readonly type: "folder"; readonly path: string }
  | { readonly type: "sqlite"; readonly file: string }
  | { readonly type: "postgres"; readonly url: string }
  | { readonly type: "redis"; readonly url: string };

/** Where running replies are kept. */
export type LogPlace =
  | { readonly type: "memory" }
  | { readonly type: "sqlite"; readonly file: string }
  | { readonly type: "redis"; readonly url: string };

/** The settings of the server, in addition to those of every command that asks a model. */
export interface ServeSettings {
  /** 0: any free port. */
  readonly port: number;
  /** The address to listen on. */
  readonly host: string;
  readonly fallbacks: readonly NamedChoice[];
  /** Of the first provider, the other models that a page may choose. */
  readonly models: readonly string[];
  /** Of other providers. */
  readonly also: readonly NamedChoice[];
  readonly store: StorePlace;
  readonly log: LogPlace;
  /** The path of an ES module that exports tools. */
  readonly tools?: string;
  /** Absent: every program and page of this machine may use the server. */
  readonly token?: string;
}

/** The port without `--port`. */
const DEFAULT_PORT = 4242;
const DEFAULT_HOST = "127.0.0.1";

/** Shorter tokens can be guessed. */
const MIN_TOKEN_LENGTH = 16;

type Values = {
  readonly [Name in keyof typeof SERVE_OPTIONS]?: Name extends "fallback" | "also"
    ? string[] | undefined
    : string | undefined;
};

/** Returns the first option that is for `serve` alone. */
export function serveOptionIn(values: Values): string | undefined {
  return Object.keys(SERVE_OPTIONS).find((name) => values[name as keyof Values] !== undefined);
}

/**
 * Returns the settings of the server.
 * @param models the models of `--model` but the first
 * @throws {CommandError} with exit code 2 for invalid ones
 */
export function serveSettingsOf(values: Values, settings: Settings, models: readonly string[]): ServeSettings {
  const { session, ephemeral, media, nonStreamed } = settings;
  if (session !== undefined || ephemeral || media !== undefined || nonStreamed) {
    throw new CommandError("--session, --ephemeral, --media and --no-stream are not for a server.", 2);
  }
  const { port, host = DEFAULT_HOST, fallback = [], also = [], store, log, tools, token } = values;
  const empty = Object.entries({ host, store, log, tools }).find(([, value]) => value?.trim() === "");
  if (empty) throw new CommandError(`--${empty[0]} is empty.`, 2);
  if (token !== undefined) checkToken(token);
  return {
    port: portOf(port),
    host,
    fallbacks: fallback.map((text) => namedChoiceOf("--fallback", text)),
    models,
    also: also.map((text) => namedChoiceOf("--also", text)),
    store: storeOf(store),
    log: logOf(log),
    ...(tools !== undefined && { tools }),
    ...(token !== undefined && { token }),
  };
}

/**
 * Returns the token: that of `--token`, else of `CLOUDLLM_TOKEN`, which other users of the machine cannot see in the
 * list of processes.
 * @throws {CommandError} when an address that others reach has none
 */
export function tokenOf({ host, token }: ServeSettings, env: NodeJS.ProcessEnv): string | undefined {
  const given = token ?? (env.CLOUDLLM_TOKEN || undefined);
  if (given !== undefined) checkToken(given);
  else if (!isOnlyLocal(host)) {
    throw new CommandError(
      `--host ${host} can be reached from other machines: choose a secret that they must know, with --token or CLOUDLLM_TOKEN.`,
      2,
    );
  }
  return given;
}

function checkToken(token: string): void {
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < MIN_TOKEN_LENGTH) {
    throw new CommandError(
      `The token must have at least ${MIN_TOKEN_LENGTH} characters, all of them ASCII and none a blank.`,
      2,
    );
  }
}

function portOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new CommandError(`--port must be an integer from 0 (any free port) to 65535, not ${JSON.stringify(text)}.`, 2);
}

/** `anthropic`, or `ollama:qwen3:8b`: a model may hold colons. */
function namedChoiceOf(option: string, text: string): NamedChoice {
  const colon = text.indexOf(":");
  if (colon < 0) return { provider: providerOf(text) };
  const model = text.slice(colon + 1);
  if (model.trim() === "") throw new CommandError(`${option} ${text} names no model behind the colon.`, 2);
  return { provider: providerOf(text.slice(0, colon)), model };
}

function storeOf(text: string | undefined): StorePlace {
  if (text === undefined) return { type: "default" };
  const engine = engineOf("--store", text);
  if (engine) return engine;
  checkScheme("--store", text, "a folder, sqlite:FILE, postgres://… or redis://…");
  return { type: "folder", path: text };
}

function logOf(text: string | undefined): LogPlace {
  if (text === undefined || text === "memory") return { type: "memory" };
  const engine = engineOf("--log", text);
  if (engine && engine.type !== "postgres") return engine;
  throw new CommandError("--log must be memory, sqlite:FILE or redis://….", 2);
}

function engineOf(
  option: string,
  text: string,
): Extract<StorePlace, { readonly type: "sqlite" | "postgres" | "redis" }> | undefined {
  if (text.startsWith("sqlite:")) {
    const file = text.slice("sqlite:".length);
    if (file.trim() === "") throw new CommandError(`${option} sqlite: names no file: sqlite:chats.db`, 2);
    return { type: "sqlite", file };
  }
  const [, scheme] = /^([a-z]+):\/\//.exec(text) ?? [];
  if (scheme === "postgres" || scheme === "postgresql") return { type: "postgres", url: checkedUrl(option, text) };
  if (scheme === "redis" || scheme === "rediss") return { type: "redis", url: checkedUrl(option, text) };
  return undefined;
}

/** The address may hold a password: messages do not quote it. */
function checkedUrl(option: string, url: string): string {
  if (URL.canParse(url) && new URL(url).host !== "") return url;
  throw new CommandError(`${option} is not a valid address, such as redis://localhost:6379.`, 2);
}

/** @throws {CommandError} for an address of a database that the server does not know */
function checkScheme(option: string, text: string, valid: string): void {
  const [, scheme] = /^([a-z][a-z0-9+.-]+):/i.exec(text) ?? [];
  if (scheme !== undefined) throw new CommandError(`${option} must be ${valid}; ${scheme}: is not one of them.`, 2);
}
