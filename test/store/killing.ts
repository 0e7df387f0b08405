/** A process with talks is killed, again and again, at any moment: every turn that it had finished is kept, and complete. */

import { spawn } from "node:child_process";
import { setTimeout as elapse } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LLMSession, type Message, SendError, type SessionStore } from "cloudllm";
import { type ProviderRequest, type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { expect } from "vitest";
import { historyFault, requestFault } from "../session/legality.ts";
import { outputOf } from "../support/child-output.ts";
import { randomFrom } from "../support/random.ts";
import { openStore, type StoreKind } from "./places.mjs";

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 25);
/** A kill meets each talk at another place: four talks are four kills for one process. */
const TALKS = 4;
const SEED = Number(process.env.KILL_SEED ?? 20_261_124);
const TALKER = fileURLToPath(new URL("talker.mjs", import.meta.url));
/** Short, so that a round does not wait long for the lease of a killed process. */
const LEASE_MS = 150;

/** Each turn's answer is known from what was said. */
const wordsOf = (said: string): string[] => Array.from({ length: 20 }, (_, word) => `${said}:${word} – 好🐦 `);
const answerTo = (said: string) => wordsOf(said).join("");
const lookingFor = (said: string) => `Let me see, ${said}. `;

function scriptFor(request: ProviderRequest): ReplyScript {
  const { messages, tools } = request.body as { messages: readonly Message[]; tools?: unknown };
  const said = String(messages.findLast(({ role }) => role === "user")?.content);
  const usage = { inputTokens: 10, outputTokens: 20 };
  if (tools && messages.at(-1)?.role !== "tool") {
    const steps = [{ text: lookingFor(said) }, { toolCall: { name: "look" } }, { toolCall: { name: "look", id: "b" } }];
    return { steps, ending: { usage } };
  }
  return { text: wordsOf(said), ending: { usage } };
}

/** When a process is killed: so long after its start, or that long after the server has sent it so many pieces. */
type Moment = { readonly afterMs: number; readonly pieces?: number };

/** The server's clock, by which the killer knows how far the talk has come. */
class Pieces {
  #count = 0;
  #waiting: { readonly count: number; readonly reached: () => void } | undefined;

  /** Resolves when so many more have been sent. */
  more(count: number): Promise<void> {
    return new Promise((reached) => {
      this.#waiting = { count: this.#count + count, reached };
    });
  }

