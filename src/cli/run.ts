/** Runs a command line and returns its exit code: 0 success, 1 failure, 2 not understood, 130 Ctrl-C. */

import { statSync } from "node:fs";
import { type Command, commandOf } from "./arguments.ts";
import type { Choice } from "./choice.ts";
import { chooseClient } from "./choose-client.ts";
import { CommandError } from "./command-error.ts";
import { ask } from "./commands/ask.ts";
import { chat } from "./commands/chat.ts";
import { compare } from "./commands/compare.ts";
import { listSessions } from "./commands/sessions.ts";
import { withFlags } from "./flags.ts";
import { HELP } from "./help.ts";
import { LOCAL_SERVERS } from "./local-servers.ts";
import { questionOf } from "./question.ts";
import type { Settings } from "./settings.ts";
import { createTerminal, type ProcessStreams, type Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { wireLogOf } from "./wire-log.ts";

/**
 * Runs one command. A failure is one line on stderr; it throws nothing.
 * @param env the variables with the keys; `--env` adds to `process.env`
 */
export async function run(args: readonly string[], streams: ProcessStreams, env: NodeJS.ProcessEnv): Promise<number> {
  const command = understood(args);
  const terminal = createTerminal(streams, env, "settings" in command ? command.settings : {});
  try {
    if (command instanceof CommandError) throw command;
    const code = await execute(command, terminal, env);
    const failure = await terminal.stdout.ended();
    if (failure) throw new CommandError(`The output could not be written: ${failure.message}`, 1, failure);
    return code;
  } catch (error) {
    if (terminal.stdout.gone.aborted && !(await terminal.stdout.ended())) return 0; // `cloudllm … | head -1` has read enough
    const [first = "", ...more] = linesOf(error);
    for (const line of [`cloudllm: ${first}`, ...more]) await terminal.stderr.line(line);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof CommandError) return error.lines;
  return [withFlags(error instanceof Error ? error.message : String(error))];
}

function understood(args: readonly string[]): Command | CommandError {
  try {
    return commandOf(args);
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

async function execute(command: Command, terminal: Terminal, env: NodeJS.ProcessEnv): Promise<number> {
  if (command.name === "help" || command.name === "version") {
    await terminal.stdout.write(command.name === "help" ? HELP : `${VERSION}\n`);
    return 0;
  }
  const { settings } = command;
  if (settings.envFile !== undefined) loadEnvironment(settings.envFile);
  switch (command.name) {
    case "chat":
      return chat(await choiceOf(settings, env, terminal), settings, terminal, env);
    case "sessions":
      return listSessions(terminal, env);
    case "serve": {
      const { serve } = await import("./serve/serve.ts"); // a server, which other commands do not load
      const first = await choiceOf(settings, env, terminal);
      const { baseUrl: _baseUrl, model: _model, ...shared } = settings;
      const { fallbacks, models, also } = command.serve;
      const chosen = async (named: typeof also): Promise<readonly Choice[]> => {
        const choices: Choice[] = [];
        for (const each of named) choices.push(await choiceOf({ ...shared, ...each }, env, terminal));
        return choices;
      };
      const ofFirst = models.map((model) => ({ ...first, client: first.withModel(model) }));
      const choices = { first, fallbacks: await chosen(fallbacks), others: [...ofFirst, ...(await chosen(also))] };
      return serve(choices, command.serve, settings, terminal, env);
    }
    case "ask": {
      const question = await questionOf(command.words, terminal);
      const { client } = await choiceOf(settings, env, terminal);
      return ask(client, question, settings, { json: command.json }, terminal);
    }
    case "compare": {
      const question = await questionOf(command.words, terminal);
      const { client } = await choiceOf(settings, env, terminal);
      return compare(client, question, settings, terminal);
    }
  }
}

async function choiceOf(settings: Settings, env: NodeJS.ProcessEnv, terminal: Terminal): Promise<Choice> {
  try {
    const choice = await chooseClient(
      settings,
      env,
      LOCAL_SERVERS,
      wireLogOf(env, (line) => terminal.stderr.line(line)),
    );
    // Also with `--quiet`: the answer of a toy must not pass for that of a model.
    if (choice.note !== undefined) await terminal.stderr.line(`cloudllm: ${choice.note}`);
    return choice;
  } catch (error) {
    // Clients refuse invalid options, which came from the command line, with a TypeError.
    if (error instanceof TypeError) throw new CommandError(withFlags(error.message), 2);
    throw error;
  }
}

function loadEnvironment(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CommandError(`--env: ${file} is a folder. Give a file of lines such as OPENAI_API_KEY=….`, 2);
  }
  try {
    process.loadEnvFile(file);
  } catch (error) {
    throw new CommandError(`--env: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
}
