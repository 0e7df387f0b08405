/**
 * The right to use the server. Without a token, programs and pages of this machine have it; with one, all that know it.
 * A browser sends it once, from a form, and has a cookie from then on.
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { hostNameOf, isOnlyLocal } from "./hosts.ts";

/** The answer to a request: it may pass, or the reason why not. */
export type Verdict =
  | { readonly type: "admitted" }
  | { readonly type: "refused"; readonly status: 401 | 403; readonly reason: string };

const ADMITTED: Verdict = { type: "admitted" };

/** How long a browser stays signed in, in seconds. */
const COOKIE_S = 30 * 86_400;

/** Decides about requests from their heads. */
export class Access {
  readonly #token: string | undefined;

  /** @param token absent: requests to a name of this machine are admitted */
  constructor(token: string | undefined) {
    this.#token = token;
  }

  /**
   * Decides about the place that a request comes from. A name in a stranger's domain may lead to this machine (DNS
   * rebinding), and a page of any site may send a request here.
   * @param isPage whether the request asks for the page itself, to which others may link
   */
  origin({ headers, method }: Pick<Request, "headers" | "method">, isPage: boolean): Verdict {
    const host = headers.get("host") ?? "";
    if (this.#token === undefined && !isOnlyLocal(hostNameOf(host) ?? "")) {
      return refused(403, "Without a token, this server answers to localhost only. Start it with --token.");
    }
    const site = headers.get("sec-fetch-site");
    const isFollowed = isPage && method === "GET" && headers.get("sec-fetch-mode") === "navigate";
    if (site !== null) {
      if (site === "same-origin" || site === "none" || isFollowed) return ADMITTED;
      return refused(403, "Pages of other sites may not use this server.");
    }
    const origin = headers.get("origin");
    if (origin === null || (URL.canParse(origin) && new URL(origin).host === host)) return ADMITTED;
    return refused(403, "Pages of other sites may not use this server.");
  }

  /**
   * Decides whether a request knows the token: in `Authorization: Bearer`, in `x-api-key` or `api-key`, as clients of
   * providers send it, or in the cookie.
   * @param cookie the value of the cookie of that name
   */
  user({ headers }: Pick<Request, "headers">, cookie: string | undefined): Verdict {
    if (this.#token === undefined || (cookie !== undefined && isSame(cookie, this.cookieValue))) return ADMITTED;
    const [, bearer] = /^bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "") ?? [];
    for (const given of [bearer, headers.get("x-api-key"), headers.get("api-key")]) {
      if (given && this.knows(given)) return ADMITTED;
    }
    return refused(401, "This server needs its token: authorization: Bearer TOKEN.");
  }

  /** Returns whether a text is the token. */
  knows(given: string): boolean {
    return this.#token !== undefined && isSame(given, this.#token);
  }

  /** The value of the cookie: it proves the token, and does not reveal it. */
  get cookieValue(): string {
    return createHmac("sha256", this.#token ?? "")
      .update("cloudllm serve: a browser")
      .digest("base64url");
  }
}

/** Returns the name of the cookie. It has the port, since all ports of a machine share their cookies. */
export function cookieName(port: number): string {
  return `cloudllm-${port}`;
}

/** Returns the attributes of the cookie: no script reads it, and no other site's page sends it. */
export function cookieOptions(isSecure: boolean): {
  readonly path: "/";
  readonly httpOnly: true;
  readonly sameSite: "Strict";
  readonly maxAge: number;
  readonly secure: boolean;
} {
  return { path: "/", httpOnly: true, sameSite: "Strict", maxAge: COOKIE_S, secure: isSecure };
}

function refused(status: 401 | 403, reason: string): Verdict {
  return { type: "refused", status, reason };
}

/** Returns whether two texts are the same, in a time that does not depend on where they differ. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
