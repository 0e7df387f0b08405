/** The options of this entry, and their validation. */

import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { checkNames } from "../contract/unknown-option.ts";
import { hasFields, isJsonObject } from "../platform/json-object.ts";
import { receivedText, typeText } from "../platform/received.ts";
import type { Attributes, Meter, Tracer } from "./api.ts";

/**
 * Sees each piece of content before it is recorded: returns what to record in its place, or `undefined` for nothing.
 * `attribute` is the name of the attribute, such as `gen_ai.input.messages`; `value` is plain data, such as an array of
 * messages. If it throws, nothing is recorded.
 */
export type ContentFilter = (value: unknown, attribute: string) => unknown;

/** A call that begins. */
export interface TracedCall {
  readonly provider: string;
  readonly model: string;
  readonly messages: readonly Message[];
  readonly options: SendOptions;
}

/** The options that calls and tools have in common. */
export interface TelemetryOptions {
  /** The tracer that makes the spans: `trace.getTracer("my-program")`. @default no spans */
  readonly tracer?: Tracer | undefined;
  /** The meter that counts: `metrics.getMeter("my-program")`. @default no metrics */
  readonly meter?: Meter | undefined;
  /**
   * Whether spans have the messages, the reply, the arguments and results of tools, and the text of errors. A function
   * sees each of them first. Bytes of attachments are never recorded.
   * @default false
   */
  readonly captureContent?: boolean | ContentFilter | undefined;
}

/** The options of `traced`. */
export interface TracedOptions extends TelemetryOptions {
  /**
   * Attributes of each span, such as `gen_ai.conversation.id`; they win over ours. Metrics do not get them. If the
   * function throws, there are none.
   */
  readonly attributes?: Attributes | ((call: TracedCall) => Attributes) | undefined;
  /** `gen_ai.provider.name`. @default by the client's `provider` */
  readonly providerName?: string | undefined;
  /**
   * Adds headers to the request, within the call's span: such as `(headers) => propagation.inject(context.active(),
   * headers)`, for a gateway that takes part in traces.
   * @default none: strict gateways and CORS refuse headers that they do not know
   */
  readonly inject?: ((headers: Record<string, string>) => void) | undefined;
}

/** `context` of `@opentelemetry/api`. */
export interface ContextApi<Context> {
  active(): Context;
  with<Result>(context: Context, run: () => Result): Result;
}

/** `propagation` of `@opentelemetry/api`. */
export interface PropagationApi<Context> {
  extract(context: Context, carrier: Record<string, string>): Context;
}

/** The options of `tracedHandler`. */
export interface TracedHandlerOptions<Context> {
  readonly tracer: Tracer;
  readonly context: ContextApi<Context>;
  readonly propagation: PropagationApi<Context>;
  /** The route, for the name of the span: such as `/api/chat`. @default none: paths have ids in them */
  readonly route?: string | undefined;
}

/** Options that any of the functions takes: a program may have one object for all of them. */
type AnyOptions = TracedOptions & TracedHandlerOptions<unknown>;

/** Returns what is wrong with a value, as the end of a sentence that names the option. */
const FAULTS: { readonly [Name in keyof AnyOptions]-?: (value: unknown) => string | undefined } = {
  tracer: (value) => methodsFault(value, "startActiveSpan"),
  meter: (value) => methodsFault(value, "createHistogram", "createCounter"),
  captureContent: (value) => typesFault(value, "boolean", "function"),
  attributes: (value) =>
    hasFields(value) ? undefined : typesFault(value, "function") && "must be an object or a function",
  providerName: (value) => typesFault(value, "string"),
  inject: (value) => typesFault(value, "function"),
  context: (value) => methodsFault(value, "active", "with"),
  propagation: (value) => methodsFault(value, "extract"),
  route: (value) => typesFault(value, "string"),
};

/**
 * Checks options.
 * @param required the names of those that may not be absent
 * @throws {TypeError} that names the first one that is missing, unknown or malformed
 */
export function checkOptions(options: object, required: readonly (keyof AnyOptions)[] = []): void {
  const given: unknown = options;
  if (!hasFields(given)) throw new TypeError(`Telemetry needs an object of options, not ${typeText(given)}.`);
  checkNames(given, Object.keys(FAULTS));
  for (const [name, faultOf] of Object.entries(FAULTS)) {
    const value = given[name];
    const isMissing = value === undefined && (required as readonly string[]).includes(name);
    const fault = value === undefined && !isMissing ? undefined : faultOf(value);
    if (fault) throw new TypeError(`The option \`${name}\` ${fault}, not ${receivedText(value)}.`);
  }
}

function methodsFault(value: unknown, ...names: readonly string[]): string | undefined {
  const isThere = names.every((name) => isJsonObject(value) && typeof Reflect.get(value, name) === "function");
  return isThere ? undefined : `must be an object with ${names.map((name) => `\`${name}\``).join(" and ")}`;
}

function typesFault(value: unknown, ...types: readonly string[]): string | undefined {
  return types.includes(typeof value) ? undefined : `must be a ${types.join(" or a ")}`;
}
