/** What the network, the provider and the caller may do to one reply: every fault, in every wire format, on both transports. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { SECTIONS } from "./cases/index.ts";
import { closeLogs, logMissing } from "./logs.ts";
import { exclusionOf, Outcomes, variantsOf } from "./outcomes.ts";
import { Scene } from "./scene.ts";
import { SPEAKERS } from "./speakers/index.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));
const outcomes = new Outcomes();

afterAll(closeLogs);

for (const { number, title, faults } of SECTIONS) {
  // The limits of time are for what hangs: how long a case takes says how busy the machine is.
  // One section after the other: clocks are not to be watched while megabytes are pushed.
  describe(`${number}. ${title}`, () => {
    for (const fault of faults) {
      for (const speaker of SPEAKERS) {
        for (const variant of variantsOf(fault)) {
          const { transport, log } = variant;
          const place = [speaker.protocol, transport, ...(log ? [log] : [])].join(", ");
          const name = `${fault.id} ${fault.title} (${place})`;
          const why = exclusionOf(fault, speaker) ?? (log && logMissing[log]);
          const register = why !== undefined ? test.skip : fault.isAlone ? test : test.concurrent;
          register(why === undefined ? name : `${name}: ${why}`, { timeout: 300_000 }, async () => {
            const scene = new Scene(speaker, transport, log);
            const outcome = await fault.run?.(scene);
            await scene.close();
            outcomes.note(fault, speaker, variant, outcome ?? "");
          });
        }
      }
    }
  });
}

test("every fault that is not run has a reason, and every number is given once", () => {
  const all = SECTIONS.flatMap(({ faults }) => faults);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  for (const fault of all) {
    const runs = SPEAKERS.some((speaker) => exclusionOf(fault, speaker) === undefined);
    expect(runs || fault.later !== undefined, fault.id).toBe(true);
    for (const speaker of SPEAKERS) expect(exclusionOf(fault, speaker), fault.id).not.toBe("not run");
  }
});

// Like a snapshot: `npx vitest run test/faults -u` writes it anew. Other versions of Node have another `fetch`.
test.skipIf(!process.versions.node.startsWith("20."))(
  "docs/reliability.md says what this run saw",
  async ({ skip }) => {
    skip(!outcomes.areAll(SECTIONS), "not every fault was run, or not every one was survived");
    const document = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, "utf8") : "";
    await expect(outcomes.within(document, SECTIONS)).toMatchFileSnapshot(DOCUMENT);
  },
);
