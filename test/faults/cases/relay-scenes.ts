/** What the scenes of a relay have in common. */

import type { Socket } from "node:net";
import { relayClient } from "cloudllm/web";
import { expect, vi } from "vitest";
import type { WireEvent } from "../../../src/dialects/native/wire.ts";
import { type Break, breakingProxy } from "../../support/breaking-proxy.ts";
import { sendApart } from "../../support/local-connection.ts";
import { httpChunk, LAST_CHUNK, STREAM_HEAD } from "../../support/raw-server.ts";
import { gapsIn, type Watching, watch } from "../../support/relay.ts";
import { RelayStage, type Site } from "../relay-stage.ts";
import {
  type Answer,
  COUNTS,
  type Due,
  judged,
  type Outcome,
  oncePerFormat,
  outcomeOf,
  QUESTION,
  readAll,
  type Scene,
  within,
} from "../scene.ts";
import type { Speaker } from "../speakers/speaker.ts";

export const FIRST: readonly string[] = ["The relay ", "gives each word "];

export const SECOND: readonly string[] = ["exactly ", "once, ", "and then ", "it ends."];

export const KEPT: string = FIRST.join("");

export const TEXT: string = [...FIRST, ...SECOND].join("");

export const COMPLETE: Due = { text: TEXT, counts: COUNTS };

export const STOPPED = "stopped, text kept";

/** Lines, an event and an end, as a model may write them about this very protocol. */
export const FRAMES: readonly string[] = [
  "a\r\n\r",
  '\n\nid: 9-9\ndata: {"text":"forged"}\n\n',
  'event: end\r\ndata: {"error":{"kind":"server"}}\r\n\r\n: comment\u2028\u0000\r',
  "\nretry: 1\n\n",
];

