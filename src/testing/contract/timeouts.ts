/** The caller can limit every wait. These cases use real clocks, since they test them. */

import assert from "node:assert/strict";
import type { TimeoutPhase } from "../../contract/error-kind.ts";
import type { Timeouts } from "../../contract/timeouts.ts";
import { Gate } from "../pause.ts";
import type { ReplyScript } from "../script.ts";
import { type CaseDefinition, QUESTION, rejectionOf, soon, within } from "./case.ts";

const HEADERS_MS = 100;

/**
 * Makes a check with short limits, and again with ten times the limits when it fails: the request or the expected data
 * must arrive within them, which a busy machine may not achieve.
 */
async function withinLimits(check: (times: number) => Promise<void>): Promise<void> {
  try {
    await check(1);
  } catch {
    await check(10);
  }
}

const IN_THE_REPLY: readonly {
  readonly phase: TimeoutPhase;
  readonly limitMs: number;
  readonly script: ReplyScript;
  readonly text: string;
}[] = [
  { phase: "idle", limitMs: 150, script: { text: "One ", ending: "hang" }, text: "One " },
  { phase: "firstChunk", limitMs: 100, script: { text: [], ending: "hang" }, text: "" },
  { phase: "total", limitMs: 300, script: { text: "One ", ending: "hang" }, text: "One " },
];

export const timeoutCases: readonly CaseDefinition[] = [
  ...IN_THE_REPLY.map(
    ({ phase, limitMs, script, text }): CaseDefinition => ({
      name: `timeouts: a reply that falls silent ends at the limit \`${phase}\`, with what had come`,
      needs: ["timeouts", "closing"],
      run: ({ open }) =>
        withinLimits(async (times) => {
          const { client, closed } = await open(script);
          const limit = limitMs * times;
          const timeouts: Timeouts = { [phase]: limit };
          const reading = client
            .sendMessageStream(QUESTION, { retries: 0, timeouts })
            .then((stream) => stream.finalMessage());
          const failure = await within(limit + 1_500, rejectionOf(reading), "the reply must end");
          assert.equal(failure.kind, "timeout");
          assert.equal(failure.phase, phase);
          assert.ok((failure.waitedMs ?? 0) >= limit, "the error must report the wait (`waitedMs`)");
          assert.equal(failure.retryable, true);
          assert.equal(failure.partial?.content ?? "", text);
          await soon(closed(0), "the connection must be closed");
        }),
    }),
  ),
  ...(["sendMessageStream", "sendMessage"] as const).map(
    (method): CaseDefinition => ({
      name: `timeouts: a provider that does not answer ${method} ends at the limit \`headers\``,
      needs: ["timeouts", "closing"],
      run: ({ open }) =>
        withinLimits(async (times) => {
          const { client, closed } = await open({ text: "never", opensAfter: new Gate() });
          const headers = HEADERS_MS * times;
          const call = client[method](QUESTION, { retries: 0, timeouts: { headers } });
          const failure = await within(headers + 1_500, rejectionOf(call), "the call must end");
          assert.equal(failure.kind, "timeout");
          assert.equal(failure.phase, "headers");
          await soon(closed(0), "the connection must be closed");
        }),
    }),
  ),
  {
    name: "timeouts: a slow reply that stays within its limits is complete",
    needs: ["timeouts"],
    run: ({ open }) =>
      withinLimits(async (times) => {
        const words = ["a", "b", "c", "d", "e", "f", "g", "h"];
        const { client } = await open({ steps: words.flatMap((text) => [{ text }, { pause: 60 * times }]) });
        // Together the pauses are longer than each limit, which applies to one silence.
        const limit = 400 * times;
        const timeouts = { idle: limit, stall: limit, firstChunk: limit };
        const stream = await client.sendMessageStream(QUESTION, { retries: 0, timeouts });
        assert.equal((await stream.finalMessage()).content, "abcdefgh");
      }),
  },
];
