/** A conversation in the terminal, or line by line from a script. */

import type { Choice } from "../choice.ts";
import { CommandError } from "../command-error.ts";
import { Conversation } from "../conversation.ts";
import { type Lines, MORE, readLines } from "../lines.ts";
import type { Settings } from "../settings.ts";
import { optionInShell } from "../shell-word.ts";
import type { Terminal } from "../terminal.ts";
import { type Turn, TurnReader } from "../turn-reader.ts";
import { VERSION } from "../version.ts";
import { COMMAND_NAMES, isCommandName, unknownCommand } from "./chat-commands.ts";
import { openSession } from "./sessions.ts";

const PROMPT = "> ";

type Next = "continue" | "leave";

/**
 * Resolves with the exit code: a person leaves with 0 (130 by Ctrl-C), a script with 1 if one of its turns failed.
 */
export async function chat(
  choice: Choice,
  settings: Settings,
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { session, name } = await openSession(choice, settings, terminal, env);
  const completions = COMMAND_NAMES.map((name) => `/${name}`);
  const lines = readLines(terminal, completions);
  try {
    const conversation = new Conversation(session, choice, settings, terminal, lines);
    const isTalkative = lines.isInteractive && !settings.quiet;
    if (isTalkative) {
      await terminal.stderr.aside(`cloudllm ${VERSION} · ${conversation.title} · /help for help, Ctrl-D to leave`);
      for (const line of conversation.recollection()) await terminal.stderr.aside(line);
    }
    const code = await converse(conversation, lines, terminal);
    if (isTalkative && name !== undefined && session.history.length > 0)
      await terminal.stderr.aside(`To continue: cloudllm chat ${optionInShell("--session", name)}`);
    return code;
  } finally {
    lines.close();
    await session[Symbol.asyncDispose]();
  }
}

async function converse(conversation: Conversation, lines: Lines, terminal: Terminal): Promise<number> {
  const reader = new TurnReader();
  let anyFailed = false;

  async function act(turn: Turn): Promise<Next> {
    if (turn.type === "command" && turn.name === "quit") return "leave";
    try {
      const status = turn.type === "say" ? await conversation.say(turn.text) : await obey(turn.name, turn.argument);
      if (status === "failed") anyFailed = true;
      return status === "unread" ? "leave" : "continue";
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      anyFailed = true;
      for (const line of error.lines) await terminal.stderr.line(line);
      return "continue";
    }
  }

  async function obey(name: string, argument: string) {
    if (isCommandName(name) && name !== "quit") return conversation.command(name, argument);
    throw new CommandError(unknownCommand(name), 2);
  }

  for (;;) {
    const line = await lines.next(reader.isOpen ? MORE : PROMPT);
    if (line.type === "interrupt") {
      if (!reader.isOpen) return 130;
      reader.clear();
      continue;
    }
    if (line.type === "line") {
      const turn = reader.push(line.text);
      if (turn && (await act(turn)) === "leave") break;
      continue;
    }
    const rest = lines.isInteractive ? undefined : reader.rest();
    if (rest) await act(rest);
    if (lines.isInteractive) await terminal.stderr.write("\n");
    break;
  }
  return anyFailed && !lines.isInteractive ? 1 : 0;
}
