/** The commands of a chat: their names, and the answer to a mistyped one. */

import { quoted } from "../one-line.ts";

export type CommandName = "model" | "system" | "usage" | "retry" | "clear" | "save" | "load" | "help" | "quit";

/** Each command with its argument and what it does. */
const COMMANDS: Readonly<Record<CommandName, { readonly argument: string; readonly does: string }>> = {
  model: { argument: "[ID]", does: "show the model, or continue with another of the same provider" },
  system: { argument: "[TEXT]", does: "show the system prompt, or set it; /system none removes it" },
  usage: { argument: "", does: "tokens of this conversation so far, and their cost" },
  retry: { argument: "", does: "discard the last answer and ask again" },
  clear: { argument: "", does: "forget the conversation; its cost stays counted" },
  save: { argument: "FILE", does: "write the conversation to a file" },
  load: { argument: "FILE", does: "continue a conversation from a file" },
  help: { argument: "", does: "this" },
  quit: { argument: "", does: "leave" },
};

export const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS).filter(isCommandName);

/** Returns whether a command of that name exists. */
export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

/** The lines of `/help`. */
export const CHAT_HELP: readonly string[] = [
  ...COMMAND_NAMES.map((name) => {
    const { argument, does } = COMMANDS[name];
    return `  ${`/${name} ${argument}`.padEnd(16)} ${does}`;
  }),
  "",
  '  A line that ends in \\ continues in the next. """ begins and ends a block of lines.',
  "  Pasted lines stay together. To say something that begins with /, begin with a blank.",
  "  Ctrl-C stops a reply and keeps its text; at an empty prompt it leaves, like Ctrl-D.",
];

/** Returns the answer to an unknown command. */
export function unknownCommand(name: string): string {
  const near = COMMAND_NAMES.find((known) => known.startsWith(name) || name.startsWith(known) || isTypo(name, known));
  const advice =
    name !== "" && near ? `Did you mean /${near}?` : `There are ${COMMAND_NAMES.map((each) => `/${each}`).join(" ")}.`;
  return `Unknown command /${quoted(name)}. ${advice}`;
}

/** Returns whether two names differ by one letter (wrong, missing or added), or by two swapped ones. */
function isTypo(typed: string, known: string): boolean {
  let start = 0;
  while (start < typed.length && typed[start] === known[start]) start += 1;
  let end = 0;
  while (end < typed.length - start && typed.at(-1 - end) === known.at(-1 - end)) end += 1;
  const wrong = typed.slice(start, typed.length - end);
  const right = known.slice(start, Math.max(start, known.length - end));
  if (wrong.length <= 1 && right.length <= 1) return true;
  return wrong.length === 2 && right === `${wrong[1]}${wrong[0]}`;
}
