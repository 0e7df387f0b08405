/** Every wait has an end that the caller can set. Real clocks: they are what is tested. */

import assert from "node:assert/strict";
import type { Timeouts } from "../../client.ts";
import type { TimeoutPhase } from "../../errors.ts";
import { Gate } from "../pause.ts";
import type { ReplyScript } from "../script.ts";
import { type CaseDefinition, failureOf, partialOf, QUESTION, readAll, sendErrorOf, soon } from "./case.ts";

const LIMIT_MS = 80;

const IN_THE_REPLY: readonly { readonly phase: TimeoutPhase; readonly script: ReplyScript; readonly text: string }[] = [
  { phase: "idle", script: { text: "One ", ending: "hang" }, text: "One " },
  { phase: "firstChunk", script: { text: [], ending: "hang" }, text: "" },
  { phase: "total", script: { text: "One ", ending: "hang" }, text: "One " },
];

export const timeoutCases: readonly CaseDefinition[] = [
  ...IN_THE_REPLY.map(
    ({ phase, script, text }): CaseDefinition => ({
      name: `timeouts: a reply that falls silent ends at the limit \`${phase}\`, with what had come`,
      needs: ["timeouts", "closing"],
      async run({ open }) {
        const { client, closed } = await open(script);
        const timeouts: Timeouts = { [phase]: LIMIT_MS };
        const stream = await client.sendMessageStream(QUESTION, { retries: 0, timeouts });
        const { error } = await soon(readAll(stream), "the loop must end");
        const failure = sendErrorOf(error);
        assert.equal(failure.kind, "timeout");
        assert.equal(failure.phase, phase);
        assert.equal(failure.retryable, true);
        assert.equal(partialOf(failure).content, text);
        await soon(closed(0), "the connection must be closed");
      },
    }),
  ),
  ...(["sendMessageStream", "sendMessage"] as const).map(
    (method): CaseDefinition => ({
      name: `timeouts: a provider that does not answer ${method} ends at the limit \`headers\``,
      needs: ["timeouts", "closing"],
      async run({ open }) {
        const { client, closed } = await open({ text: "never", opensAfter: new Gate() });
        const timeouts = { headers: LIMIT_MS };
        const failure = await soon(failureOf(client[method](QUESTION, { retries: 0, timeouts })), "the call must end");
        assert.equal(failure.kind, "timeout");
        assert.equal(failure.phase, "headers");
        await soon(closed(0), "the connection must be closed");
      },
    }),
  ),
  {
    name: "timeouts: a slow reply that stays within its limits is whole",
    needs: ["timeouts"],
    async run({ open }) {
      const words = ["a", "b", "c", "d", "e"];
      const { client } = await open({ steps: words.flatMap((text) => [{ text }, { pause: 60 }]) });
      // Together the pauses are longer than each limit, which is on one silence.
      const timeouts = { idle: 250, stall: 250, firstChunk: 250 };
      const stream = await client.sendMessageStream(QUESTION, { retries: 0, timeouts });
      assert.equal((await stream.finalMessage()).content, "abcde");
    },
  },
];
