/** What the network, the provider and the caller may do to one reply: every fault, in every wire format, on both transports. */

import { describe, test } from "vitest";
import { SECTIONS } from "./cases/index.ts";
import { Scene, TRANSPORTS } from "./scene.ts";
import { SPEAKERS } from "./speakers/index.ts";

for (const { number, title, faults } of SECTIONS) {
  describe.concurrent(`${number}. ${title}`, () => {
    for (const fault of faults) {
      for (const speaker of SPEAKERS) {
        const why = fault.later ?? fault.except?.[speaker.protocol];
        for (const transport of TRANSPORTS) {
          const name = `${fault.id} ${fault.title} (${speaker.protocol}, ${transport})`;
          const { run } = fault;
          if (why !== undefined || !run) {
            test.skip(`${name}: ${why}`, () => undefined);
            continue;
          }
          test.concurrent(name, async () => {
            const scene = new Scene(speaker, transport);
            await run(scene);
            await scene.close();
          });
        }
      }
    }
  });
}