  readonly pace = async (): Promise<void> => {
    this.#count++;
    if (this.#waiting && this.#count >= this.#waiting.count) this.#waiting.reached();
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
}

/** Lets it talk until that moment, and resolves with the turns of each talk that it knew to be over. */
async function killed(args: readonly string[], { afterMs, pieces }: Moment, server: Pieces): Promise<string[][]> {
  const child = spawn(process.execPath, [TALKER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = outputOf(child);
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  if (pieces !== undefined) await Promise.race([server.more(pieces), closed]);
  setTimeout(() => child.kill("SIGKILL"), afterMs);
  await closed;
  expect(output.stderr).toBe("");
  const done: string[][] = Array.from({ length: TALKS }, () => []);
  for (const [, talk, said = ""] of output.stdout.matchAll(/^done (\d) (.+)\n/gm)) done[Number(talk)]?.push(said);
  return done;
}

/** Resolves with the session when the lease of the process that was killed has expired. */
async function reopened(options: Parameters<typeof LLMSession.open>[0]): Promise<LLMSession> {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      return await LLMSession.open(options);
    } catch (error) {
      if (!(error instanceof SendError && error.kind === "busy") || performance.now() > end) throw error;
    }
    await elapse(20);
  }
}

/**
 * Kills a process with talks in each round. After it, the history of each talk must have every turn whose end the process knew, complete; a
 * reply that was cut must be a true prefix and marked; and the next request must be legal.
 */
export async function killTalks(kind: StoreKind, place: string): Promise<void> {
  const random = randomFrom(SEED);
  const pieces = new Pieces();
  await using server = await startProviderServer(scriptFor, { pace: 1, sleep: pieces.pace });
  const { store, close } = await openStore(kind, place, LEASE_MS);
  const talks = Array.from({ length: TALKS }, (_, at) => new Talk(store, `talk ${at}`));
  for (let round = 0; round < ROUNDS; round++) {
    // Some are killed before they have begun, wherever the others are met.
    const isEarly = round % 5 === 0;
    const moment = isEarly
      ? { afterMs: round === 0 ? 0 : random() * 150 }
      : { pieces: 1 + random() * 64 * TALKS, afterMs: random() * 8 };
    const args = [server.baseUrl, kind, place, String(LEASE_MS), String(round), String(TALKS)];
    const done = await killed(args, moment, pieces);
    await Promise.all(talks.map((talk, at) => talk.check(round, done[at] ?? [])));
  }
  await close();
  // The moments were such that everything happened.
  const seen = talks.map((talk) => talk.seen);
  const all = (name: keyof Talk["seen"]) => seen.reduce((sum, each) => sum + each[name], 0);
  const counts = [all("whole"), all("cut"), all("inTools"), all("absent")];
  expect(Math.min(...counts), String(counts)).toBeGreaterThan(0);
}

/** One session, as it is found after each kill. */
class Talk {
  readonly seen = { whole: 0, cut: 0, inTools: 0, absent: 0 };
  readonly #store: SessionStore;
  readonly #id: string;
  #before: readonly Message[] = [];

  constructor(store: SessionStore, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** @param done the turns that the process knew to be over */
  async check(round: number, done: readonly string[]): Promise<void> {
    const { seen } = this;
    const at = `${this.#id} in round ${round} of seed ${SEED}`;
    const next = scriptedClient([{ text: "And on." }]);
    const session = await reopened({ client: next, store: this.#store, id: this.#id });
    const { history } = session;
    expect(historyFault(history), at).toBeUndefined();
    expect(history.slice(0, this.#before.length), at).toEqual(this.#before);

    const turns = turnsOf(history.slice(this.#before.length));
    expect(turns.map(({ said }) => said).slice(0, done.length), at).toEqual(done);
    for (const [index, { said, replies }] of turns.entries()) {
      const last = replies.at(-1);
      const isWhole = last?.role === "assistant" && !last.interrupted && last.content === answerTo(said);
      if (index < done.length) expect(isWhole, `${at}: ${said}`).toBe(true);
      if (isWhole) seen.whole++;
      else expect(index, at).toBe(turns.length - 1);
      for (const reply of replies) expectTrue(reply, said, at);
      if (!isWhole) seen[replies.some(({ role }) => role === "tool") ? "inTools" : "cut"]++;
    }
    if (turns.length === done.length) seen.absent++;
    const cut = history.at(-1);
    if (cut?.role === "assistant" && cut.interrupted) {
      expect(session.tokenUsage().turns.at(-1)?.estimatedUsage?.outputTokens, at).toBeGreaterThan(0);
    }

    await session.sendMessage(`parent ${round}`);
    expect(requestFault(next.calls[0]?.messages ?? []), at).toBeUndefined();
    await session.close();
    this.#before = JSON.parse(JSON.stringify(session.history));
  }
}

interface Turn {
  readonly said: string;
  readonly replies: readonly Message[];
}

function turnsOf(messages: readonly Message[]): Turn[] {
  const turns: { said: string; replies: Message[] }[] = [];
  for (const message of messages) {
    if (message.role === "user") turns.push({ said: String(message.content), replies: [] });
    else turns.at(-1)?.replies.push(message);
  }
  return turns;
}

/** What is kept of a reply is what the server said, from its beginning; only a whole one is not marked. */
function expectTrue(reply: Message, said: string, at: string): void {
  if (reply.role === "tool") {
    expect(reply.isError ? /ended before/.test(reply.content) : reply.content === "a bird", at).toBe(true);
  } else if (reply.role === "assistant") {
    const whole = [answerTo(said), lookingFor(said)];
    if (!reply.interrupted) expect(whole, at).toContain(reply.content);
    else
      expect(
        whole.some((text) => text.startsWith(reply.content)),
        `${at}: ${reply.content}`,
      ).toBe(true);
  }
}
