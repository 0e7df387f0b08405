/** Chats that other users may read. */

import type { RequestLine, Route } from "../../dialects/dialect.ts";
import { notFound } from "../../dialects/refusal.ts";
import type { Policy } from "./policy.ts";
import type { Caller } from "./policy-options.ts";

/** The query parameter that names the owner of a chat. */
const OWNER = "owner";

/**
 * Resolves with the user as whom a request is answered: the caller, or the owner of a chat that the caller may read.
 * @throws {Refusal} 404 when the request names another user, and does more than read, or may not read that chat
 */
export async function answeredAs(
  route: Exclude<Route, { readonly name: "inBody" | "preflight" }>,
  { caller, request }: { readonly caller: Caller; readonly request: Pick<RequestLine, "url"> },
  { canRead }: Pick<Policy, "canRead">,
): Promise<Caller> {
  const owner = canRead && new URL(request.url).searchParams.get(OWNER);
  if (!canRead || typeof owner !== "string" || owner === caller.user || route.name === "answer") return caller;
  const chat = route.name === "attach" || route.name === "history" ? route.chat : undefined;
  if (chat !== undefined && (await canRead(caller, { owner, chat })) === true) return { user: owner };
  throw notFound();
}
