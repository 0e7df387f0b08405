/** A chat's conversation: its turns and its commands. Replies go to stdout, everything else to stderr. */

import type { LLMSession, UserMessage } from "../index.ts";
import { budgetOf } from "./budget.ts";
import type { Choice } from "./choice.ts";
import { CommandError } from "./command-error.ts";
import { CHAT_HELP, type CommandName } from "./commands/chat-commands.ts";
import { loadConversation, saveConversation } from "./conversation-file.ts";
import { conversationCostOf } from "./cost.ts";
import type { Lines } from "./lines.ts";
import { saveMedia } from "./media-files.ts";
import { quoted } from "./one-line.ts";
import { mediaOf, type Outcome, showReply, streamOf } from "./reply.ts";
import type { Settings } from "./settings.ts";
import { failureLineOf, statusOf } from "./status-line.ts";
import type { Terminal } from "./terminal.ts";

type Question = UserMessage["content"];

/** Sends the turns of a chat and performs its commands. */
export class Conversation {
  readonly #choice: Choice;
  readonly #settings: Settings;
  readonly #terminal: Terminal;
  readonly #lines: Lines;
  readonly #session: LLMSession;

  constructor(session: LLMSession, choice: Choice, settings: Settings, terminal: Terminal, lines: Lines) {
    this.#session = session;
    this.#choice = choice;
    this.#settings = settings;
    this.#terminal = terminal;
    this.#lines = lines;
  }

  /** Provider and model. */
  get title(): string {
    const { provider, model } = this.#session.client;
    return `${quoted(provider)} ${quoted(model)}`;
  }

  /** Notes about a conversation that continues. */
  recollection(): readonly string[] {
    const { history, unanswered } = this.#session;
    const lines = history.length > 0 ? [`${countOf(history.length, "message")} so far`] : [];
    if (history.at(-1)?.role === "assistant" && "interrupted" in (history.at(-1) ?? {}))
      lines.push("The last reply was cut; /retry asks again.");
    if (unanswered !== undefined) lines.push("The last message has no answer; /retry asks again.");
    return lines;
  }

  /** Sends a message and shows the reply. Resolves with its outcome; failures have been shown. */
  async say(question: Question): Promise<Outcome["status"]> {
    const session = this.#session;
    const outcome = await showReply(
      async (signal) =>
        this.#settings.nonStreamed
          ? streamOf(await session.sendMessage(question, { signal }))
          : session.sendMessageStream(question, { signal }),
      session.client,
      this.#terminal,
      { onInterrupt: (listener) => this.#lines.onInterrupt(listener) },
    );
    await saveMedia(mediaOf(outcome), this.#settings.media, this.#terminal);
    await this.#reportOutcome(outcome);
    return outcome.status;
  }

  /** Runs every command but `/quit`. A `CommandError` says why it failed. */
  async command(name: Exclude<CommandName, "quit">, argument: string): Promise<Outcome["status"] | undefined> {
    switch (name) {
      case "help":
        return this.#report(...CHAT_HELP);
      case "model":
        return this.#model(argument);
      case "system":
        return this.#system(argument);
      case "usage":
        return this.#usage();
      case "retry":
        return this.#retry();
      case "clear":
        return this.#clear();
      case "save":
        await saveConversation(this.#session, fileOf(argument, name));
        return this.#report(`Saved ${countOf(this.#session.history.length, "message")} to ${argument}.`);
      case "load":
        await loadConversation(fileOf(argument, name), this.#session);
        return this.#report(`Loaded ${countOf(this.#session.history.length, "message")} from ${argument}.`);
    }
  }

  async #clear(): Promise<undefined> {
    try {
      await this.#session.clear();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError(`The conversation is cleared here, but not yet in its file. ${reason}`, 1, error);
    }
    return this.#report("The conversation is cleared.");
  }

  async #model(id: string): Promise<undefined> {
    if (id !== "") {
      const client = this.#choice.withModel(id);
      await budgetOf(this.#settings, [client]); // refuses a model without a price where the cost is limited
      this.#session.client = client;
      return this.#report(`From now on: ${this.title}`);
    }
    await this.#report(this.title);
    const models = (await this.#choice.models?.().catch(() => [])) ?? [];
    if (models.length > 0) await this.#report(`Models: ${models.map((each) => quoted(each)).join(" ")}`);
  }

  #system(text: string): Promise<undefined> {
    if (text !== "") this.#session.setSystemPrompt(text === "none" ? undefined : text);
    const { systemPrompt } = this.#session;
    return this.#report(systemPrompt === undefined ? "There is no system prompt." : `System prompt: ${systemPrompt}`);
  }

  async #usage(): Promise<undefined> {
    const usage = this.#session.tokenUsage();
    const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated, turns } = usage;
    const cached = cachedInputTokens ? ` (${cachedInputTokens} of them cached)` : "";
    const thinking = reasoningTokens ? ` (${reasoningTokens} of them thinking)` : "";
    const more =
      estimated.totalTokens > 0
        ? `, and ≈${estimated.inputTokens} in, ≈${estimated.outputTokens} out not reported`
        : "";
    const replies = turns.length === 1 ? "1 reply" : `${turns.length} replies`;
    const cost = await conversationCostOf(usage);
    const price = cost === undefined ? "" : ` ${cost}.`;
    return this.#report(
      `${replies}: ${inputTokens} tokens in${cached}, ${outputTokens} out${thinking}${more}.${price}`,
    );
  }

  /** Asks again. If nothing arrives this time, the earlier answer returns. */
  async #retry(): Promise<Outcome["status"] | undefined> {
    const before = this.#session.toJSON();
    const { unanswered } = this.#session;
    const question = unanswered ?? this.#session.undo();
    if (question === undefined) return this.#report("There is nothing to ask again.");
    const status = await this.say(question);
    if (unanswered === undefined && this.#session.unanswered !== undefined) {
      this.#session.restore({ ...before, turns: this.#session.tokenUsage().turns });
      await this.#report("The earlier answer stays.");
    }
    return status;
  }

  async #reportOutcome(outcome: Outcome): Promise<void> {
    const { stderr } = this.#terminal;
    const taken = this.#session.unanswered === undefined ? "" : " /retry asks again.";
    switch (outcome.status) {
      case "answered":
        if (!this.#settings.quiet) await stderr.aside(await statusOf(outcome.message));
        return;
      case "stopped":
        if (this.#settings.quiet) return;
        return stderr.aside(`${outcome.message ? await statusOf(outcome.message) : "stopped"}${taken && ` ·${taken}`}`);
      case "failed":
        return stderr.line(`${failureLineOf(outcome.error)}${taken}`);
      case "unread":
        return;
    }
  }

  async #report(...lines: readonly string[]): Promise<undefined> {
    for (const line of lines) await this.#terminal.stderr.line(line);
  }
}

function fileOf(argument: string, command: string): string {
  if (argument !== "") return argument;
  throw new CommandError(`/${command} needs the name of a file.`, 2);
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
