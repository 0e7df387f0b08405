/** The log, the process or the connection of a relay fails. */

import { expect, vi } from "vitest";
import { sendApart } from "../../support/local-connection.ts";
import { LAST_CHUNK, STREAM_HEAD } from "../../support/raw-server.ts";
import { killable, runId } from "../../support/relay.ts";
import type { Fault } from "../fault.ts";
import { KEEPING, LOGS, SHARED } from "../logs.ts";
import { judged } from "../scene.ts";
import {
  apart,
  broken,
  COMPLETE,
  come,
  failing,
  Halves,
  inHalves,
  KEPT,
  killed,
  LONG,
  lastIdOf,
  over,
  replyAfter,
  staged,
  start,
  TEXT,
} from "./relay-scenes.ts";

export const outages: readonly Fault[] = [
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
            COMPLETE,
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
    run: inHalves(async (stage, model) => {
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
        COMPLETE,
      );
    }),
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
    run: inHalves(async (stage) => {
      const site = await stage.site();
      const outcome = await replyAfter(site, KEPT, () => void site.relay.drain(0));
      return judged(outcome, { fails: "truncated", kept: KEPT });
    }),
  },
  {
    id: "9.23",
    title: "the same with `recover`, and another one answers at its address",
    logs: SHARED,
    run: inHalves(async (stage) => {
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
