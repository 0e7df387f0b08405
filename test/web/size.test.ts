/** How much of a page's weight the client of a relay, its chats and the hook are. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bundledSize } from "../support/bundled-size.ts";

const BUILT = fileURLToPath(new URL("../../dist/web/index.js", import.meta.url));
const HOOK = fileURLToPath(new URL("../../dist/react/index.js", import.meta.url));

/** Measured: 9.75 kB, 0.4 of them for the check of option names, 0.1 for pieces of a call that come again. */
const MAX_KB = 9.8;

/** Measured: 7.21 kB, 0.1 of them for the check of option names, 0.1 for servers that render chats of many users. */
const MAX_CHATS_KB = 7.22;

/** Returns the size of a page's program that uses one export, minified and gzipped, in kB. */
const bundledKb = async (program: string, file = BUILT): Promise<number> => (await bundledSize(program, file)).all;

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
