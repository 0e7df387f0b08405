/** A client: a protocol joined with a transport. */

import { defaultTransport } from "#runtime";
import { type Authority, authorization } from "../call/authorization.ts";
import { EventShapes } from "../call/event-shapes.ts";
import type { Observer } from "../call/observed-transport.ts";
import { givenObservers, type ObservedCall, type Observers, observation } from "../call/observers.ts";
import { Redactions } from "../call/redact.ts";
import { Reply } from "../call/reply.ts";
import { RetryBudget } from "../call/retry-budget.ts";
import { type ReplyTo, type TypedClient, typedReply } from "../contract/client.ts";
import { withFacts } from "../contract/error-copies.ts";
import type { Message } from "../contract/message.ts";
import { checkGiven, fieldsFault, isBoolean } from "../contract/option-faults.ts";
import type { Recovery, SendOptions, Tool } from "../contract/options.ts";
import { ownMessages } from "../contract/own-messages.ts";
import { type RetryPolicy, retryDelayMs, retryPolicyOf } from "../contract/retry-policy.ts";
import { type CallLimits, limitsOf, localLimitsOf } from "../contract/timeouts.ts";
import type { TokenCount } from "../contract/token-count.ts";
import { checkCall, optionsFault } from "../contract/validate.ts";
import { systemClock } from "../platform/clock.ts";
import { withoutUndefined } from "../platform/without-undefined.ts";
import type { Endpoint, Protocol } from "../protocols/protocol.ts";
import { settledFor } from "../stream/caller-stack.ts";
import { openRecovering } from "../stream/load-recovery.ts";
import { validatingSource } from "../stream/load-validation.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { openStream } from "../stream/open-stream.ts";
import type { RecoverableCall } from "../stream/recovering-source.ts";
import type { ChunkSource } from "../stream/source.ts";
import { estimateInputTokens } from "../tokens/estimate.ts";
import { estimateRequestTokens } from "../tokens/request-estimate.ts";
import { fetchTransport } from "../transport/fetch.ts";
import { isLoopback } from "../transport/hosts.ts";
import type { Transport } from "../transport/transport.ts";
import { checkKey } from "./api-key.ts";
import { authorityOf } from "./authority.ts";
import { backgroundOf, callRequestOf, unsendable, written } from "./call-request.ts";
import { ClientHeaders } from "./client-headers.ts";
import { type ClientOptions, checkedBaseUrl, givenOptions, type ProviderDefinition } from "./definition.ts";
import { addressOf } from "./network.ts";
import { ProtocolLoader } from "./protocol-loader.ts";
import { countingProtocol, countTimeouts, lacksCounting, tokenCountOf } from "./token-count.ts";

/** The default of `SendOptions.maxReplyBytes`. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/** Maximum number of recoveries per reply. */
const MAX_RECOVERIES = 2;

/**
 * A client of one provider. Subclasses add only the definition of the provider and the type of their options. Keys stay
 * in private fields: neither `util.inspect` nor `JSON.stringify` shows them.
 * @throws {TypeError} when an option is invalid
 */
export class ProviderClient<ProviderOptions extends object = Readonly<Record<string, unknown>>> implements TypedClient {
  readonly provider: string;
  readonly model: string;
  readonly #protocol: ProtocolLoader;
  readonly #endpoint: Endpoint;
  readonly #origin: string;
  readonly #headers: ClientHeaders;
  readonly #defaults: SendOptions;
  readonly #transport: Transport;
  readonly #observers: Observers | undefined;
  #observer: Observer | undefined;
  readonly #retries: RetryPolicy;
  readonly #now = systemClock();
  readonly #budget = new RetryBudget(this.#now);
  readonly #shapes = new EventShapes();
  readonly #redactions = new Redactions();
  /** Authorizes each request, where keys change or requests are signed. */
  readonly #authority: Authority | undefined;
  readonly #limitsOf: typeof limitsOf;
  /** The limits of calls that set none. */
  readonly #limits: { readonly streamed: CallLimits; readonly nonStreamed: CallLimits };

