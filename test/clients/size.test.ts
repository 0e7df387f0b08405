/** How much of a page's weight one client is: in one file, and of that before its first call. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundledSize } from "../support/bundled-size.ts";

const BUILT = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/**
 * In kB: all in one file, and the files before the first call where the bundler splits. Measured: 81.4 and 57.8, 74.8
 * and 58.8, 80.2 and 56.3, 79.7 and 55.7.
 */
const LIMITS = [
  ["OpenAIClient", 81.47, 57.81],
  ["CompatibleClient", 74.82, 58.85],
  ["ClaudeClient", 80.3, 56.42],
  ["GeminiClient", 79.74, 55.72],
] as const;

describe.skipIf(!existsSync(BUILT))("a page with one client has a limit:", () => {
  test.each(LIMITS)("%s", async (name, oneFile, firstLoad) => {
    const program = `import { ${name} as kept }`;
    expect((await bundledSize(program, BUILT, false)).all).toBeLessThan(oneFile);
    expect((await bundledSize(program, BUILT)).first).toBeLessThan(firstLoad);
  });
});

test.skipIf(!existsSync(BUILT))("a page that names an error and makes no call carries no stream", async () => {
  expect((await bundledSize("import { SendError as kept }", BUILT)).first).toBeLessThan(4.4); // measured: 4.33
});
