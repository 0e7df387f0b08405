/** The tests of some sections of the table, and of what `docs/reliability.md` says of them. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Section } from "./fault.ts";
import { logMissing } from "./logs.ts";
import { exclusionOf, Outcomes, variantsOf } from "./outcomes.ts";
import { Scene } from "./scene.ts";
import { SPEAKERS } from "./speakers/index.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));

/** Declares them: each test file has its share of the sections, so that the files run beside each other. */
export function testsOf(sections: readonly Section[]): void {
  const outcomes = new Outcomes();
  for (const section of sections) trySection(section, outcomes);
  test("every fault that is not run has a reason, and every number is given once", () => {
    for (const section of sections) isInOrder(section);
  });
  // Like a snapshot: `npx vitest run test/faults -u` writes it anew. Other versions of Node have another `fetch`.
  test.skipIf(!process.versions.node.startsWith("20."))(
    "docs/reliability.md says what this run saw",
    async ({ skip }) => {
      skip(!outcomes.areAll(sections), "not every fault was run, or not every one was survived");
      const document = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, "utf8") : "";
      await expect(outcomes.within(document, sections)).toMatchFileSnapshot(DOCUMENT);
    },
  );
}

function trySection({ number, title, faults }: Section, outcomes: Outcomes): void {
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

/** A number is the section's, and one within it. */
function isInOrder({ number, faults }: Section): void {
  expect(new Set(faults.map(({ id }) => id)).size).toBe(faults.length);
  for (const fault of faults) {
    expect(fault.id.startsWith(`${number}.`), fault.id).toBe(true);
    const runs = SPEAKERS.some((speaker) => exclusionOf(fault, speaker) === undefined);
    expect(runs || fault.later !== undefined, fault.id).toBe(true);
    for (const speaker of SPEAKERS) expect(exclusionOf(fault, speaker), fault.id).not.toBe("not run");
  }
}
