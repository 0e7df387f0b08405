/** The commands of the built package can be started as files, as npx starts those of a clone. */

import { execFileSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

beforeAll(
  () => void execFileSync(process.execPath, [join(root, "scripts", "setup.mjs")], { stdio: "ignore" }),
  120_000,
);

test("a rebuild in a clone leaves every command executable", () => {
  const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { bin: Record<string, string> };
  for (const path of Object.values(bin)) {
    expect(() => accessSync(join(root, path), constants.X_OK), path).not.toThrow();
  }
});
