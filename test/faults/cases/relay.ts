/** 9. A relay to a browser: every case on every log that can have it, with the relay's own client where it is the browser. */

import type { Socket } from "node:net";
import { relayClient } from "cloudllm/web";
import { expect, vi } from "vitest";
import type { NativeEvent } from "../../../src/dialects/native.ts";
import { type Break, breakingProxy } from "../../support/breaking-proxy.ts";
import { httpChunk, LAST_CHUNK, response, STREAM_HEAD } from "../../support/raw-server.ts";
import { gapsIn, killable, runId, type Watching, watch } from "../../support/relay.ts";
import type { Fault, Section } from "../fault.ts";
import { KEEPING, LOGS, SHARED } from "../logs.ts";
import { push192Megabytes } from "../measured.ts";
import { frozenViewer, RelayStage, type Site } from "../relay-stage.ts";
import {
  type Answer,
  COUNTS,
  judged,
  KEY,
  type Outcome,
  outcomeOf,
  QUESTION,
  readAll,
  type Scene,
  sendApart,
  sleep,
  within,
} from "../scene.ts";

const FIRST = ["The relay ", "gives each word "];
const SECOND = ["exactly ", "once, ", "and then ", "it ends."];
const KEPT = FIRST.join("");
const TEXT = [...FIRST, ...SECOND].join("");
const WHOLE = { text: TEXT, counts: COUNTS };
const STOPPED = "stopped, text kept";

/** Lines, an event and an end, as a model may write them about this very protocol. */
const FRAMES = [
  "a\r\n\r",
  '\n\nid: 9-9\ndata: {"text":"forged"}\n\n',
  'event: end\r\ndata: {"error":{"kind":"server"}}\r\n\r\n: comment\u2028\u0000\r',
  "\nretry: 1\n\n",
];

/** A model that says a part of its reply, and the rest when it is asked to. */
class Halves {
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

function good(scene: Scene, ...deltas: readonly string[]): string {
  const { events } = scene.speaker
    .speech()
    .text(...deltas)
    .finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

/** A stage for one case. */
async function staged(
  scene: Scene,
  answer: Answer,
  play: (stage: RelayStage) => Promise<string>,
  leaseMs = 15_000,
): Promise<string> {
  await using stage = await RelayStage.of(scene, answer, leaseMs);
  return await within(50_000, "the case", play(stage));
}

/** A browser that reads a reply by the library's own client. */
function reply({ url }: Site): Promise<Outcome> {
  return outcomeOf(relayClient({ url, reconnectForMs: 2_000, timeouts: { headers: 5_000 } }));
}

/** The same, and calls back when it has shown a text. */
async function replyAfter({ url }: Site, text: string, then: () => unknown): Promise<Outcome> {
  const client = relayClient({ url, reconnectForMs: 2_000, timeouts: { headers: 5_000 } });
  const stream = await client.sendMessageStream(QUESTION);
  return readAll(stream, (shown) => {
    if (shown === text) then();
  });
}

/** A browser of another make: it reads events. */
async function start({ url }: Site, run: string): Promise<Watching> {
  const headers = { "content-type": "application/json" };
  return watch(await fetch(url, { method: "POST", headers, body: JSON.stringify({ run, messages: QUESTION }) }));
}

async function come({ url }: Site, run: string, after?: string): Promise<Watching> {
  const headers = after === undefined ? undefined : { "last-event-id": after };
  return watch(await fetch(`${url}/${run}/stream`, { ...(headers && { headers }) }));
}

async function stop({ url }: Site, run: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/${run}/stop`, { method: "POST", headers, body: "{}" });
  expect(await answer.json()).toEqual({ run, stopped: true });
}

function shows(viewer: Watching, text: string): Promise<void> {
  return vi.waitFor(() => expect(viewer.text).toBe(text), { timeout: 10_000, interval: 5 });
}

function lastIdOf({ events }: Watching): string | undefined {
  const entry = events.findLast((event) => event.type === "chunks" || event.type === "snapshot");
  return entry && "id" in entry ? entry.id : undefined;
}

/** One end, which is the last event, and the text that is due. */
function endOf(viewer: Watching): NativeEvent | undefined {
  const ends = viewer.events.filter(({ type }) => type === "complete" || type === "failed");
  expect(ends).toEqual([viewer.events.at(-1)]);
  expect(gapsIn(viewer.events)).toEqual([]);
  return ends[0];
}

function isComplete(viewer: Watching, text: string = TEXT): void {
  expect(endOf(viewer)).toMatchObject({ type: "complete", message: { content: text, finishReason: "stop" } });
}

function isStopped(viewer: Watching): void {
  expect(endOf(viewer)).toMatchObject({
    type: "complete",
    message: { content: KEPT, finishReason: "stopped", interrupted: true },
  });
}

/** Both parts of a text that was left and come back to: a snapshot takes the place of the first. */
function isWholeTogether(first: Watching, back: Watching, text: string = TEXT): void {
  const isReset = back.events.some(({ type }) => type === "snapshot");
  expect(isReset ? back.text : first.text + back.text).toBe(text);
}

/** The reply over connections that each break some bytes later than the one before. */
async function broken(scene: Scene, how: Break): Promise<string> {
  const model = new Halves(scene);
  return staged(scene, model.answer, async (stage) => {
    const site = await stage.site();
    // The first connection breaks behind the first entry, and others in the middle of lines.
    await using proxy = await breakingProxy(site.port, (connection) =>
      connection > 2 ? undefined : { afterBytes: 600 + 41 * connection, how },
    );
    const client = relayClient({ url: `http://127.0.0.1:${proxy.port}/chat`, timeouts: { headers: 5_000 } });
    const outcome = await readAll(await client.sendMessageStream(QUESTION), () => model.goOn());
    const said = judged(outcome, WHOLE);
    expect(outcome.message?.metrics.reconnects).toBeGreaterThan(0);
    expect(stage.model.requests).toHaveLength(1);
    return said;
  });
}

