/** Processes that die, sleep and end, and connections that break, all at random: every viewer has the reply. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MessageStream } from "../../src/index.ts";
import { createRelay, memoryLog, type Relay } from "../../src/server/index.ts";
import { type ReplyScript, type ScriptStep, scriptedClient } from "../../src/testing/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { randomFrom } from "../support/random.ts";
import { killable } from "../support/relay.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";

const SEEDS = Number(process.env.DISASTER_SEEDS ?? 40);
const WORDS = Array.from({ length: 60 }, (_, index) => `word${index} `);
const WHOLE = WORDS.join("");
const PATIENCE_MS = 600_000;

/** The phase of a process. A process that sleeps answers nothing, and its connections stay open. */
type Phase = "up" | "asleep" | "draining" | "gone";

interface Site {
  readonly relay: Relay;
  readonly life: ReturnType<typeof killable>;
  readonly cuts: Set<() => void>;
  phase: Phase;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Several processes on one log, in which a random disaster happens now and then. */
class Disasters {
  readonly random: () => number;
  readonly #log = memoryLog();
  readonly #sites: Site[] = [];
  #left = 5;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.#found();
    this.#found();
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** Asks one of the processes that are up. The connection breaks when its process does, or by chance. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const up = this.#sites.filter(({ phase }) => phase === "up" || phase === "draining");
    const site = up[this.below(up.length)] ?? this.#found();
    if (this.random() < 0.1) throw new TypeError("fetch failed");
    const cut = new AbortController();
    const cutNow = (): void => cut.abort(new TypeError("terminated"));
    site.cuts.add(cutNow);
    if (this.random() < 0.5) setTimeout(cutNow, this.below(15_000));
    init.signal?.addEventListener("abort", cutNow);
    const answer = site.relay.handle(new Request(url, { ...init, signal: cut.signal }));
    const response = await Promise.race([
      answer,
      new Promise<never>((_resolve, reject) => {
        cut.signal.addEventListener("abort", () => reject(cut.signal.reason));
      }),
    ]);
    return new Response(response.body?.pipeThrough(new TransformStream(), { signal: cut.signal }) ?? null, response);
  };

  strike(): void {
    const up = this.#sites.filter(({ phase }) => phase === "up");
    const site = up[this.below(up.length)];
    if (!site || this.#left === 0) return;
    this.#left--;
    if (up.length === 1) this.#found();
    const gone = (): void => {
      site.phase = "gone";
      site.life.kill();
      for (const cut of site.cuts) cut();
    };
    const kind = this.below(3);
    if (kind === 0) return gone();
    if (kind === 1) {
      site.phase = "draining";
      return void site.relay.drain(this.below(5_000)).then(gone);
    }
    site.phase = "asleep";
    site.life.kill();
    setTimeout(() => {
      site.phase = "up";
      site.life.wake();
    }, 5_000 + this.below(40_000));
  }

  #found(): Site {
    const life = killable(this.#log);
    const relay = createRelay({
      ...OPEN_RELAY,
      client: scriptedClient(({ messages }) => this.#script(messages.at(-1))),
      log: life.log,
      recover: "continue",
      onError: () => undefined,
    });
    const site: Site = { relay, life, cuts: new Set(), phase: "up" };
    this.#sites.push(site);
    return site;
  }

  /** A model that counts, and continues where a beginning ends. */
  #script(last: { readonly role: string; readonly content: unknown } | undefined): ReplyScript {
    const said = last?.role === "assistant" ? String(last.content).length : 0;
    const steps: ScriptStep[] = [];
    let length = 0;
    for (const word of WORDS) {
      const text = word.slice(Math.max(0, said - length));
      length += word.length;
      if (text !== "") steps.push({ pause: this.below(600) }, { text });
    }
    return { steps };
  }
}

/** Reads a reply to its end. Resolves with the text that the viewer has shown. */
async function shownBy(stream: MessageStream | undefined): Promise<string> {
  let shown = "";
  for await (const chunk of stream ?? []) {
    if (chunk.type === "rewind") shown = shown.slice(0, shown.length - chunk.length);
    shown += chunk.content;
  }
  expect((await stream?.finalMessage())?.content).toBe(WHOLE);
  return shown;
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  "every viewer has every word once (seed %i)",
  async (seed) => {
    const site = new Disasters(seed);
    let run: unknown;
    const fetch = (url: string, init: RequestInit): Promise<Response> => {
      if (init.method === "POST") run ??= (JSON.parse(String(init.body)) as { run: unknown }).run;
      return site.fetch(url, init);
    };
    const client = relayClient({ url: "http://relay.test/chat", fetch, retries: 5, reconnectForMs: PATIENCE_MS });
    const viewers = [client.sendMessageStream([{ role: "user", content: "Count" }]).then(shownBy)];
    let ended = 0;
    const countEnds = (at: number): void => {
      const end = (): void => void ended++;
      viewers[at]?.then(end, end);
    };
    for (let passed = 0; passed < PATIENCE_MS && (passed === 0 || ended < viewers.length); passed += 1_000) {
      if (passed === 0) countEnds(0);
      await vi.advanceTimersByTimeAsync(1_000);
      if (viewers.length < 4 && run !== undefined && site.random() < 0.2) {
        viewers.push(client.attach(String(run)).then(shownBy));
        countEnds(viewers.length - 1);
      }
      if (site.random() < 0.15) site.strike();
    }
    expect(ended).toBe(viewers.length);
    for (const text of await Promise.all(viewers)) expect(text).toBe(WHOLE);
  },
);
