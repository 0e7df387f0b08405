/** The parts of a provider client: the definition of the provider, and the options of the caller. */

import type { KeyFunction, SignRequest } from "../call/authorization.ts";
import type { Observers } from "../call/observers.ts";
import type { SendOptions } from "../contract/options.ts";
import { allNames } from "../contract/unknown-option.ts";
import { optionNamesFault } from "../contract/validate.ts";
import { typeText } from "../platform/received.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { FetchLike } from "../transport/fetch.ts";
import type { HttpAgent } from "../transport/network.ts";

/** The options of every provider client, in addition to the defaults for its calls. */
export interface ClientOptions extends Omit<SendOptions, "signal"> {
  /** The id of a model that the provider knows; the typed constants are suggestions. */
  readonly model: string;
  /**
   * The key, or a function that returns it, such as the token function of a cloud.
   *
   * The function is called before each request, also before retries, recoveries and resumed replies. It keeps a token
   * as long as it is valid. If the provider refuses the key, it is called once more in that call, with
   * `isRefused: true`: a kept token is not returned again. If it throws, the call fails with kind `authentication` and
   * the error as its `cause`, which no log prints.
   * @default from the environment; without one, calls fail with kind `authentication`
   */
  readonly apiKey?: string | KeyFunction | undefined;
  /**
   * Returns headers that are added to each request before it is sent, after all others: for signatures over the body.
   * The key is not read from the environment then. If it throws, the call fails as for `apiKey`.
   */
  readonly sign?: SignRequest | undefined;
  /**
   * The address, in the form of the provider's official SDK; or `unix:` with the path of a socket, a colon, and the
   * path on the server: `unix:/run/llama.sock:/v1`.
   * @default the provider's own address
   */
  readonly baseUrl?: string | undefined;
  /**
   * Allows sending a key over `http:` to a public address, where every router can read it.
   * @default false
   */
  readonly allowInsecureHttp?: boolean | undefined;
  /** Sends the requests in place of the runtime's own connection: for tests and other runtimes. */
  readonly fetch?: FetchLike | undefined;
  /**
   * Opens the connections: an agent of `node:http` or `node:https`, with its CA, client certificate or SOCKS proxy.
   * Node only.
   */
  readonly agent?: HttpAgent | undefined;
  /**
   * The proxy of the requests:
   * - `true`: the one that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name
   * - a URL: this one, such as `http://name:password@proxy.example:3128`
   * - `false`: none
   *
   * @default none, unless Node was started with `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`; on Bun and Deno, the one
   * that their `fetch` uses.
   */
  readonly proxy?: boolean | string | undefined;
  /**
   * Called with each request of a call, retries included, after it was sent: for logs. Secrets are replaced. Errors of
   * the function do nothing, and no chunk waits for it.
   */
  readonly onRequest?: Observers["onRequest"];
  /** Called with each response once it has ended, in the same way. Holds up to 262,144 characters of the body. */
  readonly onResponse?: Observers["onResponse"];
}

/** The definition of a provider: its protocol, address and authentication. */
export interface ProviderDefinition {
  /** The name of the provider in messages, errors and metrics, in lower case. */
  readonly provider: string;
  /**
   * The wire format, or a function that loads it: such as with `import()`, so that a program reads only the code that
   * it uses. The function is called when a client is constructed, and again at the next call after it failed.
   */
  readonly protocol: Protocol | (() => Protocol | Promise<Protocol>);
  /** The provider's own address, in the form of its official SDK. */
  readonly baseUrl: string;
  /** Environment variables of the key, in order of precedence; empty where none is needed. */
  readonly keyNames: readonly string[];
  /** Whether requests may go out without a key. */
  readonly keyOptional?: boolean;
  /**
   * Whether the server is the caller's own, and reads long prompts slowly: see `Timeouts`. A loopback address counts as
   * one.
   */
  readonly isLocal?: boolean;
  /** Returns the headers of a key. Default: `authorization: Bearer …`. */
  readonly authenticate?: (key: string) => Readonly<Record<string, string>>;
  /** Returns the headers of a key that a function returned. Default: those of any key. */
  readonly authenticateToken?: (token: string) => Readonly<Record<string, string>>;
  /** Signs the requests that have no key. See `ClientOptions.sign`. */
  readonly sign?: SignRequest;
}

/** The options that only a constructor takes. */
const CONSTRUCTOR_NAMES = /* @__PURE__ */ allNames<Omit<ClientOptions, keyof SendOptions>>({
  model: true,
  apiKey: true,
  sign: true,
  baseUrl: true,
  allowInsecureHttp: true,
  fetch: true,
  agent: true,
  proxy: true,
  onRequest: true,
  onResponse: true,
});

/** Fits no list of names that lacks one: an option of its own that a constructor does not know is refused. */
type Complete<Named, Wanted> = [Exclude<Wanted, Named>] extends [never] ? unknown : { readonly missing: Wanted };

/**
 * Returns the options that a constructor was given.
 * @param own the names of all options that `ClientOptions` does not have
 * @throws {TypeError} when one does not exist, and when they are not an object. A string is not shown: it may be a key.
 */
export function givenOptions<Options extends object, const Own extends readonly (keyof Options & string)[]>(
  options: Options,
  ...own: Own & Complete<Own[number], Exclude<keyof Options, keyof ClientOptions>>
): Options {
  const given: unknown = options;
  if (typeof given !== "object" || given === null) {
    throw new TypeError(
      `The options are missing: give an object with at least a \`model\`, such as { model: "…" }. Received ${typeText(given)}.`,
    );
  }
  const fault = optionNamesFault(given, [...CONSTRUCTOR_NAMES, ...own]);
  if (fault) throw new TypeError(fault);
  return options;
}

/**
 * Returns the definition for the option `api`. It is created on demand: a program contains only its own clients' needs.
 * @throws {TypeError} when `api` is unknown
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
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new TypeError("`baseUrl` must be an absolute http or https URL, such as https://api.example.com/v1.");
  }
  if (url.username || url.password)
    throw new TypeError("`baseUrl` must not contain a user name or password. Use `apiKey` or `headers`.");
  if (url.search || url.hash)
    throw new TypeError("`baseUrl` must not contain a query (?) or a fragment (#). End it with its path.");
  return text.replace(/\/+$/, "");
}
