/** Express, its compression and Hono, as their users install them. They are loaded when they are used: they may be missing. */

import { existsSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import type { NodeHandler } from "../../src/server/node-adapter.ts";

const interop = new URL("../interop/", import.meta.url);
const require = createRequire(new URL("package.json", interop));

/** Why they are missing; `undefined` when they are there. */
export const frameworksMissing: string | undefined = existsSync(new URL("node_modules/express/", interop))
  ? undefined
  : "Express is not installed: npm ci --prefix test/interop";

type Middleware = (request: never, response: never, next: never) => void;

/** As much of Express as the tests use. */
export interface ExpressApp extends RequestListener {
  use(handler: Middleware | NodeHandler): this;
  use(path: string, handler: Middleware | NodeHandler | ExpressApp): this;
}

interface Express {
  (): ExpressApp;
  json(): Middleware;
  urlencoded(options: { readonly extended: boolean }): Middleware;
  Router(): ExpressApp;
}

/** Returns Express of a major version. */
export function expressOf(version: 4 | 5): Express {
  return require(version === 4 ? "express4" : "express") as Express;
}

/** Returns the middleware that compresses responses. */
export function compression(): Middleware {
  return (require("compression") as () => Middleware)();
}
