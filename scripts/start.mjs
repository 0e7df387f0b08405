/**
 * `npm start`: sets up what is missing, then is the command line itself, in this same process, so that the terminal,
 * signals and the exit code are its own. `npm start` chats; `npm start --silent -- "a question" | cat` pipes cleanly.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, install, root } from "./setup.mjs";

install();
await build();

const main = join(root, "dist", "cli", "main.js");
const given = process.argv.slice(2);
process.argv = [process.argv[0], main, ...(given.length > 0 ? given : ["chat"])];
await import(pathToFileURL(main).href);
