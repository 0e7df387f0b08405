/** Requests with a head that no client of a relay sends: odd hosts, addresses and methods. */

import { connect as connectSocket } from "node:net";
import { expect, test } from "vitest";
import { toNode } from "../../src/server/http/node-adapter.ts";
import { useListeners } from "../support/listeners.ts";
import { relayOf } from "./hardened-relay.ts";

const listen = useListeners();

/** Sends bytes as they are and resolves with those that come back within the first answer. */
function rawAnswer(origin: string, bytes: string): Promise<string> {
  const { port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connectSocket(Number(port), "127.0.0.1", () => socket.end(bytes));
    let text = "";
    socket.setEncoding("utf8").on("data", (more) => {
      text += more;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(text));
  });
}

test.each([
  ["a host that changes the path", "GET /a HTTP/1.1\r\nHost: evil.example/b?\r\n\r\n", "http://localhost/a"],
  ["a host with credentials", "GET /a HTTP/1.1\r\nHost: u:p@evil.example\r\n\r\n", "http://localhost/a"],
  ["two slashes", "GET //evil.example/a HTTP/1.1\r\nHost: good.example\r\n\r\n", "http://good.example//evil.example/a"],
  ["no host", "GET /a HTTP/1.0\r\n\r\n", "http://localhost/a"],
  ["a complete address", "GET http://good.example/a HTTP/1.1\r\nHost: x\r\n\r\n", "http://good.example/a"],
  [
    "a complete address with credentials",
    "GET http://u:p@good.example/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "http://good.example/a",
  ],
  ["a host of five numbers", "GET /a HTTP/1.1\r\nHost: 1.2.3.4.5\r\n\r\n", "http://localhost/a"],
  ["a host of a port that there is not", "GET /a HTTP/1.1\r\nHost: good.example:99999\r\n\r\n", "http://localhost/a"],
  ["a host that is no name", "GET /a HTTP/1.1\r\nHost: xn--a\r\n\r\n", "http://localhost/a"],
  [
    "a host with too many numbers of IPv6",
    "GET /a HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n",
    "http://localhost/a",
  ],
  ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: good.example\r\n\r\n", "http://localhost/"],
  ["dots", "GET /a/../../b HTTP/1.1\r\nHost: good.example\r\n\r\n", "http://good.example/b"],
])("%s", async (_name, head, url) => {
  const origin = await listen(toNode(async (request) => new Response(request.url)));
  expect(await rawAnswer(origin, head)).toMatch(new RegExp(`\\r\\n${url.replace(/[.?]/g, "\\$&")}(\\r\\n|$)`));
});

test("a method that no Request may have is refused with a kind and a sentence", async () => {
  for (const handle of [async () => new Response("reached"), relayOf().relay.handle]) {
    const origin = await listen(toNode(handle));
    expect(await rawAnswer(origin, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 .*"kind":"invalidRequest","message":"The method of the request is not allowed\."/s,
    );
  }
});

test.each([
  ["/chat/a", "1.2.3.4.5"],
  ["/chat/a", "good.example:99999"],
  ["http://u:p@good.example/chat/a", "x"],
])("a relay answers %s of a host that is none with a sentence: %s", async (address, host) => {
  const origin = await listen(toNode(relayOf().relay.handle));
  const answer = await rawAnswer(origin, `GET ${address} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 401 .*"message":"Sign in first\."/s);
});
