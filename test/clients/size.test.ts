/** How much of a page's weight one client is: in one file, and of that before its first call. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundledSize } from "../support/bundled-size.ts";

const BUILT = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/**
 * In kB: all in one file, and the files before the first call where the bundler splits. Measured: 79.6 and 60.1, 73.1
 * and 61.1, 78.5 and 58.8, 77.9 and 57.9.
 */
const LIMITS = [
  ["OpenAIClient", 80, 60.4],
  ["CompatibleClient", 73.4, 61.4],
  ["ClaudeClient", 78.9, 59.1],
  ["GeminiClient", 78.3, 58.3],
] as const;

describe.skipIf(!existsSync(BUILT))("a page with one client has a limit:", () => {
  test.each(LIMITS)("%s", async (name, oneFile, firstLoad) => {
    const program = `import { ${name} as kept }`;
    expect((await bundledSize(program, BUILT, false)).all).toBeLessThan(oneFile);
    expect((await bundledSize(program, BUILT)).first).toBeLessThan(firstLoad);
  });
});

test.skipIf(!existsSync(BUILT))("a page that names an error and makes no call carries no stream", async () => {
  expect((await bundledSize("import { SendError as kept }", BUILT)).first).toBeLessThan(4.1); // measured: 4.05
});