/** A process ends in the middle, and another one answers at its address. */
async function killed(scene: Scene, recover?: "continue"): Promise<string> {
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

const faults: readonly Fault[] = [
  {
    id: "9.1",
    title: "a healthy relay",
    logs: LOGS,
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => void socket.write(good(scene, ...FIRST, ...SECOND)),
        async (stage) => {
          const site = await stage.site();
          isComplete(await over(start(site, runId())));
          return judged(await reply(site), WHOLE);
        },
      ),
  },
  {
    // An unhandled rejection fails the run, here as everywhere.
    id: "9.2",
    title: "the browser disconnects; `linger` is `stop`",
    logs: LOGS,
    run: (scene) =>
      staged(scene, new Halves(scene).answer, async (stage) => {
        const viewer = await start(await stage.site({ relay: { linger: "stop" } }), runId());
        await shows(viewer, KEPT);
        await viewer.leave();
        await within(1_500, "the model's socket closes", stage.model.requests[0]?.closed ?? sleep(9_000));
        return "the model's socket closes";
      }),
  },
  {
    id: "9.3",
    title: "the browser does not read while the model pushes 192 MB",
    logs: LOGS,
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => push192Megabytes(scene.speaker, socket),
        async (stage) => {
          const site = await stage.process();
          const browser = frozenViewer(site, "", { run: runId(), messages: QUESTION });
          await vi.waitFor(() => expect(stage.model.requests).toHaveLength(1), { timeout: 20_000 });
          await sleep(3_000);
          const [sent, grownBy] = [stage.model.bytesSent(), await site.grownBy()];
          expect(sent).toBeGreaterThan(100_000);
          expect(sent).toBeLessThan(40e6);
          expect(grownBy).toBeLessThan(160e6);
          browser.destroy();
          return "the server is slowed, memory bounded";
        },
      ),
  },
  {
    id: "9.4",
    title: "the model's text holds CR LF and complete event frames",
    logs: LOGS,
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => void socket.write(good(scene, ...FRAMES)),
        async (stage) => {
          const site = await stage.site();
          const viewer = await over(start(site, runId()));
          isComplete(viewer, FRAMES.join(""));
          expect(viewer.text).toBe(FRAMES.join(""));
          return judged(await reply(site), { text: FRAMES.join(""), counts: COUNTS });
        },
      ),
  },
  {
    id: "9.5",
    title: "the model's connection breaks in the middle",
    logs: LOGS,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) => {
        const outcome = await replyAfter(await stage.site(), KEPT, () => model.break("reset"));
        expect(outcome.error?.message).not.toContain(stage.model.origin);
        return judged(outcome, { fails: "network", kept: KEPT });
      });
    },
  },
  {
    id: "9.6",
    title: "the browser drops, and comes back with `Last-Event-ID`",
    logs: LOGS,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) => {
        const [site, run] = [await stage.site(), runId()];
        const first = await start(site, run);
        await shows(first, KEPT);
        await first.leave();
        if (stage.isShared) model.goOn();
        else await stage.model.requests[0]?.closed; // nothing keeps the run
        const back = await over(come(site, run, lastIdOf(first)));
        if (!stage.isShared) {
          isStopped(back);
          return STOPPED;
        }
        isComplete(back);
        isWholeTogether(first, back);
        return "full text";
      });
    },
  },
  {
    id: "9.7",
    title: "the model's reply ends cleanly in the middle",
    logs: LOGS,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) =>
        judged(await replyAfter(await stage.site(), KEPT, () => model.break("end")), {
          fails: "truncated",
          kept: KEPT,
        }),
      );
    },
  },
  {
    id: "9.8",
    title: "the model refuses, with the key in its message",
    logs: LOGS,
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => void socket.write(response(401, scene.speaker.refusal(401, `no such key: ${KEY}`))),
        async (stage) => {
          const outcome = await reply(await stage.site());
          const said = judged(outcome, { fails: ["server", "authentication"] });
          expect(JSON.stringify(outcome.error)).not.toMatch(/sk-|no such key/);
          expect(outcome.error?.message).not.toContain(stage.model.origin);
          return said;
        },
      ),
  },
  {
    id: "9.9",
    title: "the model falls silent for longer than `timeouts.idle`",
    logs: LOGS,
    run: (scene) =>
      staged(scene, new Halves(scene).answer, async (stage) =>
        judged(await reply(await stage.site({ client: { timeouts: { idle: 200 } } })), {
          fails: "timeout",
          kept: KEPT,
        }),
      ),
  },
  {
    id: "9.10",
    title: "the page is reloaded, and shows the reply from its start",
    logs: KEEPING,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) => {
        const [site, run] = [await stage.site(), runId()];
        const first = await start(site, run);
        await shows(first, KEPT);
        await first.leave();
        const stream = await relayClient({ url: (await stage.site()).url }).attach(run);
        if (!stream) throw new Error("there is nothing to attach to");
        const shown = readAll(stream, (text) => {
          if (text === KEPT) model.goOn();
        });
        return judged(await shown, WHOLE);
      });
    },
  },
  {
    id: "9.11",
    title: "two browsers watch, and a third comes in the middle, at another process where the log is shared",
    logs: LOGS,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) => {
        const [site, run] = [await stage.site(), runId()];
        const other = stage.isShared ? await stage.site() : site;
        const viewers = [await start(site, run), await come(site, run)];
        for (const viewer of viewers) await shows(viewer, KEPT);
        viewers.push(await come(other, run));
        model.goOn();
        for (const viewer of viewers) {
          await viewer.over;
          isComplete(viewer);
          expect(viewer.text).toBe(TEXT);
        }
        return "full text for each";
      });
    },
  },
  {
    id: "9.12",
    title: "one browser does not read, another does; the reply has 7 MB",
    logs: ["no log", "Redis"], // the fastest and the slowest: a case is 20 MB
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => void socket.write(good(scene, ...LONG)),
        async (stage) => {
          const [site, run] = [await stage.site(), runId()];
          const reader = await start(site, run);
          const frozen = frozenViewer(site, `/${run}/stream`);
          await reader.over;
          expect(reader.text === LONG.join("")).toBe(true);
          endOf(reader);
          await within(10_000, "the other reads at last, to the end", readsToItsEnd(frozen));
          frozen.destroy();
          return "full text for each";
        },
      ),
  },
  {
    id: "9.13",
    title: "a stop comes from another browser while the model is silent, at another process where the log is shared",
    logs: LOGS,
    run: (scene) =>
      staged(scene, new Halves(scene).answer, async (stage) => {
        const [site, run] = [await stage.site(), runId()];
        const other = stage.isShared ? await stage.site() : site;
        const viewer = await start(site, run);
        await shows(viewer, KEPT);
        await stop(other, run);
        await within(100, "the model's socket closes", stage.model.requests[0]?.closed ?? sleep(9_000));
        await viewer.over;
        isStopped(viewer);
        return STOPPED;
      }),
  },
  {
    id: "9.14",
    title: "a request is sent twice at once, and again when the reply is over",
    logs: LOGS,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) => {
        const [site, run] = [await stage.site(), runId()];
        const other = stage.isShared ? await stage.site() : site;
        const both = await Promise.all([start(site, run), start(other, run)]);
        for (const viewer of both) await shows(viewer, KEPT);
        model.goOn();
        await Promise.all(both.map((viewer) => viewer.over));
        const late = await over(start(other, run));
        for (const viewer of [...both, late]) {
          isComplete(viewer);
          expect(viewer.text).toBe(TEXT);
        }
        expect(stage.model.requests).toHaveLength(1);
        return "one request, full text for each";
      });
    },
  },
  {
    id: "9.15",
    title: "the browser's connection breaks again and again",
    logs: KEEPING,
    run: (scene) => broken(scene, "reset"),
  },
  {
    id: "9.16",
    title: "a proxy makes a clean end of each break",
    logs: KEEPING,
    run: (scene) => broken(scene, "end"),
  },
  {
    id: "9.17",
    title: "a snapshot takes the place of what the browser has seen when it comes back",
    logs: KEEPING,
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => sendApart(socket, [STREAM_HEAD, ...apart(scene, LONG.slice(0, 30)), LAST_CHUNK]),
        async (stage) => {
          const text = LONG.slice(0, 30).join("");
          const [site, run] = [await stage.site(), runId()];
          const first = await start(site, run);
          await vi.waitFor(() => expect(lastIdOf(first)).toBeDefined(), { interval: 1 });
          const [seen, after] = [first.text, lastIdOf(first)];
          await first.over;
          for (const place of [site, await stage.site()]) {
            const back = await over(come(place, run, after));
            const isReset = back.events.some(({ type }) => type === "snapshot");
            expect((isReset ? back.text : seen + back.text) === text).toBe(true);
            const late = await over(come(place, run));
            expect(late.events.some(({ type }) => type === "snapshot")).toBe(true);
            expect(late.text === text).toBe(true);
          }
          return "full text";
        },
      ),
  },
  {
    id: "9.18",
    title: "the log fails from the start, or from the middle on",
    logs: KEEPING,
    async run(scene) {
      for (const isFrom of ["start", "middle"]) {
        const model = new Halves(scene);
        await staged(scene, model.answer, async (stage) => {
          const gone = { isAway: isFrom === "start" };
          const site = await stage.site({ log: (log) => log && failing(log, gone) });
          return judged(
            await replyAfter(site, KEPT, () => {
              gone.isAway = true;
              model.goOn();
            }),
            WHOLE,
          );
        });
      }
      return "full text";
    },
  },
  {
    id: "9.19",
    title: "the log falls silent in the middle",
    logs: KEEPING,
    run(scene) {
      const model = new Halves(scene);
      return staged(scene, model.answer, async (stage) => {
        let silent = (): void => undefined;
        const site = await stage.site({
          log(log) {
            if (!log) return log;
            const dying = killable(log);
            silent = dying.kill;
            return dying.log;
          },
        });
        return judged(
          await replyAfter(site, KEPT, () => {
            silent();
            model.goOn();
          }),
          WHOLE,
        );
      });
    },
  },
  {
    id: "9.20",
    title: "the relay's process is killed, and another one answers at its address",
    logs: LOGS,
    run: (scene) => killed(scene),
  },
  {
    id: "9.21",
    title: "the same with `recover`",
    logs: SHARED,
    run: (scene) => killed(scene, "continue"),
  },
  {
    id: "9.22",
    title: "the relay's process is told to end",
    logs: LOGS,
    run: (scene) =>
      staged(scene, new Halves(scene).answer, async (stage) => {
        const site = await stage.site();
        const outcome = await replyAfter(site, KEPT, () => void site.relay.drain(0));
        return judged(outcome, { fails: "truncated", kept: KEPT });
      }),
  },
  {
    id: "9.23",
    title: "the same with `recover`, and another one answers at its address",
    logs: SHARED,
    run: (scene) =>
      staged(scene, new Halves(scene).answer, async (stage) => {
        const site = await stage.site({ relay: { recover: "continue" } });
        const outcome = await replyAfter(site, KEPT, async () => {
          await site.relay.drain(0);
          await site.close();
          await stage.site({ port: site.port, relay: { recover: "continue" } });
        });
        expect(stage.model.requests).toHaveLength(2);
        return judged(outcome, { text: TEXT });
      }),
  },
];

