/** The options of `traced` and `tracedTools`. */

import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
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
