/** 3. HTTP. */

import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import type { SendErrorKind } from "cloudllm";
import { expect } from "vitest";
import { sendApart } from "../../support/local-connection.ts";
import { withLongerTimes } from "../../support/longer-times.ts";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../../support/raw-server.ts";
import type { Fault, Section } from "../fault.ts";
import { measuredOf } from "../measured.ts";
import { COUNTS, headWith, judged, KEY, outcomeOf, refusalOf, type Scene, saidOf, sleep, stream } from "../scene.ts";

const WHY = "the moon is in the wrong house";
const KINDS: Readonly<Record<number, SendErrorKind>> = {
  400: "invalidRequest",
  401: "authentication",
  404: "notFound",
  413: "invalidRequest",
  429: "rateLimit",
  500: "server",
  503: "overloaded",
};

function goodBody(scene: Scene, text = "ab"): string {
  return scene.speaker.speech().text(text.slice(0, 1), text.slice(1)).finish("stop", COUNTS).events.join("");
}

/** A good answer in one packet. */
function good(scene: Scene): string {
  return STREAM_HEAD + httpChunk(goodBody(scene)).toString() + LAST_CHUNK;
}

const WHOLE = { text: "ab", counts: COUNTS };

function refuse(scene: Scene, status: number, headers: Readonly<Record<string, string>> = {}): string {
  return response(status, scene.speaker.refusal(status, WHY), headers);
}

/** Refuses once, then answers; returns how long the client waited. */
async function waitAfter(scene: Scene, headersOf: () => Readonly<Record<string, string>>): Promise<number> {
  const times: number[] = [];
  const { client, server } = await scene.stage(
    ({ socket }, index) => {
      times.push(performance.now());
      socket.write(index === 0 ? refuse(scene, 429, headersOf()) : good(scene));
    },
    { retries: 1 },
  );
  judged(await outcomeOf(client), WHOLE);
  expect(server.requests).toHaveLength(2);
  return (times[1] ?? 0) - (times[0] ?? 0);
}

/** The status and the server's own words are on the error. */
async function refusedWith(
  scene: Scene,
  answer: (request: RawRequest) => void,
  status: number,
  says?: string,
): Promise<string> {
  return withLongerTimes(async (times) => {
    const { client } = await scene.stage(answer, { timeouts: { idle: 1_500 * times, headers: 3_000 * times } });
    const error = await refusalOf(client);
    expect(error.status).toBe(status);
    if (says !== undefined) expect(error.message).toContain(says);
    return saidOf({ text: "", error });
  });
}

