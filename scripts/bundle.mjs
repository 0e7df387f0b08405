/**
 * The JavaScript of `dist/`: a file for each entry that package.json names, and what several of them need in files between
 * them. One file a source would cost every program a millisecond for each 25 of them before its first request.
 */
import { join } from "node:path";
import { rolldown } from "rolldown";

/** Bundles the entries of `manifest` (a parsed package.json) from `root`/src into `folder`. */
export async function bundle(root, folder, manifest) {
  const entries = entriesOf(manifest).map((file) => [
    file.slice("./dist/".length, -".js".length),
    join(root, file.replace("./dist/", "src/").replace(/\.js$/, ".ts")),
  ]);
  const build = await rolldown({
    input: Object.fromEntries(entries),
    // What the package says of itself is looked up where it runs.
    external: [/^node:/, ...Object.keys(manifest.imports ?? {})],
    platform: "neutral",
    tsconfig: false,
  });
  await build.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "shared/[name].js",
    minify: "dce-only",
    comments: { legal: false, jsdoc: false, annotation: true },
  });
  await build.close();
}

/** Every built file that package.json leads to, each once. */
function entriesOf(value) {
  if (typeof value === "string") return /^\.\/dist\/.*\.js$/.test(value) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return [...new Set(Object.values(value).flatMap(entriesOf))];
}
