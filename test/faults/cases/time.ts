/** 4. Time. */

import { expect } from "vitest";
import { withLongerTimes } from "../../support/longer-times.ts";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../../support/raw-server.ts";
import type { Fault, Section } from "../fault.ts";
import { COUNTS, judged, type Options, outcomeOf, PATIENCE, type Scene, saidOf, sleep, within } from "../scene.ts";

const LIMIT = 250;

/**
 * The call fails with `timeout` in this phase, in time, and lets its socket go. What comes before must come within the
 * limits: they are longer where it does not.
 */
function timesOut(
  scene: Scene,
  phase: string,
  timeouts: NonNullable<Options["timeouts"]>,
  answer: (request: RawRequest) => void,
  kept = "",
): Promise<string> {
  return withLongerTimes(async (times) => {
    const longer = Object.fromEntries(Object.entries(timeouts).map(([name, ms]) => [name, Number(ms) * times]));
    const { client, server } = await scene.stage(answer, { timeouts: longer });
    const start = performance.now();
    const outcome = await within(PATIENCE, "a timeout", outcomeOf(client));
    expect(performance.now() - start).toBeGreaterThan(LIMIT * times * 0.8); // the clock may have started at the last chunk
    const said = judged(outcome, { fails: "timeout", kept });
    expect(outcome.error).toMatchObject({ phase, retryable: true });
    await within(PATIENCE, "the socket closes", server.requests[0]?.closed ?? Promise.resolve());
    return said;
  });
}

function begun(scene: Scene): string {
  return STREAM_HEAD + httpChunk(scene.speaker.speech().text("a", "b").events.join("")).toString();
}

/** Writes the same again and again while there is somebody. */
function repeat({ socket }: RawRequest, bytes: string | Uint8Array, everyMs = 20): void {
  const timer = setInterval(() => socket.write(bytes), everyMs);
  socket.on("close", () => clearInterval(timer));
}

