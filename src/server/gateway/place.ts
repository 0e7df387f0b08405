/** The place in the gateway that a request is for. Decides from its method, address and headers. */

import type { GatewayDialect, GatewayRoute } from "../../dialects/gateway/dialect.ts";
import { Refusal } from "../../dialects/refusal.ts";
import type { Asked } from "../http/handler.ts";
import { gatewayRouteOf } from "./dialects.ts";
import { pathOf } from "./path.ts";

/** A route of an API, the list of models or one of them, a preflight, or no place at all. */
export type Place =
  | { readonly name: "preflight" | "unknown" }
  | { readonly name: "models"; readonly model: string | undefined }
  | { readonly name: "api"; readonly dialect: GatewayDialect; readonly route: GatewayRoute };

/**
 * Returns the place of a request.
 * @param mount the path of the gateway, without a slash at its end; absent for any
 */
export function placeOf({ method: asked, headers, url }: Asked, mount: string | undefined): Place {
  const method = asked === "HEAD" ? "GET" : asked;
  if (method === "OPTIONS") return { name: "preflight" };
  const path = pathOf(url, mount);
  if (path === undefined) return { name: "unknown" };
  const [first, ...rest] = path.split("/");
  if (method === "GET" && first === "models") {
    return { name: "models", model: rest.length > 0 ? rest.join("/") : undefined };
  }
  const found = gatewayRouteOf({ method, path, query: new URL(url).searchParams, headers });
  return found ? { name: "api", ...found } : { name: "unknown" };
}

/** The refusal has OpenAI's code. Programs show its sentence, which names what they have asked for. */
export function unknownRoute({ method, url }: Asked): Refusal {
  const message = `Unknown route \`${method} ${new URL(url).pathname.slice(0, 200)}\`.`;
  return new Refusal(404, "notFound", message, { code: "unknown_url" });
}
