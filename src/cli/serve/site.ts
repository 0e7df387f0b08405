/** The web side of the server: one handler of requests, for the page, the endpoints and what a monitor reads. */

import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { ServerInfo } from "../../page/server-info.ts";
import { type Access, cookieName, cookieOptions, type Verdict } from "./access.ts";
import { costsAsked } from "./costs.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Metrics } from "./metrics.ts";
import { fileResponse, type PageFile } from "./page-files.ts";

/** The parts of a site. */
export interface SiteParts {
  readonly access: Access;
  readonly endpoints: readonly Endpoint[];
  readonly page: ReadonlyMap<string, PageFile>;
  readonly info: ServerInfo;
  readonly metrics: Metrics;
  /** Number of connections that watch a reply. */
  readonly viewers: () => number;
  /** Whether the server takes new replies. */
  readonly isReady: () => boolean;
  /** The port that it listens on, for the name of its cookie. */
  readonly port: () => number;
  /** Called with an error of this program. */
  readonly onDefect: (error: unknown) => void;
}

/**
 * The page takes everything from here, and nothing in it becomes markup or a script.
 * @see https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "media-src data: blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Of answers that are not a page. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

const SAFETY = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
} as const;

const MAX_LOGIN_BYTES = 4_096;
const MAX_COSTS_BYTES = 1_048_576;

/** Returns the handler of all requests. */
export function siteOf(parts: SiteParts): (request: Request) => Promise<Response> {
  const { access, endpoints, page, info, metrics } = parts;
  const app = new Hono();

  app.use(async (context, next) => {
    const { raw, path } = context.req;
    const verdict = access.origin(raw, page.has(path));
    if (verdict.type === "refused") context.res = refusal(verdict);
    else await next();
    const { headers } = context.res;
    for (const [name, value] of Object.entries(SAFETY)) headers.set(name, value);
    if (!headers.has("content-security-policy")) headers.set("content-security-policy", DATA_POLICY);
  });

  app.get("/healthz", (context) => {
    context.header("cache-control", "no-store");
    return parts.isReady() ? context.text("ok\n") : context.text("about to end\n", 503);
  });

  // The page itself has nothing to hide: it asks for the token, and every request behind it needs it.
  for (const [path, file] of page) {
    app.get(path, ({ req }) => {
      const response = fileResponse(file, req.raw.headers);
      response.headers.set("content-security-policy", PAGE_POLICY);
      return response;
    });
  }

  app.post("/login", async (context) => {
    const token = await tokenIn(context.req.raw);
    if (token === undefined || !access.knows(token)) {
      return context.json(failure("That is not the token of this server."), 401);
    }
    const isSecure = context.req.header("x-forwarded-proto") === "https";
    setCookie(context, cookieName(parts.port()), access.cookieValue, cookieOptions(isSecure));
    return context.body(null, 204);
  });

  app.use(async (context, next) => {
    const verdict = access.user(context.req.raw, getCookie(context, cookieName(parts.port())));
    if (verdict.type === "refused") return refusal(verdict);
    return next();
  });

  app.get("/info", (context) => context.json(info, 200, { "cache-control": "no-store" }));
  app.post("/costs", async (context) => {
    const asked = await jsonIn(context.req.raw, MAX_COSTS_BYTES);
    return context.json(await costsAsked(asked), 200, { "cache-control": "no-store" });
  });
  app.get("/metrics", (context) =>
    context.text(metrics.text(parts.viewers()), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      "cache-control": "no-store",
    }),
  );
  for (const { path, otherPaths = [], handle } of endpoints) {
    const answer = ({ req }: Context) => handle(req.raw);
    for (const each of [path, ...otherPaths]) {
      app.all(each, answer);
      app.all(`${each}/*`, answer);
    }
  }
  app.notFound((context) => context.json(failure("Nothing is here."), 404));
  app.onError((error, context) => {
    parts.onDefect(error);
    return context.json(failure("The server failed."), 500);
  });
  return async (request) => app.fetch(request);
}

function refusal(verdict: Extract<Verdict, { readonly type: "refused" }>): Response {
  const { status, reason } = verdict;
  const headers = {
    "cache-control": "no-store",
    "x-should-retry": "false", // Claude Code asks again for minutes otherwise
    ...(status === 401 && { "www-authenticate": "Bearer" }),
  };
  return Response.json(failure(reason), { status, headers });
}

/** The form of errors that clients of every dialect show. */
function failure(message: string): { readonly error: { readonly message: string } } {
  return { error: { message } };
}

/** The token of the form. */
async function tokenIn(request: Request): Promise<string | undefined> {
  const body = await jsonIn(request, MAX_LOGIN_BYTES);
  const token = typeof body === "object" && body !== null && "token" in body ? body.token : undefined;
  return typeof token === "string" ? token : undefined;
}

/**
 * Resolves with a body of JSON; with `undefined` for any other, and for one that is too large. A form of another site
 * cannot send JSON.
 */
async function jsonIn(request: Request, maxBytes: number): Promise<unknown> {
  if (!request.headers.get("content-type")?.startsWith("application/json")) return undefined;
  if (!(Number(request.headers.get("content-length") ?? Number.NaN) <= maxBytes)) return undefined;
  return request.json().catch(() => undefined);
}