const faults: readonly Fault[] = [
  {
    id: "4.1",
    title: "the server accepts and never answers; or sends headers and never a body",
    async run(scene) {
      await timesOut(scene, "idle", { idle: LIMIT }, ({ socket }) => void socket.write(STREAM_HEAD));
      await timesOut(scene, "firstChunk", { firstChunk: LIMIT }, ({ socket }) => void socket.write(STREAM_HEAD));
      await timesOut(scene, "total", { total: LIMIT }, () => undefined);
      return timesOut(scene, "headers", { headers: LIMIT }, () => undefined);
    },
  },
  {
    id: "4.2",
    title: "the stream stalls for ever after some deltas",
    run: (scene) => timesOut(scene, "idle", { idle: LIMIT }, ({ socket }) => void socket.write(begun(scene)), "ab"),
  },
  {
    id: "4.3",
    title: "a slow stream that is alive: an event each 0.3 s, the limit of silence at 0.8 s",
    run(scene) {
      const { events } = scene.speaker.speech().text("a", "b", "c", "d").finish("stop", COUNTS);
      return withLongerTimes(async (times) => {
        const limit = 800 * times;
        const outcome = await scene.reply(
          async ({ socket }) => {
            socket.write(STREAM_HEAD);
            for (const event of events.slice(0, -1)) {
              if (/"[abcd]"/.test(event)) await sleep(300 * times);
              socket.write(httpChunk(event));
            }
            socket.write(httpChunk(events.at(-1) ?? "") + LAST_CHUNK);
          },
          { timeouts: { idle: limit, stall: limit } },
        );
        return judged(outcome, { text: "abcd", counts: COUNTS });
      });
    },
  },
  {
    id: "4.4",
    title: "heartbeat comments for ever, and never a delta",
    async run(scene) {
      const answer = (request: RawRequest): void => {
        request.socket.write(STREAM_HEAD);
        repeat(request, httpChunk(": ping\n\n"));
      };
      await timesOut(scene, "stall", { stall: LIMIT, idle: 200 }, answer);
      return timesOut(scene, "total", { total: LIMIT, idle: 200 }, answer);
    },
  },
  {
    id: "4.5",
    title: "the terminal event arrives, and the connection stays open",
    except: { Gemini: "has no terminal event: the end of the body is the end" },
    async run(scene) {
      const body = scene.speaker.speech().text("a", "b").finish("stop", COUNTS).events.join("");
      const { client, server } = await scene.stage(({ socket }) => void socket.write(STREAM_HEAD + httpChunk(body)));
      const said = judged(await within(PATIENCE, "the reply", outcomeOf(client)), { text: "ab", counts: COUNTS });
      await within(PATIENCE, "the socket closes", server.requests[0]?.closed ?? Promise.resolve());
      return said;
    },
  },
  {
    id: "4.6",
    title: "headers drip in for ever, byte by byte",
    run: (scene) =>
      timesOut(scene, "headers", { headers: LIMIT }, (request) => {
        request.socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
        repeat(request, "a", 10);
      }),
  },
  {
    id: "4.7",
    title: "an error body never comes, or drips in for ever",
    async run(scene) {
      const head = "HTTP/1.1 503 Busy\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
      for (const isDripping of [false, true]) {
        const { client, server } = await scene.stage(
          (request) => {
            request.socket.write(head + httpChunk('{"error":{"message":"it '));
            if (isDripping) repeat(request, httpChunk("e"));
          },
          { timeouts: { idle: LIMIT, stall: LIMIT } },
        );
        const { error } = await within(PATIENCE, "an error", outcomeOf(client));
        expect(error).toMatchObject({ status: 503, kind: "overloaded" });
        await within(PATIENCE, "the socket closes", server.requests[0]?.closed ?? Promise.resolve());
      }
      return "`overloaded` 503";
    },
  },
  {
    id: "4.8",
    title: "the protocol's own heartbeats and empty deltas for ever, after some text",
    async run(scene) {
      const { unknownEvents, protocol } = scene.speaker;
      const empty = {
        "Chat Completions": 'data: {"choices":[{"index":0,"delta":{"content":""}}]}\n\n',
        "Anthropic Messages": 'event: ping\ndata: {"type":"ping"}\n\n',
        "OpenAI Responses": 'event: keepalive\ndata: {"type":"keepalive"}\n\n',
        Gemini: 'data: {"candidates":[{"content":{"parts":[{"text":""}]}}]}\r\n\r\n',
        Ollama: '{"message":{"role":"assistant","content":""},"done":false}\n',
      }[protocol];
      return timesOut(
        scene,
        "stall",
        { stall: LIMIT, idle: 200 },
        (request) => {
          request.socket.write(begun(scene));
          repeat(request, httpChunk(empty + unknownEvents.join("")));
        },
        "ab",
      );
    },
  },
  {
    id: "4.9",
    title: "the limit on the total time passes while the client waits for another attempt",
    run: (scene) =>
      withLongerTimes(async (times) => {
        const { client, server } = await scene.stage(
          ({ socket }) => void socket.write(response(429, "{}", { "retry-after": "20" })),
          { retries: 2, timeouts: { total: LIMIT * times } },
        );
        const { error } = await within(PATIENCE, "an error", outcomeOf(client));
        expect(error).toMatchObject({ kind: "timeout", phase: "total" });
        expect(error?.attempts).toMatchObject([{ status: 429 }]); // it has come before
        expect(server.requests).toHaveLength(1);
        return "`timeout` (total)";
      }),
  },
  {
    id: "4.10",
    title: "after the terminal event the server goes on for ever",
    except: { Gemini: "has no terminal event: the end of the body is the end" },
    async run(scene) {
      const body = scene.speaker.speech().text("a", "b").finish("stop", COUNTS).events.join("");
      const { client, server } = await scene.stage((request) => {
        request.socket.write(STREAM_HEAD + httpChunk(body));
        repeat(request, httpChunk(": more\n\n"), 5);
      });
      const said = judged(await outcomeOf(client), { text: "ab", counts: COUNTS });
      await within(PATIENCE, "the socket closes", server.requests[0]?.closed ?? Promise.resolve());
      return said;
    },
  },
  {
    id: "4.11",
    title: "every attempt times out, with retries on",
    async run(scene) {
      const { client } = await scene.stage(() => undefined, { retries: 1, timeouts: { headers: 300 } });
      const outcome = await within(PATIENCE, "an error", outcomeOf(client));
      expect(outcome.error?.attempts).toHaveLength(2);
      return saidOf(outcome);
    },
  },
  {
    id: "4.12",
    title: "the caller holds a chunk for longer than every limit",
    run(scene) {
      const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
      const at = events.findIndex((event) => event.includes('"b"'));
      return withLongerTimes(async (times) => {
        const limit = 700 * times;
        const { client } = await scene.stage(
          ({ socket }) => {
            socket.write(STREAM_HEAD + httpChunk(events.slice(0, at).join("")));
            setTimeout(() => socket.write(httpChunk(events.slice(at).join("")) + LAST_CHUNK), 50);
          },
          { timeouts: { idle: limit, stall: limit, firstChunk: limit } },
        );
        const opened = await client.sendMessageStream([{ role: "user", content: "hi" }]);
        await sleep(limit + 200);
        let text = "";
        for await (const chunk of opened) {
          text += chunk.content;
          if (chunk.content === "a") await sleep(limit + 200);
        }
        expect(text).toBe("ab");
        return "full text";
      });
    },
  },
  {
    id: "4.13",
    isAlone: true,
    title: "the caller's thread is busy for longer than the limits while the reply arrives",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
      const at = events.findIndex((event) => event.includes('"b"'));
      let sendRest: () => unknown = () => undefined;
      const { client } = await scene.stage(
        ({ socket }) => {
          socket.write(STREAM_HEAD + httpChunk(events.slice(0, at).join("")));
          sendRest = () => socket.write(httpChunk(events.slice(at).join("")) + LAST_CHUNK);
        },
        { timeouts: { idle: 200, stall: 200 } },
      );
      const chunks = (await client.sendMessageStream([{ role: "user", content: "hi" }]))[Symbol.asyncIterator]();
      let text = "";
      while (text === "") text += (await chunks.next()).value?.content ?? "";
      const next = chunks.next();
      sendRest();
      // The bytes are in the kernel's hands; nobody can read them now.
      for (const end = performance.now() + 400; performance.now() < end; );
      for (let result = await next; !result.done; result = await chunks.next()) text += result.value.content;
      expect(text).toBe("ab");
      return "full text";
    },
  },
];

export const time: Section = { number: 4, title: "Time", faults };
