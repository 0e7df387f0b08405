/** Law 1: opens, then flows. */

import assert from "node:assert/strict";
import type { SendErrorKind } from "../../contract/error-kind.ts";
import { Gate } from "../pause.ts";
import type { ScriptedRefusal } from "../script.ts";
import { type CaseDefinition, finalOf, ONCE, QUESTION, readAll, rejectionOf } from "./case.ts";

const REFUSALS: readonly {
  readonly refusal: ScriptedRefusal;
  readonly kind: SendErrorKind;
  readonly retryable: boolean;
}[] = [
  { refusal: { status: 400, message: "Bad shape." }, kind: "invalidRequest", retryable: false },
  { refusal: { status: 401, message: "Wrong key." }, kind: "authentication", retryable: false },
  { refusal: { status: 403, message: "Not for you." }, kind: "permission", retryable: false },
  { refusal: { status: 404, message: "No such model." }, kind: "notFound", retryable: false },
  { refusal: { status: 429, message: "Slow down." }, kind: "rateLimit", retryable: true },
  { refusal: { status: 500, message: "We fell over." }, kind: "server", retryable: true },
  { refusal: { status: 503, message: "We are full." }, kind: "overloaded", retryable: true },
];

export const openingCases: readonly CaseDefinition[] = [
  {
    name: "law 1: a stream opens when the provider accepts the request, before any text is there",
    async run({ open }) {
      const gate = new Gate();
      const { client } = await open({ steps: [{ pause: gate }, { text: "Late" }] });
      const stream = await client.sendMessageStream(QUESTION);
      gate.open();
      assert.equal((await stream.finalMessage()).content, "Late");
    },
  },
  {
    name: "law 1: a stream does not open before the provider accepts the request",
    async run({ open }) {
      const gate = new Gate();
      const { client } = await open({ text: "Hello", opensAfter: gate });
      let opened = false;
      const opening = client.sendMessageStream(QUESTION).then((stream) => {
        opened = true;
        return stream;
      });
      await Promise.race([gate.reached, opening]);
      assert.equal(opened, false);
      gate.open();
      assert.equal((await (await opening).finalMessage()).content, "Hello");
    },
  },
  ...REFUSALS.map(
    ({ refusal, kind, retryable }): CaseDefinition => ({
      name: `law 1: a refusal with status ${refusal.status} rejects at the call, with kind ${kind} and the provider's words`,
      needs: ["refusals"],
      async run({ open }) {
        const { client } = await open({ refusal }, { refusal });
        for (const method of ["sendMessageStream", "sendMessage"] as const) {
          const error = await rejectionOf(client[method](QUESTION, ONCE));
          assert.equal(error.kind, kind);
          assert.equal(error.retryable, retryable);
          assert.ok(
            error.message.includes(refusal.message ?? ""),
            `the provider's words are missing: ${error.message}`,
          );
          assert.equal(error.partial?.content ?? "", "", "nothing had arrived");
        }
      },
    }),
  ),
  ...REFUSALS.map(
    ({ refusal }): CaseDefinition => ({
      name: `law 1: a refusal with status ${refusal.status} has that status`,
      needs: ["refusals", "providerCodes"],
      async run({ open }) {
        const { client } = await open({ refusal }, { refusal });
        for (const method of ["sendMessageStream", "sendMessage"] as const) {
          assert.equal((await rejectionOf(client[method](QUESTION, ONCE))).status, refusal.status);
        }
      },
    }),
  ),
  {
    name: "law 1: a refusal reports how long the provider asks to wait",
    needs: ["refusals"],
    async run({ open }) {
      const { client } = await open({ refusal: { status: 429, headers: { "retry-after": "2" } } });
      assert.equal((await rejectionOf(client.sendMessageStream(QUESTION, ONCE))).retryAfterMs, 2_000);
    },
  },
  {
    name: "law 1: a refused request is sent once when retries are off",
    needs: ["refusals", "requests"],
    async run({ open }) {
      const { client, requests } = await open({ refusal: { status: 503 } }, { text: "not asked for" });
      await rejectionOf(client.sendMessageStream(QUESTION, ONCE));
      assert.equal(await requests(), 1);
    },
  },
  {
    name: "law 1: one call sends as many requests as its metrics say",
    needs: ["requests"],
    async run({ open }) {
      const { client, requests } = await open({ text: "Once" }, { text: "Once" });
      const { metrics } = await (await client.sendMessageStream(QUESTION)).finalMessage();
      assert.equal(await requests(), 1);
      assert.equal(metrics.attempts.length, 1);
      assert.equal((await client.sendMessage(QUESTION)).metrics.attempts.length, 1);
      assert.equal(await requests(), 2);
    },
  },
  {
    name: "law 1: a reply names the client that wrote it",
    async run({ open }) {
      const { client } = await open({ text: "Me" });
      const { chunks } = await readAll(await client.sendMessageStream(QUESTION));
      const message = finalOf(chunks);
      assert.notEqual(client.provider, "");
      assert.notEqual(client.model, "");
      assert.equal(message.role, "assistant");
      assert.notEqual(message.provider, "");
      assert.notEqual(message.model, "");
    },
  },
];
