/** A viewer's connection breaks at each byte of a reply: it comes back to exactly what it misses. */

import { describe, expect, test } from "vitest";
import { decodeEvent } from "../../src/dialects/native/reader.ts";
import type { WireEvent } from "../../src/dialects/native/wire.ts";
import { createRelay, memoryLog, type Relay, type ReplyLog } from "../../src/server/index.ts";
import { type ReplyScript, type ScriptStep, scriptedClient } from "../../src/testing/index.ts";
import { gapsIn, get, post, read, runId, textOf } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];

const SCRIPTS: Readonly<Record<string, ReplyScript>> = {
  text: { text: ["Grüße ", "an ", "🐦 ", "und ", "\n\n", "data: x", " Ende."] },
  thinking: {
    steps: [{ reasoning: "Hm. " }, { text: "So " }, { reasoning: "Aha." }, { text: ["it ", "is."] }],
  },
  calls: {
    steps: [{ text: "Wait. " }, { toolCall: { name: "look", fragments: ['{"at":', '"the ', 'sea"}'] } }],
  },
  cut: { text: ["Half ", "a ", "word"], ending: "cut" },
};

/** Returns the events in the first bytes of a body, without one that is not complete. */
function eventsIn(bytes: Uint8Array): readonly WireEvent[] {
  const blocks = new TextDecoder().decode(bytes).split("\n\n").slice(0, -1);
  return blocks.flatMap((block) => {
    const lines = block.split("\n");
    const field = (name: string) => lines.find((line) => line.startsWith(name))?.slice(name.length);
    const data = field("data: ");
    const event = data === undefined ? undefined : decodeEvent(data, field("id: "));
    return event ? [event] : [];
  });
}

async function expectWhole(relay: Relay, run: string, body: Uint8Array, whole: string): Promise<void> {
  const rests = new Map<string, readonly WireEvent[]>();
  for (let cut = 0; cut < body.length; cut++) {
    const seen = eventsIn(body.subarray(0, cut));
    const last = seen.findLast((event) => "id" in event && event.id !== undefined);
    const after = last && "id" in last ? String(last.id) : "";
    const rest =
      rests.get(after) ?? (await read(await relay.handle(get(`${run}/stream${after && `?after=${after}`}`))));
    rests.set(after, rest);
    expect(textOf([...seen, ...rest])).toBe(whole);
    expect(gapsIn(rest, after === "" ? undefined : after)).toEqual([]);
    expect(rest.at(-1)?.type).toMatch(/^(complete|failed)$/);
  }
  expect(rests.size).toBeGreaterThan(2);
}

describe.each(Object.entries(SCRIPTS))("a reply (%s) that is cut at each byte", (_name, script) => {
  const relayOn = (log: ReplyLog): Relay =>
    createRelay({
      client: scriptedClient(() => paced(script)),
      authorize: "public",
      log,
      tools: [{ name: "look" }],
      expose: { reasoning: true },
      onError: () => undefined,
    });

  test("goes on in the same process, and in another one", async () => {
    const log = memoryLog();
    const relay = relayOn(log);
    const run = runId();
    const body = new Uint8Array(await (await relay.handle(post({ run, messages }))).arrayBuffer());
    const whole = textOf(eventsIn(body));
    await expectWhole(relay, run, body, whole);
    await expectWhole(relayOn(log), run, body, whole);
  });
});

/** Each step as a read of its own. */
function paced(script: ReplyScript): ReplyScript {
  if ("refusal" in script) return script;
  const steps: readonly ScriptStep[] = "text" in script ? [{ text: script.text }] : [...script.steps];
  const single = steps.flatMap((step): ScriptStep[] =>
    "text" in step && typeof step.text !== "string" ? [...step.text].map((text) => ({ text })) : [step],
  );
  return {
    ...("ending" in script && { ending: script.ending }),
    steps: single.flatMap((step) => [step, { pause: 1 }]),
  } as ReplyScript;
}
