/** The programs with JSX that documents show, and the example, compile: against the sources, in strict mode. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, ".examples", "react");

function blocksOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), "utf8").replace(/^ \* ?/gm, "");
  return [...text.matchAll(/^```tsx\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
}

test("every program with JSX compiles", () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const blocks = ["docs/front-ends.md", "src/react/use-chat.ts"].flatMap(blocksOf);
  expect(blocks.length).toBeGreaterThanOrEqual(2);
  for (const [index, code] of blocks.entries()) writeFileSync(join(folder, `block-${index}.tsx`), code);
  copyFileSync(join(root, "examples", "vite-react", "src", "app.tsx"), join(folder, "app.tsx"));
  const compilerOptions = { jsx: "react-jsx", rootDir: "../..", isolatedDeclarations: false, declaration: false };
  const config = { extends: "../../tsconfig.json", compilerOptions, include: ["*.tsx"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  let faults = "";
  try {
    execFileSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  } catch (error) {
    faults = (error as { readonly stdout: string }).stdout;
  }
  expect(faults).toBe("");
}, 60_000);
