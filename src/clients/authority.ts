/** The functions that authorize the requests of a client whose keys change, or whose requests are signed. */

import type { Authority } from "../call/authorization.ts";
import { Redactions } from "../call/redact.ts";
import type { ClientOptions, ProviderDefinition } from "./definition.ts";
import { bearer } from "./request-headers.ts";

/** Returns the functions that authorize the requests; `undefined` for a client that has a key or needs none. */
export function authorityOf(
  definition: ProviderDefinition,
  origin: string,
  { apiKey, sign = definition.sign }: Pick<ClientOptions, "apiKey" | "sign">,
): Authority | undefined {
  const ask = typeof apiKey === "function" ? apiKey : undefined;
  if (!ask && !sign) return undefined;
  const { provider, authenticate = bearer, authenticateToken = authenticate } = definition;
  // A signature takes the place of a key that was not given, and not of a key that a function returns.
  return {
    provider,
    origin,
    apiKey: ask,
    authenticate: authenticateToken,
    sign: ask && sign === definition.sign ? undefined : sign,
    redactions: new Redactions(),
  };
}
