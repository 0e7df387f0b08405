/** The command line as data. Reads nothing but its arguments. */

import { parseArgs } from "node:util";
import { CommandError } from "./command-error.ts";
import { parseFault } from "./parse-fault.ts";
import { providerOf } from "./provider-name.ts";
import { SERVE_OPTIONS, type ServeSettings, serveOptionIn, serveSettingsOf } from "./serve/settings.ts";
import type { Settings } from "./settings.ts";

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | {
      readonly name: "ask";
      /** Absent: the question comes from stdin. */
      readonly words?: string;
      readonly json: boolean;
      readonly settings: Settings;
    }
  | { readonly name: "compare"; readonly words?: string; readonly settings: Settings }
  | { readonly name: "chat"; readonly settings: Settings }
  | { readonly name: "sessions"; readonly settings: Settings }
  | { readonly name: "serve"; readonly serve: ServeSettings; readonly settings: Settings };

const COMMON_OPTIONS = {
  provider: { type: "string", short: "p" },
  model: { type: "string", short: "m", multiple: true },
  "base-url": { type: "string" },
  "allow-insecure-http": { type: "boolean" },
  system: { type: "string", short: "s" },
  "max-tokens": { type: "string" },
  "max-cost": { type: "string" },
  "max-total-tokens": { type: "string" },
  temperature: { type: "string", short: "t" },
  timeout: { type: "string" },
  session: { type: "string" },
  ephemeral: { type: "boolean" },
  media: { type: "string" },
  json: { type: "boolean" },
  "no-stream": { type: "boolean" },
  "no-color": { type: "boolean" },
  quiet: { type: "boolean", short: "q" },
  // Not `env-file`: Node 20 takes that option for itself, even after the script's name, and exits if the file is
  // missing.
  env: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

const OPTIONS = { ...COMMON_OPTIONS, ...SERVE_OPTIONS } as const;

/**
 * Returns the command of the arguments (without the interpreter and the script). `chat`, `compare`, `serve` and
 * `sessions` are commands only as the first word; `cloudllm -- chat` asks a model about "chat".
 * @throws {CommandError} with exit code 2 for invalid arguments
 */
export function commandOf(args: readonly string[]): Command {
  const { values, positionals, tokens } = parsed(args);
  if (values.help) return { name: "help" };
  if (values.version) return { name: "version" };
  const settings = settingsOf(values);
  const json = values.json === true;

  const terminator = tokens.find((token) => token.kind === "option-terminator")?.index ?? args.length;
  const first = tokens.find((token) => token.kind === "positional");
  const name = first && first.index < terminator ? first.value : undefined;
  const misplaced = name === "serve" ? undefined : serveOptionIn(values);
  if (misplaced) throw new CommandError(`--${misplaced} is for a server: cloudllm serve --${misplaced} …`, 2);
  const [, ...models] = values.model ?? [];
  if (models.length > 0 && name !== "serve")
    throw new CommandError("--model names one model; only serve takes several.", 2);
  if (json && settings.media !== undefined)
    throw new CommandError("--json prints pictures and sounds, --media saves them: give one of them.", 2);
  if (name === "chat") {
    if (json) throw new CommandError("--json works for one answer only, not for a chat.", 2);
    if (positionals.length > 1) {
      throw new CommandError('chat takes no question; type it there, or ask at once: cloudllm "question"', 2);
    }
    return { name, settings };
  }
  const { session, ephemeral } = settings;
  if (name === "serve") {
    if (positionals.length > 1) throw new CommandError("serve takes no question: cloudllm serve", 2);
    return { name, serve: serveSettingsOf(values, settings, models), settings };
  }
  if (session !== undefined || ephemeral)
    throw new CommandError("--session and --ephemeral are for a chat: cloudllm chat --session NAME", 2);
  if (name === "sessions") {
    if (positionals.length > 1) throw new CommandError("sessions takes no arguments: cloudllm sessions", 2);
    return { name, settings };
  }
  if (name === "compare") {
    if (json || settings.nonStreamed)
      throw new CommandError("compare prints a table of both ways: leave out --json and --no-stream.", 2);
    if (settings.budget) throw new CommandError("compare asks twice: leave out --max-cost and --max-total-tokens.", 2);
    return { name, ...wordsOf(positionals.slice(1)), settings };
  }
  if (settings.budget && settings.nonStreamed) {
    const fault = "--max-cost and --max-total-tokens cannot end a reply that comes in one piece";
    throw new CommandError(`${fault}: leave out --no-stream, or limit the reply with --max-tokens.`, 2);
  }
  return { name: "ask", ...wordsOf(positionals), json, settings };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (error) {
    const lenient = { args: [...args], options: OPTIONS, allowPositionals: true, strict: false, tokens: true } as const;
    const message = error instanceof Error ? error.message : String(error);
    const { tokens, positionals } = parseArgs(lenient);
    const fault =
      parseFault(tokens, positionals[0] === "serve" ? OPTIONS : COMMON_OPTIONS) ?? message.replace(/\.?$/, ".");
    throw new CommandError(`${fault} See cloudllm --help.`, 2, error);
  }
}

type Values = ReturnType<typeof parsed>["values"];

function settingsOf(values: Values): Settings {
  const { provider, system, temperature, timeout } = values;
  const [model, ...models] = values.model ?? [];
  const baseUrl = values["base-url"];
  const maxTokens = values["max-tokens"];
  const envFile = values.env;
  const { session, ephemeral = false, media } = values;
  const named = { "--model": model, "--base-url": baseUrl, "--env": envFile, "--session": session, "--media": media };
  const empty = Object.entries(named).find(([, value]) => value?.trim() === "")?.[0];
  const fault = empty ?? (models.some((other) => other.trim() === "") ? "--model" : undefined);
  if (fault !== undefined) throw new CommandError(`${fault} is empty.`, 2);
  if (session !== undefined && ephemeral)
    throw new CommandError("--session keeps the conversation, --ephemeral does not: give one of them.", 2);
  const seconds = timeout === undefined ? undefined : numberOf("--timeout", timeout, "seconds, 0 for no limit", 0);
  return {
    ...(provider !== undefined && { provider: providerOf(provider) }),
    ...(model !== undefined && { model }),
    ...(baseUrl !== undefined && { baseUrl }),
    ...(values["allow-insecure-http"] && { allowInsecureHttp: true as const }),
    ...(system !== undefined && { system }),
    ...(maxTokens !== undefined && { maxOutputTokens: integerOf("--max-tokens", maxTokens) }),
    ...budgetIn(values["max-cost"], values["max-total-tokens"]),
    ...(temperature !== undefined && {
      temperature: numberOf("--temperature", temperature, "a number from 0 to 2", 0, 2),
    }),
    ...(seconds !== undefined && { timeoutMs: seconds * 1_000 }),
    ...(envFile !== undefined && { envFile }),
    ...(values["no-color"] && { color: false as const }),
    ...(session !== undefined && { session }),
    ...(ephemeral && { ephemeral }),
    ...(media !== undefined && { media }),
    nonStreamed: values["no-stream"] === true,
    quiet: values.quiet === true,
  };
}

function budgetIn(cost: string | undefined, tokens: string | undefined): Pick<Settings, "budget"> {
  if (cost === undefined && tokens === undefined) return {};
  const dollars = cost === undefined ? undefined : numberOf("--max-cost", cost, "dollars, such as 0.05", 0);
  if (dollars === 0) throw new CommandError("--max-cost must be above 0.", 2);
  return {
    budget: {
      ...(dollars !== undefined && { dollars }),
      ...(tokens !== undefined && { tokens: integerOf("--max-total-tokens", tokens) }),
    },
  };
}

function wordsOf(positionals: readonly string[]): { readonly words?: string } {
  return positionals.length > 0 ? { words: positionals.join(" ") } : {};
}

function numberOf(option: string, text: string, what: string, low: number, high = Number.MAX_VALUE): number {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (number >= low && number <= high) return number;
  throw new CommandError(`${option} must be ${what}, not ${JSON.stringify(text)}.`, 2);
}

function integerOf(option: string, text: string): number {
  const what = "an integer above 0";
  const number = numberOf(option, text, what, 1);
  if (Number.isInteger(number)) return number;
  throw new CommandError(`${option} must be ${what}, not ${JSON.stringify(text)}.`, 2);
}
