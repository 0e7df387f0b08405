/** The program of a page that uses one export of a built file, as a bundler makes it. */

import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** The sizes of a program in kB, minified and gzipped. */
export interface BundledSize {
  /** All that the program may load. */
  readonly all: number;
  /** The files that it loads before it runs. */
  readonly first: number;
}

/**
 * Returns the size of a program that uses one export.
 * @param program its import without the file: `import { OpenAIClient as kept }`
 * @param split whether it may have several files; otherwise all is in one
 */
export async function bundledSize(program: string, file: string, split = true): Promise<BundledSize> {
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
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: split });
  await build.close();
  const chunks = output.filter((one) => one.type === "chunk");
  const first = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const name of first)
    for (const further of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) first.add(further);
  const kbOf = (code: string) => gzipSync(code, { level: 9 }).length / 1000;
  return {
    all: kbOf(chunks.map(({ code }) => code).join("")),
    first: kbOf(chunks.flatMap(({ fileName, code }) => (first.has(fileName) ? [code] : [])).join("")),
  };
}