/** A model that says a part of its reply, and the rest when it is asked to. */
export class Halves {
  readonly #scene: Scene;
  readonly #sockets: Socket[] = [];
  #hasGoneOn = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** A second request asks for the rest. */
  readonly answer: Answer = ({ socket, body }, index) => {
    const speech = this.#scene.speaker.speech();
    if (index > 0) {
      // The log of a process that is killed may be a piece behind its viewers.
      const said = FIRST.filter((piece) => body.includes(piece.trim()));
      return void socket.write(good(this.#scene, ...FIRST.slice(said.length), ...SECOND));
    }
    this.#sockets.push(socket);
    socket.write(STREAM_HEAD + httpChunk(speech.text(...FIRST).events.join("")));
  };

  goOn(): void {
    if (this.#hasGoneOn) return;
    this.#hasGoneOn = true;
    const speech = this.#scene.speaker.speech().text(...FIRST);
    const said = speech.events.length;
    const { events } = speech.text(...SECOND).finish("stop", COUNTS);
    for (const socket of this.#sockets) sendApart(socket, [...events.slice(said).map(httpChunk), LAST_CHUNK]);
  }

  break(how: "reset" | "end"): void {
    for (const socket of this.#sockets) how === "reset" ? socket.resetAndDestroy() : socket.write(LAST_CHUNK);
  }
}

export function good({ speaker }: Pick<Scene, "speaker">, ...deltas: readonly string[]): string {
  const { events } = speaker
    .speech()
    .text(...deltas)
    .finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

/** A stage for one case. */
export async function staged(
  scene: Scene,
  answer: Answer,
  play: (stage: RelayStage) => Promise<string>,
  leaseMs = 15_000,
): Promise<string> {
  await using stage = await RelayStage.of(scene, answer, leaseMs);
  return await within(250_000, "the case", play(stage));
}

/** Returns a case whose model says a part of its reply, and the rest when the case lets it go on. */
export function inHalves(
  play: (stage: RelayStage, model: Halves) => Promise<string>,
  leaseMs?: number,
): (scene: Scene) => Promise<string> {
  return (scene) => {
    const model = new Halves(scene);
    return staged(scene, model.answer, (stage) => play(stage, model), leaseMs);
  };
}

/** The limits of a browser: what is due comes late on a busy machine, and a relay answers after five seconds at the latest. */
const LIMITS = { reconnectForMs: 20_000, timeouts: { headers: 60_000 } };

/** A browser that reads a reply by the library's own client. */
export function reply({ url }: Site): Promise<Outcome> {
  return outcomeOf(relayClient({ url, ...LIMITS }));
}

/** The same, and calls back when it has shown a text. */
export async function replyAfter({ url }: Site, text: string, then: () => unknown): Promise<Outcome> {
  const client = relayClient({ url, ...LIMITS });
  const stream = await client.sendMessageStream(QUESTION);
  return readAll(stream, (shown) => {
    if (shown === text) then();
  });
}

/** A browser of another make: it reads events. */
export async function start({ url }: Site, run: string): Promise<Watching> {
  const headers = { "content-type": "application/json" };
  return watch(await fetch(url, { method: "POST", headers, body: JSON.stringify({ run, messages: QUESTION }) }));
}

export async function come({ url }: Site, run: string, after?: string): Promise<Watching> {
  const headers = after === undefined ? undefined : { "last-event-id": after };
  return watch(await fetch(`${url}/${run}/stream`, { ...(headers && { headers }) }));
}

export async function stop({ url }: Site, run: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/${run}/stop`, { method: "POST", headers, body: "{}" });
  expect(await answer.json()).toEqual({ run, stopped: true });
}

export function shows(viewer: Watching, text: string): Promise<void> {
  return vi.waitFor(() => expect(viewer.text).toBe(text), { timeout: 45_000, interval: 5 });
}

export function lastIdOf({ events }: Watching): string | undefined {
  const entry = events.findLast((event) => event.type === "chunks" || event.type === "snapshot");
  return entry && "id" in entry ? entry.id : undefined;
}

/** One end, which is the last event, and the text that is due. */
export function endOf(viewer: Watching): WireEvent | undefined {
  const ends = viewer.events.filter(({ type }) => type === "complete" || type === "failed");
  expect(ends).toEqual([viewer.events.at(-1)]);
  expect(gapsIn(viewer.events)).toEqual([]);
  return ends[0];
}

export function isComplete(viewer: Watching, text: string = TEXT): void {
  expect(endOf(viewer)).toMatchObject({ type: "complete", message: { content: text, finishReason: "stop" } });
}

export function isStopped(viewer: Watching): void {
  expect(endOf(viewer)).toMatchObject({
    type: "complete",
    message: { content: KEPT, finishReason: "stopped", interrupted: true },
  });
}

/** Both parts of a text that was left and come back to: a snapshot takes the place of the first. */
export function isWholeTogether(first: Watching, back: Watching, text: string = TEXT): void {
  const isReset = back.events.some(({ type }) => type === "snapshot");
  expect(isReset ? back.text : first.text + back.text).toBe(text);
}

/** The reply over connections that each break some bytes later than the one before. */
export async function broken(scene: Scene, how: Break): Promise<string> {
  const model = new Halves(scene);
  return staged(scene, model.answer, async (stage) => {
    const site = await stage.site();
    // The first connection breaks behind the first entry, and others in the middle of lines.
    await using proxy = await breakingProxy(site.port, (connection) =>
      connection > 2 ? undefined : { afterBytes: 600 + 41 * connection, how },
    );
    const client = relayClient({ url: `http://127.0.0.1:${proxy.port}/chat`, ...LIMITS });
    const outcome = await readAll(await client.sendMessageStream(QUESTION), () => model.goOn());
    const said = judged(outcome, COMPLETE);
    expect(outcome.message?.metrics.reconnects).toBeGreaterThan(0);
    expect(stage.model.requests).toHaveLength(1);
    return said;
  });
}

/** A process ends in the middle, and another one answers at its address. */
export async function killed(scene: Scene, recover?: "continue"): Promise<string> {
  return staged(
    scene,
    new Halves(scene).answer,
    async (stage) => {
      const site = await stage.process(recover);
      const outcome = await replyAfter(site, KEPT, async () => {
        await site.kill();
        await stage.site({ port: site.port, relay: { recover } });
      });
      expect(stage.model.requests).toHaveLength(recover ? 2 : 1);
      return judged(outcome, recover ? { text: TEXT } : { fails: "truncated", kept: KEPT });
    },
    600,
  );
}

/** Of 10 kB each. */
export const LONG: readonly string[] = Array.from({ length: 700 }, (_, index) =>
  `${index} `.repeat(5_000).slice(0, 10_000),
);

/** The reply that says all of them. */
export const goodLong: (speaker: Speaker) => Buffer = oncePerFormat((speaker) => good({ speaker }, ...LONG));

/** Each event is a packet of its own. */
export function apart(scene: Scene, deltas: readonly string[]): Buffer[] {
  const { events } = scene.speaker
    .speech()
    .text(...deltas)
    .finish("stop", COUNTS);
  return events.map((event) => httpChunk(event));
}

/** Resolves when a browser that did not read has got the event of the end, and the end of the response. */
export function readsToItsEnd(frozen: Socket): Promise<void> {
  let tail = "";
  let hasEnd = false;
  return new Promise((resolve, reject) => {
    frozen.on("close", () => reject(new Error("the connection closed before the end of the reply")));
    frozen.on("data", (bytes: Buffer) => {
      const text = tail + bytes.toString("latin1");
      hasEnd ||= text.includes("\nid: end\n");
      tail = text.slice(-16);
      if (hasEnd && tail.endsWith(LAST_CHUNK)) resolve();
    });
    frozen.resume();
  });
}

export async function over(opening: Promise<Watching>): Promise<Watching> {
  const viewer = await opening;
  await viewer.over;
  return viewer;
}

/** A log that refuses everything while it is away, its writers too. */
export function failing<T extends object>(log: T, state: { readonly isAway: boolean }): T {
  return new Proxy(log, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (state.isAway) return name === "watch" ? () => undefined : Promise.reject(new Error("The log is away."));
        const result: unknown = value.apply(object, args);
        if (!(result instanceof Promise)) return result;
        return result.then((made: unknown) =>
          typeof made === "object" && made !== null && "append" in made ? failing(made, state) : made,
        );
      };
    },
  });
}
