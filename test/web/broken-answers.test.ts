/** An answer that a browser shows although its connection broke, and a stop whose connection breaks. */

import { expect, test } from "vitest";
import { relayClient } from "../../src/web/index.ts";
import { read } from "../support/broken-replies.ts";
import { complete, type FakeRelay, fakeRelay, opened, text, URL_OF_RELAY } from "../support/fake-relay.ts";

const QUESTION = [{ role: "user", content: "Tell me." }] as const;

function ask(relay: FakeRelay) {
  return relayClient({ url: URL_OF_RELAY, fetch: relay.fetch }).sendMessageStream(QUESTION);
}

test.each(["", "text/eve"])("a start whose answer breaks within its headers (%j) costs no reply", async (type) => {
  const relay = fakeRelay((request, index) => {
    if (index === 0) request.answer(200, undefined, { "content-type": type });
    else request.stream(opened(request.body.run), text("One", "1-1"), complete("One"));
  });
  const { error, shown } = await read(await ask(relay));
  expect(error).toBeUndefined();
  expect(shown).toBe("One");
  const [first, second] = relay.requests;
  expect(second, "the same run is started").toMatchObject({ method: "POST", path: "", body: first?.body });
});

test("an answer of another type is reported at once: the address is wrong", async () => {
  const relay = fakeRelay((request) => request.answer(200, {}));
  await expect(ask(relay)).rejects.toMatchObject({ kind: "protocol" });
  expect(relay.requests.filter(({ path }) => path === "")).toHaveLength(1);
});

// Programs and proxies in front of a relay have forms of their own for errors.
test.each([
  ["a string", "No such page"],
  ["a list", ["No such page"]],
  ["null", null],
  ["an object without words", { status: 1 }],
])("an error of another server that is %s is known by its status, and leaves nothing else", async (_form, error) => {
  const relay = fakeRelay((request) => request.answer(404, { error }));
  const failure = await ask(relay).catch((thrown: unknown) => thrown);
  const { attempts: _attempts, ...facts } = JSON.parse(JSON.stringify(failure));
  const message = "The relay has answered with status 404.";
  const named = { provider: "relay", model: "default" };
  expect(facts).toEqual({ ...named, kind: "notFound", message, retryable: false, status: 404 });
});

test("a stop whose connection breaks is sent again, so that nobody pays for an unread reply", async () => {
  const stops: unknown[] = [];
  let stopped = (): void => undefined;
  const isStopped = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const relay = fakeRelay((request) => {
    if (!request.path.endsWith("/stop")) return request.stream(opened(request.body.run), text("One", "1-1"));
    stops.push(request.body.run);
    if (stops.length === 1) return request.break();
    request.answer(200, {});
    stopped();
  });
  for await (const chunk of await ask(relay)) if (chunk.content !== "") break;
  await isStopped;
  const run = relay.requests[0]?.body.run;
  expect(stops).toEqual([run, run]);
});

test("a stop that never gets through is given up", async () => {
  const relay = fakeRelay((request) => {
    if (request.path.endsWith("/stop")) request.break();
    else request.stream(opened(request.body.run), text("One", "1-1"));
  });
  for await (const chunk of await ask(relay)) if (chunk.content !== "") break;
  await new Promise((resolve) => setTimeout(resolve));
  expect(relay.requests.filter(({ path }) => path.endsWith("/stop"))).toHaveLength(3);
});
