/** A relay on Cloudflare's workers, where a controller belongs to the request that has made it. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("./bound-to-requests.mjs", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/server/index.js", import.meta.url));

test.skipIf(!existsSync(BUILT))(
  "a relay and a gateway that a worker makes before its first request answer each one",
  { timeout: 60_000 },
  async () => {
    const run = promisify(execFile)(process.execPath, ["--conditions=workerd", PROGRAM]);
    const said = (await run).stdout.trim().split("\n");
    expect(said.slice(0, 4)).toEqual(Array(4).fill("Hello."));
    expect(said.slice(4), "a later request has a tick of its own").toEqual(["Ended.", "Ended."]);
  },
);