  constructor(definition: ProviderDefinition, options: ClientOptions) {
    const {
      model,
      apiKey,
      sign,
      baseUrl,
      allowInsecureHttp = false,
      fetch,
      agent,
      proxy,
      onRequest,
      onResponse,
      ...defaults
    } = givenOptions(options);
    if (typeof model !== "string" || model.trim() === "")
      throw new TypeError("`model` must be a non-empty string. Pass the id of a model.");
    if (apiKey !== undefined) checkKey(apiKey);
    if (sign !== undefined && typeof sign !== "function") throw new TypeError("`sign` must be a function.");
    const fault = fieldsFault({ allowInsecureHttp }, { allowInsecureHttp: isBoolean }) ?? optionsFault(defaults);
    if (fault) throw new TypeError(fault);
    this.provider = definition.provider;
    this.model = model;
    const address = addressOf(baseUrl ?? definition.baseUrl, { agent, proxy, fetch, allowInsecureHttp });
    this.#endpoint = { provider: definition.provider, model, baseUrl: checkedBaseUrl(address.baseUrl) };
    const url = new URL(this.#endpoint.baseUrl);
    this.#origin = url.origin;
    const { headers } = defaults;
    this.#headers = new ClientHeaders(definition, url, { model, apiKey, sign, headers, allowInsecureHttp });
    this.#defaults = defaults;
    this.#retries = retryPolicyOf(defaults.retries);
    this.#authority = authorityOf(definition, url.origin, { apiKey, sign });
    this.#limitsOf = definition.isLocal || isLoopback(url.hostname) ? localLimitsOf : limitsOf;
    this.#limits = {
      streamed: this.#limitsOf("streamed", defaults.timeouts),
      nonStreamed: this.#limitsOf("nonStreamed", defaults.timeouts),
    };
    this.#transport = fetch ? fetchTransport(fetch) : defaultTransport(address.network);
    this.#observers = givenObservers({ onRequest, onResponse });
    const parts = [...(this.#observers ? [observation] : []), ...(this.#authority ? [authorization] : [])];
    this.#protocol = new ProtocolLoader(definition, model, this.#transport, parts);
  }

  async sendMessage<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    messages: readonly Message[],
    options: SendOptions<Output> & {
      readonly tools?: Tools;
      readonly providerOptions?: ProviderOptions | undefined;
    } = {},
  ): Promise<ReplyTo<Output, Tools>> {
    const recover = this.#recoveryOf(options);
    // A reply can be completed only if it is streamed.
    const own = ownMessages(messages);
    const stream = recover ? this.#recovering(own, options, recover) : this.#open(own, options, false);
    return typedReply(await (await stream).finalMessage());
  }

  sendMessageStream<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    messages: readonly Message[],
    options: SendOptions<Output> & {
      readonly tools?: Tools;
      readonly providerOptions?: ProviderOptions | undefined;
    } = {},
  ): Promise<MessageStream<Output>> {
    const recover = this.#recoveryOf(options);
    const own = ownMessages(messages);
    return recover ? this.#recovering(own, options, recover) : this.#open(own, options, true);
  }

