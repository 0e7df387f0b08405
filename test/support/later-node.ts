/** A Node of a later major version than this one, for packages that want it. Their programs run in its processes. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAJOR = 22;

/** Where `scripts/runtimes/install.mjs` puts it. */
const INSTALLED = ["bin/node", "bin/node.exe"].map((file) =>
  fileURLToPath(new URL(`../../.runtimes/node${MAJOR}/node_modules/node/${file}`, import.meta.url)),
);

/** The program of a Node of at least version 22; `undefined` when there is none. */
export const laterNode: string | undefined =
  Number.parseInt(process.versions.node, 10) >= MAJOR ? process.execPath : INSTALLED.find((file) => existsSync(file));

/** Why there is none; `undefined` when there is. */
export const laterNodeMissing: string | undefined = laterNode
  ? undefined
  : `Node ${MAJOR} is not installed: node scripts/runtimes/install.mjs node ${MAJOR}`;
