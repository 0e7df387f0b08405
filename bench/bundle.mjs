/** How much of a page's weight a contender is. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** The contender's file and all it imports in one minified file for browsers: its size in kB, gzipped, or `{ error }`. */
export async function bundleSize(contender) {
  const { build } = await import("esbuild");
  try {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL(`contenders/${contender}.mjs`, import.meta.url))],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      tsconfigRaw: {}, // the project's own would lead to src/
      write: false,
      logLevel: "silent",
    });
    return { bundleKb: gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000 };
  } catch (error) {
    return { error: error.errors?.[0]?.text ?? error.message };
  }
}
