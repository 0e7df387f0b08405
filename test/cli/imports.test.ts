import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const CLI = new URL("../../src/cli/", import.meta.url);

/** What it cannot do through the public face, nobody can. Types included, but for those of what the page reads. */
test.each(readdirSync(CLI, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts")))(
  "src/cli/%s imports the library by its public entries only",
  (file) => {
    const specifiers = [...readFileSync(new URL(file, CLI), "utf8").matchAll(/(?:from|import\() ?"([^"]+)"/g)].map(
      ([, name]) => name,
    );
    for (const specifier of specifiers)
      expect(specifier).toMatch(
        /^(node:[a-z/]+|hono(\/cookie)?|\.\/([a-z]+\/)?[a-z-]+\.ts|\.\.\/[a-z]+\/[a-z-]+\.ts|(\.\.\/)+((credentials\/|embedded\/|models\/|server\/|store\/[a-z]+\/)?index)\.ts|\.\.\/[a-z-]+\.ts|\.\.\/\.\.\/page\/server-info\.ts)$/,
      );
  },
);