  /**
   * Resolves with the input tokens of the request that `sendMessage` with the same arguments would send. OpenAI
   * (Responses), Anthropic and Google count it themselves, free of charge but with a rate limit. Everywhere else, and
   * where the server has no such endpoint, the result is an estimate (`source`). Takes one round trip, with the
   * attempts of any call, and limits of 10 s unless `timeouts` has others.
   * @throws {SendError} as `sendMessage` does
   */
  async countTokens(
    messages: readonly Message[],
    options: SendOptions & { readonly providerOptions?: ProviderOptions | undefined } = {},
  ): Promise<TokenCount> {
    checkGiven(options);
    const timeouts = countTimeouts(this.#defaults.timeouts, options.timeouts);
    const limits = this.#limitsFor({ timeouts }, false);
    try {
      const all = this.#optionsOf(options);
      let protocol = this.#protocol.loadedFor(all);
      if (!protocol) {
        await this.#protocol.wait({ limits, signal: options.signal, now: this.#now }, all);
        protocol = this.#protocol.loadedFor(all);
      }
      if (protocol?.counting) {
        const counting = countingProtocol(protocol, protocol.counting);
        const source = this.#sourceOf(counting, messages, { ...options, timeouts }, false, this.#now(), false);
        return tokenCountOf(await (await openStream(source)).finalMessage());
      }
      checkCall(messages, this.#optionsOf(options));
    } catch (error) {
      if (!lacksCounting(error)) throw withFacts(unsendable(error), { provider: this.provider, model: this.model });
    }
    return { inputTokens: estimateRequestTokens(messages, this.#optionsOf(options)), source: "estimate" };
  }

  /** The address that requests are sent to: for logs and telemetry. */
  get baseUrl(): string {
    return this.#endpoint.baseUrl;
  }

  /** The constructor's options for all calls, without those that may contain secrets. */
  get defaults(): SendOptions {
    const { headers: _headers, providerOptions: _own, ...defaults } = this.#defaults;
    return defaults;
  }

  /**
   * Opens a connection (DNS, TCP, TLS) ahead of the first message, without the key. Resolves with whether it is open;
   * never rejects, because the first message reports the fault. On Node the connection is kept for 4 s.
   */
  warm(): Promise<boolean> {
    return this.#transport.warm(this.#endpoint.baseUrl).then(
      () => true,
      () => false,
    );
  }

  async #recovering<Output>(
    messages: readonly Message[],
    given: SendOptions<Output>,
    recover: Recovery,
  ): Promise<MessageStream<Output>> {
    const now = this.#now;
    const startedAt = now();
    const first = await this.#open(messages, given, true);
    const timeouts = { ...this.#defaults.timeouts, ...given.timeouts };
    const { maxRetryAfterMs } = this.#retriesOf(given);
    const limits = { max: MAX_RECOVERIES, maxRetryAfterMs };
    const call: RecoverableCall = {
      messages,
      options: { ...this.#defaults, ...withoutUndefined(given), timeouts, recover },
      open: (more, its) => this.#open(more, its, true),
      delayMs: (error, recoveries) => retryDelayMs(error, recoveries + 1, limits, Math.random()),
      now,
      startedAt,
    };
    return openRecovering(call, first);
  }

  /** Returns the option `recover`. Options that cannot be read are reported by the call that reads all of them. */
  #recoveryOf(options: SendOptions): Recovery | undefined {
    try {
      return options.recover ?? this.#defaults.recover;
    } catch {
      return undefined;
    }
  }

  #retriesOf({ retries }: SendOptions): RetryPolicy {
    return retries === undefined ? this.#retries : retryPolicyOf(this.#defaults.retries, retries);
  }

  /**
   * Opens one reply, with as many attempts as it takes until its first chunk. Not async: that would wait for the
   * stream twice.
   */
  #open<Output>(
    messages: readonly Message[],
    given: SendOptions<Output>,
    stream: boolean,
    startedAt: number = this.#now(),
  ): Promise<MessageStream<Output>> {
    let source: ChunkSource;
    try {
      checkGiven(given);
      const protocol = this.#protocol.loadedFor(given, this.#defaults);
      if (!protocol) {
        const options = this.#optionsOf(given);
        checkCall(messages, options);
        // A copy: the caller may change its own meanwhile.
        const timeouts = { ...this.#defaults.timeouts, ...options.timeouts };
        return this.#openLater(messages, { ...options, timeouts }, this.#limitsFor(given, stream), stream, startedAt);
      }
      source = this.#sourceOf(protocol, messages, given, stream, startedAt);
    } catch (error) {
      // Also an error of a getter.
      return Promise.reject(withFacts(unsendable(error), { provider: this.provider, model: this.model }));
    }
    return openStream<Output>(source, { now: this.#now, startedAt });
  }

  /** Opens the reply when the protocol is there. */
  async #openLater<Output>(
    messages: readonly Message[],
    options: SendOptions<Output>,
    limits: CallLimits,
    stream: boolean,
    startedAt: number,
  ): Promise<MessageStream<Output>> {
    await settledFor(this.#protocol.wait({ limits, signal: options.signal, now: this.#now }, options));
    return await this.#open(messages, options, stream, startedAt);
  }

  #sourceOf(
    protocol: Protocol,
    messages: readonly Message[],
    given: SendOptions,
    stream: boolean,
    startedAt: number,
    validates = true,
  ): ChunkSource {
    const { provider, model } = this;
    const options = this.#optionsOf(given);
    const account = this.#headers.account(options);
    const origin = this.#origin;
    // Written out: V8 creates a hidden class for each literal with a number, such as the time, after a spread.
    const { baseUrl } = this.#endpoint;
    const endpoint = { provider, model, baseUrl, at: Date.now(), account };
    checkCall(messages, options);
    const asked = written(protocol.buildRequest(messages, options, endpoint, stream));
    const key = this.#headers.key();
    const headers = this.#headers.of(key, asked.headers, options);
    const request = callRequestOf(asked, headers);
    const redact = this.#redactions.of(headers, options.providerOptions);
    const transport = this.#observed({ provider, model, redact });
    const authority = this.#authority;
    const authorized =
      authority === undefined || (key !== undefined && this.#headers.readsKey)
        ? undefined
        : authorization.loaded.authorizedCall(authority, transport, redact);
    const limits = this.#limitsFor(given, stream);
    const checks = given.timeouts ? { ...options, timeouts: limits } : options;
    const reply = new Reply({
      provider,
      model,
      writer: account === undefined ? { origin } : { origin, account },
      continuesExactly: asked.continuesExactly === true,
      request: authorized ? authorization.loaded.withNextKey(request, authorized) : request,
      background: stream && options.recover === "resume" ? backgroundOf(protocol, headers, this.#endpoint) : undefined,
      protocol,
      transport: authorized ? authorized.transport : transport,
      shapes: this.#shapes,
      limits,
      maxReplyBytes: options.maxReplyBytes ?? MAX_REPLY_BYTES,
      raw: options.raw === true,
      retries: this.#retriesOf(given),
      budget: this.#budget,
      signal: options.signal,
      redact: authorized ? authorized.redact : redact,
      estimateInput: () => estimateInputTokens(messages),
      now: this.#now,
      startedAt,
      random: Math.random,
    });
    return validates ? validatingSource(reply, checks) : reply;
  }

  /** Returns the way of a call, which the caller's functions see if there are any. */
  #observed(call: ObservedCall): Transport {
    if (!this.#observers) return this.#transport;
    this.#observer ??= new observation.loaded.Observer(this.#observers);
    return this.#observer.transport(this.#transport, call);
  }

  #optionsOf<Output>(given: SendOptions<Output>): SendOptions<Output> {
    // Not a literal: V8 makes a hidden class for each that has more fields behind a spread, which takes 1 µs.
    return Object.assign({}, this.#defaults, withoutUndefined(given));
  }

  #limitsFor({ timeouts }: SendOptions, stream: boolean): CallLimits {
    if (!timeouts) return stream ? this.#limits.streamed : this.#limits.nonStreamed;
    return this.#limitsOf(stream ? "streamed" : "nonStreamed", this.#defaults.timeouts, timeouts);
  }
}
