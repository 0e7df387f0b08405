/** Law 6: holds nothing back, holds nothing up. */

import assert from "node:assert/strict";
import { setTimeout as elapse } from "node:timers/promises";
import { Gate } from "../pause.ts";
import { type CaseDefinition, QUESTION, readAll, shownText, turns } from "./case.ts";

/** A reply of 96 MB. */
const PIECE = "x".repeat(64 * 1024);
const PIECES = 1_536;

export const flowingCases: readonly CaseDefinition[] = [
  {
    name: "law 6: a word can be read before the next one is written",
    async run({ open }) {
      const gates = [new Gate(), new Gate(), new Gate()];
      const { client } = await open({
        steps: gates.flatMap((gate, index) => [{ text: `${index}` }, { pause: gate }]),
      });
      let text = "";
      for await (const chunk of await client.sendMessageStream(QUESTION)) {
        text += chunk.content;
        if (chunk.type === "text") gates[Number(chunk.content)]?.open(); // only now is the next one written
      }
      assert.equal(text, "012");
    },
  },
  {
    name: "law 6: a reader that does not read stops the sender",
    needs: ["sent"],
    async run({ open, readAhead }) {
      const { client, sent } = await open({ text: new Array<string>(PIECES).fill(PIECE) });
      const stream = await client.sendMessageStream(QUESTION);
      let length = 0;
      for await (const chunk of stream) {
        length += chunk.content.length;
        if (length >= 4 * PIECE.length) break;
        const left = await untilStill(() => sent(0));
        const read = Math.ceil(length / PIECE.length);
        assert.ok(left <= read + readAhead, `${read} pieces were read, and ${left} have been sent`);
      }
    },
  },
  {
    name: "law 6: long replies of small pieces arrive complete",
    async run({ open }) {
      const words = Array.from({ length: 2_000 }, (_, index) => `${index} `);
      const { client } = await open({ text: words });
      const { chunks, error } = await readAll(await client.sendMessageStream(QUESTION));
      assert.equal(error, undefined);
      assert.equal(shownText(chunks), words.join(""));
    },
  },
  {
    name: "law 6: the idle clock does not run while the caller holds a chunk",
    async run({ open }) {
      const { client } = await open({ text: ["One ", "two ", "three"] });
      const stream = await client.sendMessageStream(QUESTION, { retries: 0, timeouts: { idle: 150, stall: 150 } });
      let text = "";
      for await (const chunk of stream) {
        if (text === "") await elapse(220); // a clock is what is tested here
        text += chunk.content;
      }
      assert.equal(text, "One two three");
    },
  },
];

/** Resolves with a count once it has stopped growing. Without backpressure, a sender stops only at its end. */
async function untilStill(count: () => number | Promise<number>): Promise<number> {
  let last = -1;
  for (let still = 0; still < 4; ) {
    await turns(25);
    const now = await count();
    still = now === last ? still + 1 : 0;
    last = now;
  }
  return last;
}