const faults: readonly Fault[] = [
  {
    id: "3.1",
    title: "400, 401, 404, 413, 429, 500, 503 with the provider's error; retries are off",
    async run(scene) {
      for (const [status, kind] of Object.entries(KINDS)) {
        const { client, server } = await scene.stage(({ socket }) => void socket.write(refuse(scene, Number(status))));
        const error = await refusalOf(client);
        expect(error).toMatchObject({ kind, status: Number(status), provider: scene.speaker.provider });
        expect(error.message).toContain(WHY);
        expect(server.requests).toHaveLength(status === "401" && scene.speaker.asksAgain ? 2 : 1);
      }
      return "kind, status, message; one request";
    },
  },
  {
    id: "3.2",
    title: "429 with `Retry-After` in seconds, and without",
    async run(scene) {
      expect(await waitAfter(scene, () => ({ "retry-after": "1" }))).toBeGreaterThanOrEqual(990);
      const waits = await Promise.all([1, 2, 3].map(() => waitAfter(scene, () => ({}))));
      expect(Math.max(...waits)).toBeGreaterThan(3); // a back-off of its own, with jitter
      return "waits, then full text";
    },
  },
  {
    id: "3.3",
    title: "429 with `Retry-After: 3600`",
    async run(scene) {
      const { client, server } = await scene.stage(
        ({ socket }) => void socket.write(refuse(scene, 429, { "retry-after": "3600" })),
        { retries: 2 },
      );
      const start = performance.now();
      expect(await refusalOf(client)).toMatchObject({ kind: "rateLimit", status: 429, retryAfterMs: 3_600_000 });
      expect(performance.now() - start).toBeLessThan(10_000); // much less than an hour, on a busy machine too
      expect(server.requests).toHaveLength(1);
      return "`rateLimit` 429 at once, with the wait";
    },
  },
  {
    id: "3.4",
    title: "503 once; 400; 500 for ever with two retries",
    async run(scene) {
      const soon = { "retry-after-ms": "1" };
      const tries = async (status: number, times: number, due: number): Promise<string> => {
        const { client, server } = await scene.stage(
          ({ socket }, index) => void socket.write(index < times ? refuse(scene, status, soon) : good(scene)),
          { retries: 2 },
        );
        const outcome = await outcomeOf(client);
        expect(server.requests).toHaveLength(due);
        expect((outcome.error ?? outcome.message?.metrics)?.attempts).toHaveLength(due);
        return saidOf(outcome);
      };
      const said = [await tries(503, 1, 2), await tries(400, 9, 1), await tries(500, 9, 3)];
      expect(said).toEqual(["full text", "`invalidRequest` 400", "`server` 500"]);
      return "2, 1 and 3 requests";
    },
  },
  {
    id: "3.5",
    title: "the connection breaks after text was delivered, retries on",
    async run(scene) {
      const begin = STREAM_HEAD + httpChunk(scene.speaker.speech().text("a", "b").events.join("")).toString();
      const reset = (socket: Socket) => socket.resetAndDestroy();
      const { outcome, server } = await scene.replyThen(begin, "ab", reset, { retries: 2 });
      const said = judged(outcome, { fails: "network", kept: "ab" });
      expect(server.requests).toHaveLength(1);
      return said;
    },
  },
  {
    id: "3.6",
    title: "a redirect to another host, with every status there is",
    async run(scene) {
      const thief = await scene.serve(({ socket }) => void socket.write(good(scene)));
      for (const status of [301, 302, 303, 307, 308]) {
        for (const location of [`${thief.origin}/steal`, `//127.0.0.1:${thief.port}/steal`, ""]) {
          const { client } = await scene.stage(
            ({ socket }) => void socket.write(response(status, "", location === "" ? {} : { location })),
          );
          const error = await refusalOf(client);
          expect(error.message).not.toContain(KEY);
          expect(error.retryable).toBe(false);
        }
      }
      expect(thief.connections()).toBe(0);
      return "an error, not followed";
    },
  },
  {
    id: "3.7",
    title: "response headers drip in, over 1.3 s",
    async run(scene) {
      const pieces = [
        "HTTP/1.1 20",
        "0 OK\r\ncontent-",
        "type: text/event-stream\r\ntransfer-enc",
        "oding: chunked\r\n",
        "\r\n",
      ];
      const outcome = await scene.reply(async ({ socket }) => {
        for (const piece of pieces) {
          socket.write(piece);
          await sleep(260);
        }
        socket.write(httpChunk(goodBody(scene)) + LAST_CHUNK);
      });
      return judged(outcome, WHOLE);
    },
  },
  {
    id: "3.8",
    title: "an error body of 100 kB, and one that never ends",
    isOfFormat: true,
    async run(scene) {
      const { client } = await scene.stage(
        ({ socket }) => void socket.write(response(400, scene.speaker.refusal(400, "e".repeat(100_000)))),
      );
      const error = await refusalOf(client);
      expect(error.status).toBe(400);
      expect(error.message.length).toBeLessThan(16_000);
      const measured = await measuredOf(scene, "endless refusal");
      expect(measured).toMatchObject({ error: "server", status: 500 });
      expect(measured.messageLength).toBeLessThan(16_000);
      expect(measured.grownBy).toBeLessThan(192e6);
      return "status, short message, memory bounded";
    },
  },
  {
    id: "3.9",
    title: "502 with a web page",
    run: (scene) =>
      refusedWith(
        scene,
        ({ socket }) =>
          void socket.write(response(502, "<html><h1>Bad Gateway</h1></html>", { "content-type": "text/html" })),
        502,
        "Bad Gateway",
      ),
  },
  {
    id: "3.10",
    title: "`Retry-After` as a date, and in milliseconds",
    async run(scene) {
      const date = (ms: number): string => new Date(Math.ceil((Date.now() + ms) / 1_000) * 1_000).toUTCString();
      expect(await waitAfter(scene, () => ({ "retry-after": date(1_000) }))).toBeGreaterThanOrEqual(900);
      expect(await waitAfter(scene, () => ({ "retry-after-ms": "700" }))).toBeGreaterThanOrEqual(690);
      return "waits, then full text";
    },
  },
  {
    id: "3.11",
    title: "an invalid `Retry-After`: negative, not a number, empty, endless",
    async run(scene) {
      for (const senseless of ["-1", "-3600", "NaN", "", "soon", "1e3", "0x10", "12 monkeys", "1,5", "Infinity"]) {
        const { client } = await scene.stage(
          ({ socket }) => void socket.write(refuse(scene, 429, { "retry-after": senseless })),
        );
        const error = await refusalOf(client);
        expect(error.retryAfterMs, senseless).toBeUndefined();
        expect(error).toMatchObject({ kind: "rateLimit", status: 429, retryable: true });
      }
      return "`rateLimit` 429, own back-off";
    },
  },
  {
    id: "3.12",
    title: "a block of headers larger than 16 kB",
    async run(scene) {
      const outcome = await scene.reply(stream([goodBody(scene)], headWith({ "x-cookie": "c".repeat(100_000) })));
      return judged(outcome, { fails: "network" });
    },
  },
  {
    id: "3.13",
    title: "HTTP/1.0: neither length nor chunks",
    async run(scene) {
      const head = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
      return judged(
        await scene.reply(({ socket }) => sendApart(socket, [head, goodBody(scene)], () => socket.end())),
        WHOLE,
      );
    },
  },
  {
    id: "3.14",
    title: "102 and 103 come before the answer",
    async run(scene) {
      const early = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
      return judged(await scene.reply(({ socket }) => void socket.write(early + good(scene))), WHOLE);
    },
  },
  {
    id: "3.15",
    title: "204, 205, 304 and 101: no answer at all",
    async run(scene) {
      for (const status of [204, 205, 304]) {
        const { error } = await scene.reply(
          ({ socket }) => void socket.write(`HTTP/1.1 ${status} None\r\ncontent-length: 0\r\n\r\n`),
        );
        expect(error?.kind, String(status)).toMatch(/^(truncated|protocol|server)$/);
      }
      const upgrade = "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
      const { error } = await scene.reply(({ socket }) => void socket.write(upgrade), { timeouts: { headers: 1_000 } });
      expect(error?.kind).toMatch(/^(network|protocol|timeout)$/);
      return "an error";
    },
  },
  {
    id: "3.16",
    title: "206 and 201 with a complete stream",
    async run(scene) {
      judged(await scene.reply(({ socket }) => void socket.write(good(scene).replace("200 OK", "201 Created"))), WHOLE);
      const outcome = await scene.reply(
        ({ socket }) => void socket.write(good(scene).replace("200 OK", "206 Partial")),
      );
      return judged(outcome, WHOLE);
    },
  },
  {
    id: "3.17",
    title: "the length is longer than the body, or shorter",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a", "b");
      const body = events.join("");
      const head = (length: number): string =>
        `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${length}\r\n\r\n`;
      judged(await scene.reply(({ socket }) => void socket.end(head(body.length + 99) + body)), {
        fails: "network",
        kept: "ab",
      });
      const last = events.at(-1)?.length ?? 0;
      const short = await scene.reply(({ socket }) => void socket.write(head(body.length - last) + goodBody(scene)));
      return judged(short, { fails: ["truncated", "network"], kept: "a" });
    },
  },
  {
    id: "3.18",
    title: "an error body is cut, by the end of the connection or by a reset",
    async run(scene) {
      const head = "HTTP/1.1 503 Busy\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n";
      await refusedWith(scene, ({ socket }) => void socket.end(`${head}{"error":{"message":"${WHY}`), 503, WHY);
      // A busy client reads the head late, and it is lost with the connection.
      return withLongerTimes((times) =>
        refusedWith(
          scene,
          ({ socket }) => {
            socket.write(`${head}{"error":{"mess`);
            setTimeout(() => socket.resetAndDestroy(), 40 * times);
          },
          503,
        ),
      );
    },
  },
  {
    id: "3.19",
    title: "an error body is compressed, in a way that is known or one that is not",
    async run(scene) {
      const body = gzipSync(scene.speaker.refusal(429, WHY));
      const answer =
        (encoding: string) =>
        ({ socket }: RawRequest) => {
          socket.write(
            `HTTP/1.1 429 Slow down\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${body.length}\r\n\r\n`,
          );
          socket.write(body);
        };
      await refusedWith(scene, answer("gzip"), 429, WHY);
      await refusedWith(scene, answer("x-gzip"), 429, WHY);
      return refusedWith(scene, answer("zstd-of-the-future"), 429);
    },
  },
  {
    id: "3.20",
    title: "a reply is compressed in a way that is not known",
    async run(scene) {
      const outcome = await scene.reply(
        stream([Buffer.from([1, 2, 3, 200, 201])], headWith({ "content-encoding": "pied-piper" })),
      );
      expect(outcome.error?.kind).toMatch(/^(protocol|truncated)$/);
      return "an error";
    },
  },
  {
    id: "3.21",
    title: "the server does not speak HTTP",
    async run(scene) {
      for (const banner of [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "\x15\x03\x01\x00\x02\x02\x50",
        "220 mail.example.com ESMTP\r\n",
        "\0\0\0",
      ]) {
        const outcome = await scene.reply(({ socket }) => void socket.end(banner));
        judged(outcome, { fails: "network" });
      }
      return "`network`";
    },
  },
  {
    id: "3.22",
    title: "a chunk's size is not a number, or a chunk is longer than its size",
    async run(scene) {
      const begin = STREAM_HEAD + httpChunk(scene.speaker.speech().text("a", "b").events.join("")).toString();
      for (const broken of ["xyz\r\n", "5\r\ntoo long\r\n"]) {
        const { outcome } = await scene.replyThen(begin, "ab", (socket) => void socket.write(broken));
        expect(outcome.error?.kind).toBe("network");
        expect(outcome.text).toBe("ab");
      }
      return "`network`, text kept";
    },
  },
  {
    id: "3.23",
    title: "an error status is labelled as an event stream, its body an event",
    run: (scene) =>
      refusedWith(
        scene,
        ({ socket }) =>
          void socket.write(
            response(404, `data: ${scene.speaker.refusal(404, WHY)}\n\n`, { "content-type": "text/event-stream" }),
          ),
        404,
        WHY,
      ),
  },
  {
    id: "3.24",
    title: "a status line without a reason, and headers in all letters",
    async run(scene) {
      const head =
        "HTTP/1.1 200 \r\nCONTENT-TYPE: TEXT/EVENT-STREAM; CHARSET=UTF-8\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n";
      return judged(await scene.reply(stream([goodBody(scene)], head)), WHOLE);
    },
  },
  {
    id: "3.25",
    title: "the trailer of the last chunk is cut",
    async run(scene) {
      const outcome = await scene.reply(({ socket }) =>
        sendApart(socket, [STREAM_HEAD, httpChunk(goodBody(scene)), "0\r\nx-che"], () => socket.end()),
      );
      // Where the last event was the end, nothing is missing; elsewhere the end of the body is the only proof.
      return scene.speaker.hasTerminalEvent
        ? judged(outcome, WHOLE)
        : judged(outcome, { fails: "network", kept: "ab" });
    },
  },
  {
    id: "3.26",
    title: "an unasked 100 comes before the answer",
    async run(scene) {
      const outcome = await scene.reply(
        ({ socket }) => void socket.write(`HTTP/1.1 100 Continue\r\n\r\n${good(scene)}`),
      );
      // Node's `fetch` takes it for a broken answer.
      return judged(outcome, scene.transport === "fetch" ? { fails: "network" } : WHOLE);
    },
  },
  {
    id: "3.27",
    title: "an error body is nested 30,000 deep",
    async run(scene) {
      const deep = "[".repeat(30_000) + "]".repeat(30_000);
      for (const body of [`{"error":{"message":${deep}}}`, `{"error":${deep}}`, deep, `{"error":{"details":${deep}}}`])
        await refusedWith(scene, ({ socket }) => void socket.write(response(400, body)), 400);
      return "`invalidRequest` 400";
    },
  },
];

export const http: Section = { number: 3, title: "HTTP", faults };
