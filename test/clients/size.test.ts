/** How much of a page's weight one client is: in one file, and of that before its first call. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundledSize } from "../support/bundled-size.ts";

const BUILT = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/**
 * In kB: all in one file, and the files before the first call where the bundler splits. Measured: 77.0 and 59.8, 70.5
 * and 60.1, 75.7 and 58.0, 75.3 and 57.6.
 */
const LIMITS = [
  ["OpenAIClient", 77.3, 60.1],
  ["CompatibleClient", 70.8, 60.4],
  ["ClaudeClient", 76, 58.3],
  ["GeminiClient", 75.6, 57.9],
] as const;

describe.skipIf(!existsSync(BUILT))("a page with one client has a limit:", () => {
  test.each(LIMITS)("%s", async (name, oneFile, firstLoad) => {
    const program = `import { ${name} as kept }`;
    expect((await bundledSize(program, BUILT, false)).all).toBeLessThan(oneFile);
    expect((await bundledSize(program, BUILT)).first).toBeLessThan(firstLoad);
  });
});
