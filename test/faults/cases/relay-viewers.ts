/** Browsers that watch a reply through a relay: they drop, do not read, come back or stop it. */

import { relayClient } from "cloudllm/web";
import { expect, vi } from "vitest";
import { withLongerTimes } from "../../support/longer-times.ts";
import { response } from "../../support/raw-server.ts";
import { runId } from "../../support/relay.ts";
import type { Fault } from "../fault.ts";
import { KEEPING, LOGS } from "../logs.ts";
import { push192Megabytes } from "../measured.ts";
import { frozenViewer } from "../relay-stage.ts";
import { COUNTS, judged, KEY, PATIENCE, QUESTION, readAll, sleep, within } from "../scene.ts";
import {
  COMPLETE,
  come,
  endOf,
  FIRST,
  FRAMES,
  good,
  goodLong,
  inHalves,
  isComplete,
  isStopped,
  isWholeTogether,
  KEPT,
  LONG,
  lastIdOf,
  over,
  readsToItsEnd,
  reply,
  replyAfter,
  SECOND,
  STOPPED,
  shows,
  staged,
  start,
  stop,
  TEXT,
} from "./relay-scenes.ts";

function noRequest(): Promise<never> {
  return Promise.reject(new Error("no request"));
}

/** Returns a case as `inHalves` does. A busy machine, which is late once, has another try. */
function twice(play: Parameters<typeof inHalves>[0]): ReturnType<typeof inHalves> {
  const once = inHalves(play);
  return (scene) => once(scene).catch(() => once(scene));
}

export const viewers: readonly Fault[] = [
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
          return judged(await reply(site), COMPLETE);
        },
      ),
  },
  {
    // An unhandled rejection fails the run, here as everywhere.
    id: "9.2",
    title: "the browser disconnects; `linger` is `stop`",
    logs: LOGS,
    run: inHalves(async (stage) => {
      const viewer = await start(await stage.site({ relay: { linger: "stop" } }), runId());
      await shows(viewer, KEPT);
      await viewer.leave();
      await within(PATIENCE, "the model's socket closes", stage.model.requests[0]?.closed ?? noRequest());
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
    run: inHalves(async (stage, model) => {
      const outcome = await replyAfter(await stage.site(), KEPT, () => model.break("reset"));
      expect(outcome.error?.message).not.toContain(stage.model.origin);
      return judged(outcome, { fails: "network", kept: KEPT });
    }),
  },
  {
    id: "9.6",
    title: "the browser drops, and comes back with `Last-Event-ID`",
    logs: LOGS,
    run: inHalves(async (stage, model) => {
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
    }),
  },
  {
    id: "9.7",
    title: "the model's reply ends cleanly in the middle",
    logs: LOGS,
    run: inHalves(async (stage, model) =>
      judged(await replyAfter(await stage.site(), KEPT, () => model.break("end")), {
        fails: "truncated",
        kept: KEPT,
      }),
    ),
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
      withLongerTimes((times) =>
        inHalves(async (stage) =>
          judged(await reply(await stage.site({ client: { timeouts: { idle: 200 * times } } })), {
            fails: "timeout",
            kept: KEPT,
          }),
        )(scene),
      ),
  },
  {
    id: "9.10",
    title: "the page is reloaded, and shows the reply from its start",
    logs: KEEPING,
    run: inHalves(async (stage, model) => {
      const [site, run] = [await stage.site(), runId()];
      const first = await start(site, run);
      await shows(first, KEPT);
      await first.leave();
      const stream = await relayClient({ url: (await stage.site()).url }).attach(run);
      if (!stream) throw new Error("there is nothing to attach to");
      const shown = readAll(stream, (text) => {
        if (text === KEPT) model.goOn();
      });
      return judged(await shown, COMPLETE);
    }),
  },
  {
    id: "9.11",
    title: "two browsers watch, and a third comes in the middle, at another process where the log is shared",
    logs: LOGS,
    run: inHalves(async (stage, model) => {
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
    }),
  },
  {
    id: "9.12",
    title: "one browser does not read, another does; the reply has 7 MB",
    logs: LOGS,
    isAlone: true, // it keeps the process busy for longer than a log beside it may take
    run: (scene) =>
      staged(
        scene,
        ({ socket }) => void socket.write(goodLong(scene.speaker)),
        async (stage) => {
          const [site, run] = [await stage.site(), runId()];
          const reader = await start(site, run);
          const frozen = frozenViewer(site, `/${run}/stream`);
          await reader.over;
          expect(reader.text === LONG.join("")).toBe(true);
          endOf(reader);
          await readsToItsEnd(frozen);
          frozen.destroy();
          return "full text for each";
        },
      ),
  },
  {
    id: "9.13",
    title: "a stop comes from another browser while the model is silent, at another process where the log is shared",
    logs: LOGS,
    run: twice(async (stage) => {
      const [site, run] = [await stage.site(), runId()];
      const other = stage.isShared ? await stage.site() : site;
      const viewer = await start(site, run);
      await shows(viewer, KEPT);
      await stop(other, run);
      // The answer comes when the run is stopped. A run that heard of it by its tick of a second would mostly be later.
      await within(700, "the model's socket closes", stage.model.requests[0]?.closed ?? noRequest());
      await viewer.over;
      isStopped(viewer);
      return STOPPED;
    }),
  },
  {
    id: "9.14",
    title: "a request is sent twice at once, and again when the reply is over",
    logs: LOGS,
    isAlone: true, // a start waits three seconds for a log, which is long only where nothing keeps the process busy
    run: inHalves(async (stage, model) => {
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
    }),
  },
];
