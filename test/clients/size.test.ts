/** How much of a page's weight one client is: in one file, and of that before its first call. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundledSize } from "../support/bundled-size.ts";

const BUILT = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/**
 * In kB: all in one file, and the files before the first call where the bundler splits. Measured: 76.7 and 59.7, 70.1
 * and 60.0, 75.3 and 57.9, 74.9 and 57.5.
 */
const LIMITS = [
  ["OpenAIClient", 77, 60],
  ["CompatibleClient", 70.4, 60.3],
  ["ClaudeClient", 75.6, 58.2],
  ["GeminiClient", 75.2, 57.8],
] as const;

describe.skipIf(!existsSync(BUILT))("a page with one client has a limit:", () => {
  test.each(LIMITS)("%s", async (name, oneFile, firstLoad) => {
    const program = `import { ${name} as kept }`;
    expect((await bundledSize(program, BUILT, false)).all).toBeLessThan(oneFile);
    expect((await bundledSize(program, BUILT)).first).toBeLessThan(firstLoad);
  });
});
