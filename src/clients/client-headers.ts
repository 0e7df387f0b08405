/** The headers of a client's requests, with its key, and the account that they name. */

import { isSecretHeader } from "../call/redact.ts";
import { SendError } from "../contract/errors.ts";
import type { SendOptions } from "../contract/options.ts";
import type { ProtocolRequest } from "../protocols/protocol.ts";
import { isPrivateNetwork } from "../transport/hosts.ts";
import { AccountMarks } from "./account.ts";
import { insecureFault, keyFromEnvironment } from "./api-key.ts";
import type { ClientOptions, ProviderDefinition } from "./definition.ts";
import { bearer, withGiven } from "./request-headers.ts";

type Headers = Readonly<Record<string, string>>;

/** The headers of a key, with the headers that a protocol adds to every request, and their account. */
interface UsualHeaders {
  readonly key: string | undefined;
  readonly own: ProtocolRequest["headers"];
  readonly headers: Headers;
  readonly account: string | undefined;
}

type Given = Pick<ClientOptions, "model" | "apiKey" | "sign" | "headers" | "allowInsecureHttp">;

/** Keys stay in private fields: neither `util.inspect` nor `JSON.stringify` shows them. */
export class ClientHeaders {
  /** Whether a key that was not given is read from the environment. */
  readonly readsKey: boolean;
  readonly #definition: ProviderDefinition;
  readonly #model: string;
  readonly #defaults: SendOptions["headers"];
  readonly #givenKey: string | undefined;
  /** The host to which a key would travel in clear text over networks of others. */
  readonly #insecureHost: string | undefined;
  readonly #accounts = new AccountMarks();
  /** The headers of the last call without headers from the caller: most calls have the same. */
  #usual: UsualHeaders | undefined;

  /** @throws {TypeError} when a key would be readable on its way to the URL */
  constructor(definition: ProviderDefinition, { protocol, hostname }: URL, given: Given) {
    const { model, apiKey, sign, headers, allowInsecureHttp = false } = given;
    this.#definition = definition;
    this.#model = model;
    this.#defaults = headers;
    this.#givenKey = typeof apiKey === "string" ? apiKey : undefined;
    this.readsKey = typeof apiKey !== "function" && sign === undefined;
    const isReadableOnTheWay = protocol === "http:" && !isPrivateNetwork(hostname) && !allowInsecureHttp;
    this.#insecureHost = isReadableOnTheWay ? hostname : undefined;
    if (isReadableOnTheWay && (apiKey ?? sign ?? definition.sign) !== undefined)
      throw new TypeError(insecureFault(hostname));
  }

  /**
   * Returns the key; `undefined` where none is needed, or a function returns it.
   * @throws {SendError} kind `authentication` when the key is missing or invalid
   */
  key(): string | undefined {
    return this.#givenKey ?? (this.readsKey ? keyFromEnvironment(this.#definition, this.#model) : undefined);
  }

  /** Returns a mark of the account of the request. A missing key is reported where it is needed. */
  account(options: SendOptions): string | undefined {
    try {
      const key = this.key();
      const usual = options.headers ? undefined : this.#usual;
      if (usual && usual.key === key) return usual.account;
      return this.#accounts.of(this.of(key, undefined, options));
    } catch {
      return undefined;
    }
  }

  /**
   * Returns the headers of a request: those of its protocol, the key, and those of the caller.
   * @throws {SendError} kind `invalidRequest` when a secret among them would be readable on the way
   */
  of(key: string | undefined, own: ProtocolRequest["headers"], options: SendOptions): Headers {
    const usual = options.headers ? undefined : this.#usual;
    if (usual && usual.key === key && usual.own === own) return usual.headers;
    const { provider, authenticate = bearer } = this.#definition;
    const required: Headers = {
      "content-type": "application/json",
      ...own,
      ...(key !== undefined && authenticate(key)),
    };
    const headers = options.headers ? withGiven(required, own, this.#defaults, options.headers) : required;
    if (this.#insecureHost !== undefined && Object.keys(headers).some(isSecretHeader)) {
      throw new SendError("invalidRequest", insecureFault(this.#insecureHost), { provider, model: this.#model });
    }
    if (!options.headers) this.#usual = { key, own, headers, account: this.#accounts.of(headers) };
    return headers;
  }
}
