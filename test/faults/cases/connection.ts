/** 5. The connection. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, STREAM_HEAD } from "../../support/raw-server.ts";
import type { Fault, Section } from "../fault.ts";
import { COUNTS, judged, outcomeOf, PATIENCE, refusalOf, type Scene, sleep, within } from "../scene.ts";

const WHOLE = { text: "ab", counts: COUNTS };

function begun(scene: Scene): string {
  return STREAM_HEAD + httpChunk(scene.speaker.speech().text("a", "b").events.join("")).toString();
}

function goodBody(scene: Scene): string {
  return scene.speaker.speech().text("a", "b").finish("stop", COUNTS).events.join("");
}

function good(scene: Scene): string {
  return STREAM_HEAD + httpChunk(goodBody(scene)).toString() + LAST_CHUNK;
}

/** One reply, and another when the connection has been idle for a moment, or its end has come. */
async function twice(
  scene: Scene,
  answer: (request: RawRequest, index: number) => void,
  endOf: (request: RawRequest | undefined) => unknown = () => undefined,
): Promise<string> {
  const { client, server } = await scene.stage(answer);
  judged(await outcomeOf(client), WHOLE);
  await sleep(30);
  await endOf(server.requests[0]);
  await sleep(60);
  const said = judged(await outcomeOf(client), WHOLE);
  expect(server.requests).toHaveLength(2);
  return said;
}

let certificate: { readonly key: Buffer; readonly cert: Buffer } | undefined;

/** A certificate that nobody vouches for. */
function selfSigned(): { readonly key: Buffer; readonly cert: Buffer } {
  if (certificate) return certificate;
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert], { stdio: "ignore" });
  certificate = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return certificate;
}

