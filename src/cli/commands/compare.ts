/** Compares a streamed and a non-streamed reply to one prompt: how long a person waits for the first word. */

import { type AssistantMessage, type ClientWrapper, completeUsageOf, type Message, SendError } from "../../index.ts";
import type { ReadyClient } from "../choice.ts";
import { quoted } from "../one-line.ts";
import type { Settings } from "../settings.ts";
import { startSpinner } from "../spinner.ts";
import { failureLineOf, secondsOf } from "../status-line.ts";
import type { Terminal } from "../terminal.ts";
import { messagesOf } from "./ask.ts";

const MAX_OPENING_MS = 2_000;

/** One of the two replies, as a person sees it. */
export interface Timing {
  /** From the question to the first readable words, in milliseconds. */
  readonly firstWordsMs: number;
  /** From the question to the last words, in milliseconds. */
  readonly totalMs: number;
  /** Tokens written; `≈` marks an estimate, `?` an unknown number. */
  readonly tokens: string;
}

/**
 * Asks for a non-streamed reply, then for a streamed one, and prints the comparison to stdout. Resolves with the exit
 * code.
 */
export async function compare(
  client: ReadyClient,
  question: string,
  settings: Settings,
  terminal: Terminal,
): Promise<number> {
  const messages = messagesOf(question, settings);
  const abort = new AbortController();
  const off = terminal.onInterrupt(() => abort.abort());
  const { stderr, stdout } = terminal;
  try {
    await watched(terminal, "connecting", () => opened(client, abort.signal));
    const nonStreamed = await watched(terminal, `${quoted(client.model)}, non-streamed`, () =>
      askNonStreamed(client, messages, abort.signal),
    );
    const streamed = await watched(terminal, `${quoted(client.model)}, streamed`, () =>
      askStreamed(client, messages, abort.signal),
    );
    const columns = stdout.isTerminal ? stdout.columns : 80;
    for (const line of comparisonOf(nonStreamed, streamed, columns)) await stdout.line(line);
    return 0;
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    if (error.kind === "aborted") return 130;
    await stderr.line(failureLineOf(error));
    return 1;
  } finally {
    off();
  }
}

async function watched<T>({ stderr }: Terminal, label: string, work: () => Promise<T>): Promise<T> {
  const spinner = startSpinner(stderr, label);
  try {
    return await work();
  } finally {
    spinner.end();
  }
}

/** Opens the connection first, so that neither reply pays for it. If it fails, the question reports why. */
async function opened(client: ReadyClient, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(MAX_OPENING_MS)]);
  const given = new Promise<void>((resolve) => limit.addEventListener("abort", () => resolve()));
  await Promise.race([client.warm(), given]);
}

async function askNonStreamed(
  client: ClientWrapper,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<Timing> {
  const startedAt = performance.now();
  const message = await client.sendMessage(messages, { signal });
  const totalMs = performance.now() - startedAt;
  return { firstWordsMs: totalMs, totalMs, tokens: tokensOf(message) };
}

async function askStreamed(client: ClientWrapper, messages: readonly Message[], signal: AbortSignal): Promise<Timing> {
  const startedAt = performance.now();
  const stream = await client.sendMessageStream(messages, { signal });
  let firstWordsMs: number | undefined;
  for await (const chunk of stream) {
    // Not `timeToFirstChunkMs`: thinking is also a chunk, but not readable text.
    if (chunk.content.trim() !== "") firstWordsMs ??= performance.now() - startedAt;
  }
  const totalMs = performance.now() - startedAt;
  const message = await stream.finalMessage();
  return { firstWordsMs: firstWordsMs ?? totalMs, totalMs, tokens: tokensOf(message) };
}

function tokensOf(message: AssistantMessage): string {
  const { outputTokens = "?" } = completeUsageOf(message) ?? {};
  return `${message.estimatedUsage ? "≈" : ""}${outputTokens}`;
}

const MAX_BAR_LENGTH = 60;

/** The lines of the comparison, none wider than `columns` where that is at least 60. */
export function comparisonOf(nonStreamed: Timing, streamed: Timing, columns: number): readonly string[] {
  const rows = [
    ["", "first words", "last words", "tokens"],
    ["non-streamed", secondsOf(nonStreamed.firstWordsMs), secondsOf(nonStreamed.totalMs), nonStreamed.tokens],
    ["streamed", secondsOf(streamed.firstWordsMs), secondsOf(streamed.totalMs), streamed.tokens],
  ] as const;
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
  const room = Math.max(10, Math.min(MAX_BAR_LENGTH, columns - 15));
  const scale = room / Math.max(nonStreamed.totalMs, streamed.totalMs, 1);
  return [
    ...table.map((line) => line.trimEnd()),
    "",
    `non-streamed  ${barOf(nonStreamed, scale)}`,
    `streamed      ${barOf(streamed, scale)}`,
    "              ░ waiting  █ reading",
    "",
    verdictOf(nonStreamed.firstWordsMs / streamed.firstWordsMs),
  ];
}

/** At least one column of reading, since the words arrive in the end. */
function barOf({ firstWordsMs, totalMs }: Timing, scale: number): string {
  const length = Math.max(2, Math.round(totalMs * scale));
  const waiting = Math.min(length - 1, Math.max(1, Math.round(firstWordsMs * scale)));
  return "░".repeat(waiting) + "█".repeat(length - waiting);
}

function verdictOf(ratio: number): string {
  if (!(ratio >= 1.05)) return "Streaming brought the first words no sooner this time.";
  const times = ratio < 9.95 ? ratio.toFixed(1) : String(Math.round(ratio));
  return `Streamed, the first words were there ${times} times sooner.`;
}
