/** One question, one answer. */

import type { ClientWrapper, Message } from "../../index.ts";
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
  const messages = messagesOf(question, settings);
  const { onInterrupt } = terminal;
  const outcome = await showReply(
    async (signal) =>
      settings.nonStreamed
        ? streamOf(await client.sendMessage(messages, { signal }))
        : client.sendMessageStream(messages, { signal }),
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

/** Returns the system prompt, if there is one, and the question. */
export function messagesOf(question: string, { system }: Settings): readonly Message[] {
  const asked: Message = { role: "user", content: question };
  return system ? [{ role: "system", content: system }, asked] : [asked];
}
