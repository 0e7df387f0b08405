/** Builds the chat page of `cloudllm serve`: one script, one style sheet and the page, without anything from elsewhere. */
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** What is sent as it is. */
const STATIC = /\.(?:html|css|svg|webmanifest)$/;

/** Builds `root`/src/page into `folder`. Returns the files of the script, those of packages included. */
export async function bundlePage(root, folder) {
  const source = join(root, "src", "page");
  mkdirSync(folder, { recursive: true });
  const build = await rolldown({
    input: join(source, "main.ts"),
    platform: "browser",
    tsconfig: false,
    optimization: { inlineConst: true },
  });
  const { output } = await build.write({
    file: join(folder, "main.js"),
    format: "esm",
    minify: true,
    codeSplitting: false,
    comments: { legal: false },
  });
  await build.close();
  for (const name of readdirSync(source)) if (STATIC.test(name)) copyFileSync(join(source, name), join(folder, name));
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}
