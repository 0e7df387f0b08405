/** Refuses to run a file whose process has not its own clocks: the file before it left a fake, or a spy on one. */

import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { expect } from "vitest";

expect({
  clearInterval: globalThis.clearInterval,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  setTimeout: globalThis.setTimeout,
}).toEqual({ clearInterval, clearTimeout, setInterval, setTimeout });
