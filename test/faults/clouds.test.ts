/** The clients of clouds in the table of faults: every fault of their wire format, and those that only clouds have. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cloudFaults } from "./cases/clouds.ts";
import { SECTIONS } from "./cases/index.ts";
import type { Fault } from "./fault.ts";
import { documented, exclusionOf, withTable } from "./outcomes.ts";
import { Scene, TRANSPORTS } from "./scene.ts";
import { CLOUD_NAMES, CLOUDS, type Cloud, type CloudName } from "./speakers/clouds.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));
const BEGIN = "<!-- The table of clouds: written by `npx vitest run test/faults/clouds.test.ts -u`, not by hand. -->";
const END = "<!-- End of the table of clouds. -->";
const document = readFileSync(DOCUMENT, "utf8");

/** Faults that look the same from every client of a wire format, or belong to what stands around a client. */
function isTried(fault: Fault): boolean {
  return fault.run !== undefined && fault.logs === undefined && !fault.isAlone && !fault.isOfFormat;
}

/** Framing and limits on time are the same below every client of a format. */
const shared = SECTIONS.filter(({ title }) => title !== "Bytes and framing" && title !== "Time").flatMap(({ faults }) =>
  faults.filter(isTried),
);

describe("a cloud survives what its wire format survives", () => {
  for (const fault of shared) {
    for (const cloud of CLOUDS) {
      if (exclusionOf(fault, cloud) !== undefined) continue;
      test.concurrent(`${fault.id} ${fault.title} (${cloud.cloud}, ${cloud.protocol})`, {
        timeout: 300_000,
      }, async () => {
        const scene = new Scene(cloud, "node:http");
        const outcome = await fault.run?.(scene);
        await scene.close();
        expect(outcome).toBe(documented(document, fault.id, cloud.protocol));
      });
    }
  }
});

/** Outcomes by fault and cloud; by protocol within. */
const seen = new Map<string, Map<Cloud, Set<string>>>();

function note(id: string, cloud: Cloud, outcome: string): void {
  const key = `${id} ${cloud.cloud}`;
  const ofCloud = seen.get(key) ?? new Map<Cloud, Set<string>>();
  seen.set(key, ofCloud.set(cloud, (ofCloud.get(cloud) ?? new Set<string>()).add(outcome)));
}

describe("10. Clouds", () => {
  for (const fault of cloudFaults) {
    for (const cloud of CLOUDS) {
      const why = fault.except?.(cloud);
      for (const transport of TRANSPORTS) {
        const name = `${fault.id} ${fault.title} (${cloud.cloud}, ${cloud.protocol}, ${transport})`;
        if (why !== undefined) {
          note(fault.id, cloud, `*${why}*`);
          continue;
        }
        test.concurrent(name, { timeout: 300_000 }, async () => {
          const scene = new Scene(cloud, transport);
          const outcome = await fault.run(scene, cloud);
          await scene.close();
          note(fault.id, cloud, outcome);
        });
      }
    }
  }
});

function cellOf(id: string, name: CloudName): string {
  const ofCloud = seen.get(`${id} ${name}`);
  // Sorted, because the calls end in any order.
  const all = CLOUDS.flatMap((cloud) =>
    [...(ofCloud?.get(cloud) ?? [])].toSorted().map((outcome) => ({ protocol: cloud.protocol, outcome })),
  );
  const [only, ...others] = new Set(all.map(({ outcome }) => outcome));
  if (only !== undefined && others.length === 0) return only;
  return [only, ...others]
    .map((each) => {
      const protocols = all.filter(({ outcome }) => outcome === each).map(({ protocol }) => protocol);
      return `${[...new Set(protocols)].join(", ")}: ${each}`;
    })
    .join("; ");
}

test.skipIf(!process.versions.node.startsWith("20."))(
  "docs/reliability.md says what the clouds did",
  async ({ skip }) => {
    const due = cloudFaults.length * CLOUDS.length;
    skip([...seen.values()].reduce((sum, { size }) => sum + size, 0) < due, "not every fault was run or survived");
    const counted = `${shared.length} faults of sections 2, 3 and 5 to 8 are also tried with the clients of clouds over \`node:http\`,`;
    const head = [`| ${["10. Clouds", ...CLOUD_NAMES].join(" | ")} |`, `|${"---|".repeat(CLOUD_NAMES.length + 1)}`];
    const rows = cloudFaults.map(({ id, title }) => {
      const cells = CLOUD_NAMES.map((name) => cellOf(id, name));
      return `| ${[`**${id}** ${title}`, ...cells].join(" | ")} |`;
    });
    const text = [
      "### 10. Clouds",
      "",
      counted,
      "in each of their protocols, with keys, tokens and signatures. The outcomes are those of the protocol. These belong",
      "to clouds alone:",
      "",
      ...head,
      ...rows,
    ].join("\n");
    await expect(withTable(readFileSync(DOCUMENT, "utf8"), BEGIN, text, END)).toMatchFileSnapshot(DOCUMENT);
  },
);
