/** The licenses of the packages whose code is a part of the built files. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGE = /^(.*[/\\]node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+))[/\\]/;

/** Returns the texts of the licenses of all packages that the files belong to, by the names of the packages. */
export function licensesOf(files) {
  const folders = new Map();
  for (const file of files) {
    const [, folder, name] = PACKAGE.exec(file) ?? [];
    if (name) folders.set(name.replace("\\", "/"), folder);
  }
  const texts = [...folders].sort().map(([name, folder]) => {
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} has no license file`);
    return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
