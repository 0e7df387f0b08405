/**
 * `npm run example -- streaming_example`: sets up what is missing, compiles examples/ against the built package as a
 * user's program would be, and runs one. Without a name it lists them. (Node 22.18 and newer run examples/*.ts as they are.)
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, compileExamples, install, root } from "./setup.mjs";

const [name, ...args] = process.argv.slice(2);
const names = readdirSync(join(root, "examples")).flatMap((file) => (/_.*\.ts$/.test(file) ? [file.slice(0, -3)] : []));
if (name === undefined || !names.includes(name)) {
  process.stderr.write(`npm run example -- NAME, where NAME is one of: ${names.join(", ")}\n`);
  process.exitCode = 2;
} else {
  install();
  await build();
  compileExamples();
  const file = join(root, ".examples", `${name}.js`);
  process.argv = [process.argv[0], file, ...args];
  await import(pathToFileURL(file).href);
}
