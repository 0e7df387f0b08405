/** What makes a client of a provider: the definition of the provider, and the options of the caller. */

import type { SendOptions } from "../contract/options.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { FetchLike } from "../transport/fetch.ts";

/** What every provider client's constructor takes, beside the defaults for its calls. */
export interface ClientOptions extends Omit<SendOptions, "signal"> {
  /** Any id the provider knows; the typed constants are suggestions. */
  readonly model: string;
  /** Default: from the environment. */
  readonly apiKey?: string | undefined;
  /** As the provider's official SDK takes it. Default: the provider's own address. */
  readonly baseUrl?: string | undefined;
  /**
   * Allows a key to be sent over `http:` to a public address, where everyone on the way can read it. @default false
   */
  readonly allowInsecureHttp?: boolean | undefined;
  /** Sends requests instead of the runtime's own connection: for proxies, tests, other runtimes. */
  readonly fetch?: FetchLike | undefined;
}

/** What makes a provider out of a protocol. */
export interface ProviderDefinition {
  readonly provider: string;
  readonly protocol: Protocol;
  readonly baseUrl: string;
  /** Where a key is looked for, in this order; empty where none is needed. */
  readonly keyNames: readonly string[];
  /** Whether requests may go out without a key. */
  readonly keyOptional?: boolean;
  /** A server of the caller's own, which reads long prompts slowly: see `Timeouts`. One at a loopback address is taken for one. */
  readonly isLocal?: boolean;
  /** Default: `authorization: Bearer …`. */
  readonly authenticate?: (key: string) => Readonly<Record<string, string>>;
}

/**
 * The definition that goes by the name the caller gave as `api`. Made only now: a program carries what its own clients need.
 * @throws {TypeError} when there is none
 */
export function chosenApi(apis: Readonly<Record<string, () => ProviderDefinition>>, api: string): ProviderDefinition {
  const definition = Object.hasOwn(apis, api) ? apis[api] : undefined;
  if (definition) return definition();
  throw new TypeError(`Unknown \`api\` ${JSON.stringify(api)}. Valid values: ${Object.keys(apis).join(", ")}.`);
}

/**
 * Returns the address without slashes at its end.
 * @throws {TypeError} when it is not an absolute http or https URL that ends with its path
 */
export function checkedBaseUrl(text: string): string {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new TypeError("`baseUrl` must be an absolute http or https URL, such as https://api.example.com/v1.");
  }
  if (url.username || url.password)
    throw new TypeError("`baseUrl` holds a user name or password; use `apiKey` or `headers`.");
  if (url.search || url.hash)
    throw new TypeError("`baseUrl` must end with its path: what follows a ? or # has no place there.");
  return text.replace(/\/+$/, "");
}