const faults: readonly Fault[] = [
  {
    id: "5.1",
    title: "a reset before any byte; a reset in the middle; an end inside a chunk",
    async run(scene) {
      judged(await scene.reply(({ socket }) => void socket.resetAndDestroy()), { fails: "network" });
      const cut = await scene.reply(({ socket }) => void socket.end(`${begun(scene)}ff\r\nda`));
      judged(cut, { fails: "network", kept: "ab" });
      const reset = await scene.replyThen(begun(scene), "ab", (socket) => socket.resetAndDestroy());
      return judged(reset.outcome, { fails: "network", kept: "ab" });
    },
  },
  {
    id: "5.2",
    title: "the server closes the idle connection between two requests",
    run: (scene) =>
      twice(
        scene,
        ({ socket }) => void socket.write(good(scene)),
        (first) => {
          first?.socket.end();
          return first?.closed;
        },
      ),
  },
  {
    id: "5.3",
    title: "the host does not resolve; refuses; shows a certificate without a trusted issuer",
    async run(scene) {
      expect(await refusalOf(scene.client("https://nowhere.invalid"))).toMatchObject({
        kind: "network",
        retryable: true,
      });
      expect(await refusalOf(scene.client("http://127.0.0.1:9"))).toMatchObject({ kind: "network", retryable: true });
      let seen = 0;
      const server = createServer(selfSigned(), () => seen++);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      const error = await refusalOf(scene.client(`https://localhost:${port}`));
      server.close();
      expect(error).toMatchObject({ kind: "network", retryable: false });
      expect(seen).toBe(0);
      return "`network`, nothing sent";
    },
  },
  {
    id: "5.4",
    title: "the server takes the request and closes in order, without an answer",
    run: async (scene) => judged(await scene.reply(({ socket }) => void socket.end()), { fails: "network" }),
  },
  {
    id: "5.5",
    title: "the server half-closes after the request, and answers nothing",
    async run(scene) {
      // The client's own side stays open until it notices.
      const { client } = await scene.stage(({ socket }) => {
        socket.allowHalfOpen = true;
        socket.end();
      });
      return judged(await within(PATIENCE, "an error", outcomeOf(client)), { fails: "network" });
    },
  },
  {
    id: "5.6",
    title: "the idle connection is reset between two requests",
    run: (scene) =>
      twice(
        scene,
        ({ socket }) => void socket.write(good(scene)),
        (first) => first?.socket.resetAndDestroy(),
      ),
  },
  {
    id: "5.7",
    title: "the kept connection dies as soon as the second request uses it",
    async run(scene) {
      let first: Socket | undefined;
      const { client, server } = await scene.stage(
        ({ socket }, index) => {
          first ??= socket;
          if (index === 1 && socket === first) return void socket.destroy();
          socket.write(good(scene));
        },
        // `fetch` does not tell that the connection was an old one: there, it takes a retry.
        { retries: scene.transport === "fetch" ? 1 : 0 },
      );
      judged(await outcomeOf(client), WHOLE);
      await sleep(30);
      const outcome = await outcomeOf(client);
      expect(outcome.message?.metrics.attempts).toHaveLength(2);
      expect(server.requests).toHaveLength(3);
      return judged(outcome, WHOLE);
    },
  },
  {
    id: "5.8",
    title: "20 calls at once, then all idle connections close, then 20 calls again",
    async run(scene) {
      const { client, server } = await scene.stage(({ socket }) => void socket.write(good(scene)));
      const calls = () => Promise.all(Array.from({ length: 20 }, () => outcomeOf(client)));
      for (const outcome of await calls()) judged(outcome, WHOLE);
      await sleep(30);
      const closed = server.requests.map(({ socket }) => socket.destroyed || once(socket, "close"));
      for (const { socket } of server.requests) socket.end();
      await Promise.all(closed);
      let said = "";
      for (const outcome of await calls()) said = judged(outcome, WHOLE);
      expect(server.requests).toHaveLength(40);
      return said;
    },
  },
  {
    id: "5.9",
    title: "bytes follow the end of an answer on the kept connection: an answer to no request",
    async run(scene) {
      const poison =
        STREAM_HEAD + httpChunk(scene.speaker.speech().text("ghost").finish().events.join("")) + LAST_CHUNK;
      const told =
        (first: string) =>
        ({ socket }: RawRequest, index: number) =>
          void socket.write(index === 0 ? first : good(scene));
      // In the same packet, and while the connection is idle. (Once the next request is out, nobody could tell.)
      // A busy client reads it late: the next request waits until the client has closed the connection.
      const closes = (first: RawRequest | undefined) =>
        within(PATIENCE, "the socket closes", first?.closed ?? sleep(0));
      await twice(scene, told(good(scene) + poison), closes);
      await twice(scene, told(good(scene)), (first) => {
        first?.socket.write(poison);
        return closes(first);
      });
      return "full text, nothing mixed";
    },
  },
  {
    id: "5.10",
    title: "the answer says `connection: close`",
    async run(scene) {
      const { client, server } = await scene.stage(
        ({ socket }) => void socket.end(good(scene).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")),
      );
      judged(await outcomeOf(client), WHOLE);
      const said = judged(await outcomeOf(client), WHOLE);
      expect(server.connections()).toBe(2);
      return said;
    },
  },
  {
    id: "5.11",
    title: "a reset right after the terminal event",
    async run(scene) {
      const body = STREAM_HEAD + httpChunk(goodBody(scene)).toString();
      const { outcome } = await scene.replyThen(body, "ab", (socket) => socket.resetAndDestroy());
      return scene.speaker.hasTerminalEvent
        ? judged(outcome, WHOLE)
        : judged(outcome, { fails: "network", kept: "ab" });
    },
  },
  {
    id: "5.12",
    title: "the server resets before it has read the request to its end",
    isOfFormat: true,
    async run(scene) {
      const server = await scene.serve(() => undefined);
      const { createServer: listen } = await import("node:net");
      const hasty = listen((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => socket.resetAndDestroy());
      });
      await new Promise<void>((resolve) => hasty.listen(0, "127.0.0.1", resolve));
      const address = hasty.address();
      const port = typeof address === "object" && address ? address.port : 0;
      const client = scene.client(server.origin.replace(/\d+$/, String(port)));
      const error = await within(
        45_000, // below the limit for headers; 20 MB are many on a busy machine
        "an error",
        client.sendMessageStream([{ role: "user", content: "x".repeat(20_000_000) }]).then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      );
      hasty.close();
      expect(error).toMatchObject({ kind: "network" });
      return "`network`";
    },
  },
  {
    id: "5.13",
    title: "the server answers before it has read the request to its end",
    isOfFormat: true,
    async run(scene) {
      const { client } = await scene.stage(() => undefined);
      const { createServer: listen } = await import("node:net");
      const hasty = listen((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () =>
          socket.write("HTTP/1.1 413 Too large\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"),
        );
      });
      await new Promise<void>((resolve) => hasty.listen(0, "127.0.0.1", resolve));
      const address = hasty.address();
      const port = typeof address === "object" && address ? address.port : 0;
      expect(client.provider).toBe(scene.speaker.provider);
      const big = scene.client(`http://127.0.0.1:${port}`);
      const thrown = await within(
        45_000, // below the limit for headers; 20 MB are many on a busy machine
        "an error",
        big.sendMessageStream([{ role: "user", content: "x".repeat(20_000_000) }]).then(
          () => undefined,
          (error: unknown) => error,
        ),
      );
      hasty.close();
      expect(thrown).toMatchObject({ status: 413, kind: "invalidRequest" });
      return "`invalidRequest` 413";
    },
  },
];

export const connection: Section = { number: 5, title: "The connection", faults };
