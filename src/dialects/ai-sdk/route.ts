/** The routes of `DefaultChatTransport`: those of the relay, for chats of any name. Pure. */

import type { RequestLine, Route } from "../dialect.ts";
import { badRequest } from "../refusal.ts";
import { routeOf } from "../route.ts";
import { chatIdOf } from "./chat-id.ts";

/**
 * Reads the route of a request. A chat may have any name; older versions write it into the path with its slashes, which
 * a relay understands that knows its own path.
 * @throws {Refusal} 400, 404 or 405
 */
export function aiSdkRouteOf(request: RequestLine, mount: string | undefined): Route {
  const { method, url } = request;
  const address = new URL(url);
  const { pathname } = address;
  if (method === "OPTIONS" || pathname.endsWith("/") || (mount && !pathname.startsWith(`${mount}/`))) {
    return routeOf(request, mount);
  }
  const segments = pathname
    .slice(mount?.length ?? 0)
    .split("/")
    .slice(1);
  const last = segments.at(-1);
  const action = (method === "GET" && last === "stream") || (method === "POST" && last === "stop") ? last : undefined;
  const names = action === undefined ? segments : segments.slice(0, -1);
  if (names.length === 0 || (method === "POST" && action === undefined)) return routeOf(request, mount);
  const name = mount === undefined ? names.slice(-1) : names;
  const chat = chatIdOf(decoded(name.join("/")));
  address.pathname = [mount ?? "/relay", chat, ...(action === undefined ? [] : [action])].join("/");
  return routeOf({ method, url: address.href }, mount);
}

/** @throws {Refusal} 400 for escapes that are malformed */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw badRequest("The path has a malformed escape.");
  }
}