export const relay: Section = { number: 9, title: "Relay to a browser", faults };

/** Of 10 kB each. */
const LONG: readonly string[] = Array.from({ length: 700 }, (_, index) => `${index} `.repeat(5_000).slice(0, 10_000));

/** Each event is a packet of its own. */
function apart(scene: Scene, deltas: readonly string[]): Buffer[] {
  const { events } = scene.speaker
    .speech()
    .text(...deltas)
    .finish("stop", COUNTS);
  return events.map((event) => httpChunk(event));
}

/** Resolves when a browser that did not read has got the event of the end, and the end of the response. */
function readsToItsEnd(frozen: Socket): Promise<void> {
  let tail = "";
  let hasEnd = false;
  return new Promise((resolve) => {
    frozen.on("data", (bytes: Buffer) => {
      const text = tail + bytes.toString("latin1");
      hasEnd ||= text.includes("\nid: end\n");
      tail = text.slice(-16);
      if (hasEnd && tail.endsWith(LAST_CHUNK)) resolve();
    });
    frozen.resume();
  });
}

async function over(opening: Promise<Watching>): Promise<Watching> {
  const viewer = await opening;
  await viewer.over;
  return viewer;
}

/** A log that refuses everything while it is away, its writers too. */
function failing<T extends object>(log: T, state: { readonly isAway: boolean }): T {
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
