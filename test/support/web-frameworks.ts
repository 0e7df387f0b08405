/** Express, its compression and Hono, as their users install them. They are loaded when they are used: they may be missing. */

import { existsSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import type { NodeHandler } from "../../src/server/http/node-adapter.ts";

const interop = new URL("../interop/", import.meta.url);
const require = createRequire(new URL("package.json", interop));

/** Why they are missing; `undefined` when they are there. */
export const frameworksMissing: string | undefined = existsSync(new URL("node_modules/express/", interop))
  ? undefined
  : "Express is not installed: npm ci --prefix test/interop";

type Middleware = (request: never, response: never, next: never) => void;

/** As much of Express as the tests use. */
interface ExpressApp extends RequestListener {
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

/** As much of Hono as the tests use. */
interface HonoApp {
  use(handler: unknown): this;
  all(path: string, handler: (context: { readonly req: { readonly raw: Request } }) => Promise<Response>): this;
  readonly fetch: (request: Request) => Promise<Response>;
}

interface HonoModules {
  readonly Hono: new () => HonoApp;
  readonly compress: () => unknown;
  readonly getRequestListener: (fetch: HonoApp["fetch"]) => RequestListener;
}

/** Resolves with Hono, its compression and its server for Node. */
export async function hono(): Promise<HonoModules> {
  const names = ["hono", "hono/compress", "@hono/node-server"];
  const parts = await Promise.all(names.map((name) => import(require.resolve(name)) as Promise<Partial<HonoModules>>));
  return Object.assign({}, ...parts) as HonoModules;
}
