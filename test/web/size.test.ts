/** How much of a page's weight the client of a relay, its chats and the hook are. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";

const BUILT = fileURLToPath(new URL("../../dist/web/index.js", import.meta.url));
const HOOK = fileURLToPath(new URL("../../dist/react/index.js", import.meta.url));

/** Measured: 9.68 kB. */
const MAX_KB = 9.72;

/** Measured: 8.48 kB. */
const MAX_CHATS_KB = 8.53;

/** Returns the size of a page's program that uses one export, minified and gzipped, in kB. */
async function bundledKb(program: string, file = BUILT): Promise<number> {
  const build = await rolldown({
    input: "program",
    platform: "browser",
    external: ["react"],
    checks: { moduleLevelDirective: false },
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === "program" ? id : undefined),
        load: (id) =>
          id === "program" ? `${program} from ${JSON.stringify(file)}; globalThis.kept = kept;` : undefined,
      },
    ],
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  const code = output.map((file) => ("code" in file ? file.code : "")).join("");
  return gzipSync(code, { level: 9 }).length / 1000;
}

test.skipIf(!existsSync(BUILT))("a page with `relayClient` carries no more than it needs", async () => {
  expect(await bundledKb("import { relayClient as kept }")).toBeLessThan(MAX_KB);
  expect(await bundledKb("import { SendError as kept }")).toBeLessThan(1);
});

test.skipIf(!existsSync(BUILT))("a page with `createChats` and `useChat` carries no more than it needs", async () => {
  expect(await bundledKb("import { createChats as kept }")).toBeLessThan(MAX_CHATS_KB);
  expect(await bundledKb("import { useChat as kept }", HOOK)).toBeLessThan(1.5);
});

test.skipIf(!existsSync(HOOK))("the hook is for clients by its first line, and needs nothing but React", () => {
  const code = readFileSync(HOOK, "utf8");
  expect(code.split("\n")[0]).toBe('"use client";');
  expect([...code.matchAll(/from "([^"]+)"/g)].map(([, name]) => name)).toEqual(["react"]);
});
