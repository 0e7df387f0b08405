/** Builds the chat page of `cloudllm serve`: its scripts, its style sheet and the page, without anything from elsewhere. */
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** `theme.js` runs before the first paint; `main.js` is the page. */
const SCRIPTS = ["theme", "main"];

/** What is sent as it is. */
const STATIC = /\.(?:html|css|svg)$/;

/** Builds `root`/src/page into `folder`. Returns the files of the scripts, those of packages included. */
export async function bundlePage(root, folder) {
  const source = join(root, "src", "page");
  mkdirSync(folder, { recursive: true });
  const files = [];
  for (const name of SCRIPTS) {
    const build = await rolldown({
      input: join(source, `${name}.ts`),
      platform: "browser",
      tsconfig: false,
      optimization: { inlineConst: true },
    });
    const { output } = await build.write({
      file: join(folder, `${name}.js`),
      format: name === "main" ? "esm" : "iife",
      minify: true,
      codeSplitting: false,
      comments: { legal: false },
    });
    await build.close();
    files.push(...output.flatMap(({ moduleIds = [] }) => moduleIds));
  }
  for (const name of readdirSync(source)) if (STATIC.test(name)) copyFileSync(join(source, name), join(folder, name));
  return files;
}
