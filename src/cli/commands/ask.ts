/** One question, one answer. */

import { type ClientWrapper, LLMSession, type Message, type SendOptions } from "../../index.ts";
import { budgetOf } from "../budget.ts";
import { saveMedia } from "../media-files.ts";
import { mediaOf, showReply, streamOf } from "../reply.ts";
import type { Settings } from "../settings.ts";
import { failureLineOf, statusOf } from "../status-line.ts";
import type { Terminal } from "../terminal.ts";

/** Resolves with the exit code. */
export async function ask(
  client: ClientWrapper,
  question: string,
  settings: Settings,
  { json }: { readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const asked = await askedOf(client, question, settings);
  const { onInterrupt } = terminal;
  const outcome = await showReply(
    async (signal) =>
      settings.nonStreamed ? streamOf(await asked.sendMessage({ signal })) : asked.sendMessageStream({ signal }),
    client,
    terminal,
    { json, onInterrupt },
  );
  const { stderr } = terminal;
  if (!json) await saveMedia(mediaOf(outcome), settings.media, terminal);
  switch (outcome.status) {
    case "answered":
      if (!settings.quiet) await stderr.aside(await statusOf(outcome.message));
      return 0;
    case "stopped":
      if (!settings.quiet && outcome.message) await stderr.aside(await statusOf(outcome.message));
      return 130;
    case "failed":
      await stderr.line(failureLineOf(outcome.error));
      return 1;
    case "unread":
      return 0;
  }
}

/** The question as a call; as the turn of a session where it has a budget. */
async function askedOf(client: ClientWrapper, question: string, settings: Settings) {
  const budget = await budgetOf(settings, [client]);
  if (!budget) {
    const messages = messagesOf(question, settings);
    return {
      sendMessage: (options: SendOptions) => client.sendMessage(messages, options),
      sendMessageStream: (options: SendOptions) => client.sendMessageStream(messages, options),
    };
  }
  const session = new LLMSession({ client, budget, systemPrompt: settings.system || undefined });
  return {
    sendMessage: (options: SendOptions) => session.sendMessage(question, options),
    sendMessageStream: (options: SendOptions) => session.sendMessageStream(question, options),
  };
}

/** Returns the system prompt, if there is one, and the question. */
export function messagesOf(question: string, { system }: Settings): readonly Message[] {
  const asked: Message = { role: "user", content: question };
  return system ? [{ role: "system", content: system }, asked] : [asked];
}
