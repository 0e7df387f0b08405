/** How much of a page's weight one client is: in one file, and of that before its first call. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundledSize } from "../support/bundled-size.ts";

const BUILT = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/**
 * In kB: all in one file, and the files before the first call where the bundler splits. Measured: 78.6 and 58.9, 72.1
 * and 59.4, 77.3 and 57.2, 76.8 and 56.7.
 */
const LIMITS = [
  ["OpenAIClient", 78.8, 59.1],
  ["CompatibleClient", 72.2, 59.6],
  ["ClaudeClient", 77.4, 57.4],
  ["GeminiClient", 76.9, 56.8],
] as const;

describe.skipIf(!existsSync(BUILT))("a page with one client has a limit:", () => {
  test.each(LIMITS)("%s", async (name, oneFile, firstLoad) => {
    const program = `import { ${name} as kept }`;
    expect((await bundledSize(program, BUILT, false)).all).toBeLessThan(oneFile);
    expect((await bundledSize(program, BUILT)).first).toBeLessThan(firstLoad);
  });
});
