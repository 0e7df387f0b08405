/** The transport over `node:http`, by itself: what it says to the server, and in which order it tells what came. */

import { Agent } from "node:http";
import { afterEach, describe, expect, test, vi } from "vitest";
import { nodeHttpTransport } from "../../src/transport/node-http.ts";
import type { Exchange, HttpRequest, Receiver } from "../../src/transport/transport.ts";
import {
  httpChunk,
  LAST_CHUNK,
  type RawRequest,
  type RawServer,
  rawServer,
  STREAM_HEAD,
} from "../support/raw-server.ts";

let server: RawServer | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

const SMALL = STREAM_HEAD + httpChunk("a") + LAST_CHUNK;

/** What one exchange told, in order; `pulls` answers the head by asking for text, now or later. */
async function told(
  answer: (request: RawRequest) => void,
  request: Pick<HttpRequest, "method" | "body">,
  pulls: (exchange: Exchange) => void,
  onTold: (word: string) => void = () => undefined,
): Promise<string[]> {
  server = await rawServer(answer);
  const url = `${server.baseUrl}/x`;
  const words: string[] = [];
  const tell = (word: string) => {
    words.push(word);
    onTold(word);
  };
  await new Promise<void>((resolve) => {
    let exchange: Exchange | undefined;
    const receiver: Receiver = {
      onHead: ({ status }) => {
        tell(String(status));
        if (exchange) pulls(exchange);
      },
      onText: (text) => {
        tell(text);
        queueMicrotask(() => exchange?.pull());
      },
      onEnd: () => resolve(tell("end")),
      onError: () => resolve(tell("error")),
    };
    exchange = nodeHttpTransport().open({ url, headers: {}, ...request }, receiver);
  });
  return words;
}

const atOnce = (exchange: Exchange): void => exchange.pull();

describe("a request", () => {
  test.each<readonly [string, Pick<HttpRequest, "method" | "body">, string | undefined]>([
    ["says how many bytes its body has", { body: "aé🎉" }, "7"],
    ["says that it has none, if it could", {}, "0"],
    ["says nothing of a body that it cannot have", { method: "GET" }, undefined],
  ])("%s", async (_what, request, length) => {
    expect(await told(({ socket }) => void socket.write(SMALL), request, atOnce)).toEqual(["200", "a", "end"]);
    const { head = "", body = "" } = server?.requests[0] ?? {};
    expect(/content-length: *(\d+)/i.exec(head)?.[1]).toBe(length);
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(Buffer.from(body, "latin1").toString()).toBe(request.body ?? "");
  });
});

describe("what came with the head", () => {
  test("is read before Node has done with what came after it", async () => {
    const order: string[] = [];
    vi.spyOn(Agent.prototype, "emit").mockImplementation(function (this: Agent, event, ...args) {
      order.push(String(event));
      return Object.getPrototypeOf(Agent.prototype).emit.call(this, event, ...args) as boolean;
    });
    await told(
      ({ socket }) => void socket.write(STREAM_HEAD + ["a", "b"].map(httpChunk).join("") + LAST_CHUNK),
      {},
      (exchange) => queueMicrotask(() => exchange.pull()),
      (word) => order.push(word),
    );
    expect(order.filter((what) => ["a", "free"].includes(what))).toEqual(["a", "free"]);
  });

  test("is all there, and the failure after it, if the connection broke before anybody asked", async () => {
    let wentAway: Promise<void> | undefined;
    const words = await told(
      ({ socket, closed }) => {
        wentAway = closed;
        socket.end(STREAM_HEAD + ["a", "b", "c"].map(httpChunk).join(""));
      },
      {},
      (exchange) => {
        const ask = async () => {
          await wentAway;
          for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
          exchange.pull();
        };
        void ask();
      },
    );
    expect(words.slice(1, -1).join("")).toBe("abc");
    expect(words.at(-1)).toBe("error");
  });
});
