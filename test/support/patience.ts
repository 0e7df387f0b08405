/** `vi.waitFor` waits as long as `expect.poll`: an event comes late on a busy machine, and only a test that fails waits. */

import { vi } from "vitest";

const LIMIT_MS = 10_000;
const { waitFor } = vi;

const patient: typeof waitFor = (callback, options) =>
  waitFor(callback, typeof options === "number" ? options : { timeout: LIMIT_MS, ...options });

// A process that several files share has it once.
if (!Object.hasOwn(waitFor, "limitMs")) vi.waitFor = Object.assign(patient, { limitMs: LIMIT_MS });
