/** What an answer says: no secret in a failure, and nothing internal in a success. */

import { describe, expect, test } from "vitest";
import type { SendErrorKind } from "../../src/contract/error-kind.ts";
import { SendError } from "../../src/contract/errors.ts";
import type { RelayOptions } from "../../src/server/index.ts";
import { type ReplyScript, scriptedClient } from "../../src/testing/index.ts";
import { read } from "../support/relay.ts";
import { answer, answers, HOST, KEY, relayOf, start, text, useLeakCheck } from "./hardened-relay.ts";

useLeakCheck();

describe("what a failure says", () => {
  const facts = {
    provider: "claude",
    model: "m",
    status: 418,
    code: "acct_42",
    requestId: "req_SECRET",
    cause: new Error(KEY),
  };
  const words = `POST https://${HOST}/v1/messages with ${KEY} failed\r\n    at Object.send (node_modules/x.ts:1)`;

  test.each<SendErrorKind>([
    "authentication",
    "permission",
    "notFound",
    "invalidRequest",
    "contextLength",
    "contentFilter",
    "rateLimit",
    "overloaded",
    "server",
    "network",
    "timeout",
    "protocol",
    "unsupported",
  ])("%s has the same words as a status and inside a reply, and none of the provider's", async (kind) => {
    const errors: SendError[] = [];
    const error = new SendError(kind, words, { ...facts, retryAfterMs: 1_500 });
    const failing = {
      ...scriptedClient([]),
      provider: "scripted",
      model: "toy",
      sendMessageStream: () => Promise.reject(error),
    } as unknown as RelayOptions["client"];
    const { relay } = relayOf({ client: failing, onError: (seen) => errors.push(seen) });
    const early = await answer(relay, start());
    const body = (await early.json()) as { readonly error: Record<string, unknown> };
    answers.push(JSON.stringify(body));
    expect(early.status).toBeGreaterThanOrEqual(400);
    expect(early.headers.get("retry-after")).toBe("2");
    expect(errors[0]?.message).toBe(words);

    // The same failure, later than the response's head.
    let fail = () => undefined as unknown;
    const failsLater = {
      ...failing,
      sendMessageStream: () =>
        new Promise((_resolve, reject) => {
          fail = () => reject(error);
        }),
    } as unknown as RelayOptions["client"];
    const { relay: second } = relayOf({ client: failsLater, headersWithinMs: 1 });
    const late = await answer(second, start());
    expect(late.status).toBe(200);
    fail();
    const last = (await read(late)).at(-1);
    answers.push(JSON.stringify(last));
    const { requestId: _one, ...masked } = body.error;
    expect(last).toMatchObject({ type: "failed", error: masked });
    expect(masked).toMatchObject({ kind, retryAfterMs: 1_500 });
  });

  test("a reply that breaks keeps its text, and shows nothing else", async () => {
    const { relay } = relayOf({}, { text: ["Once ", "upon"], ending: { error: { message: words, code: "acct_42" } } });
    const events = await read(await answer(relay, start()));
    answers.push(JSON.stringify(events));
    expect(events.at(-1)).toMatchObject({ type: "failed", error: { partial: { content: "Once upon" } } });
  });

  test("a hook that throws is not repeated to the caller", async () => {
    const limit = () => Promise.reject(new Error(words));
    expect(await text(relayOf({ limit }).relay, start())).toMatch(/^500 /);
  });

  test("the server's own sentence stands in one line", async () => {
    const client = {
      ...scriptedClient([]),
      provider: "scripted",
      model: "toy",
      sendMessageStream: () => Promise.reject(new SendError("overloaded", words)),
    } as unknown as RelayOptions["client"];
    const { relay } = relayOf({ client, describe: () => "Come back\r\nlater\u2028please." });
    expect(await text(relay, start())).toContain('"message":"Come back later please."');
  });
});

describe("what a success says", () => {
  const usage = { inputTokens: 3, outputTokens: 2, raw: { account: "acct_42" } } as never;
  const steps = [{ reasoning: "SECRET plan" }, { text: "Hi" }];
  const script: ReplyScript = { steps, ending: { usage } };

  test("a reply shows neither thinking nor attempts, nor anything raw", async () => {
    const { relay } = relayOf({}, script);
    const events = await read(await answer(relay, start()));
    answers.push(JSON.stringify(events));
    const last = events.at(-1);
    expect(last).toMatchObject({ type: "complete", message: { content: "Hi", reasoning: "" } });
    expect(last).toMatchObject({ message: { metrics: { attempts: [] }, usage: { inputTokens: 3 } } });
    for (const name of ['"raw"', '"replay"', '"requestId"', '"rateLimits"']) {
      expect(JSON.stringify(events)).not.toContain(name);
    }
  });

  test("a browser that merges what it gets keeps its prototypes", async () => {
    const args = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{}},"a":1}') as unknown;
    const { relay } = relayOf({}, { steps: [{ toolCall: { name: "show", arguments: args } }] });
    const response = await answer(relay, start());
    const last = (await read(response)).at(-1);
    expect(last).toMatchObject({ message: { toolCalls: [{ arguments: { a: 1 } }] } });
    expect(JSON.stringify(last)).not.toMatch(/__proto__|constructor|prototype/);
  });
});
