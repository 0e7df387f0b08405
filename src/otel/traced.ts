/** A client whose calls are spans and measurements. */

import { type ClientWrapper, type ReplyTo, type TypedClient, typedReply } from "../contract/client.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { withoutUndefined } from "../platform/without-undefined.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { refusalOf } from "../stream/transfer.ts";
import { SPAN_KIND } from "./api.ts";
import { CallTelemetry, known } from "./call-telemetry.ts";
import { ATTRIBUTE } from "./conventions.ts";
import { Instruments } from "./instruments.ts";
import { checkOptions, type TracedOptions } from "./options.ts";
import { requestAttributes, targetAttributes } from "./request-attributes.ts";
import { captureOf, quietly, withinSpan } from "./span.ts";
import { tracedTools } from "./traced-tools.ts";

/**
 * Returns a client whose calls are spans and metrics of OpenTelemetry, by its conventions for generative AI
 * (semantic-conventions-genai v0.1.0). One span is one logical call: from the call until its reply is complete, failed
 * or stopped. Retries, recoveries and the clients of a `fallback` are its events (`cloudllm.attempt`).
 *
 * - A failure has status `ERROR` and the error's `kind` as `error.type`. A call that its caller aborts or stops has
 *   neither; its finish reason is `error`.
 * - Token counts are the provider's. Estimates are attributes of their own, `cloudllm.usage.estimated.*`.
 * - Messages, replies and texts of errors are recorded only with `captureContent`.
 * - A tracer, a meter or a filter that throws does not affect the call.
 *
 * Trace a client once: on the outside of a `fallback`, or each of its clients.
 * @throws {TypeError} when an option is unknown or malformed
 *
 * @example
 * ```ts
 * import { OpenAIClient, type TypedClient } from "cloudllm";
 * import { type Meter, type Tracer, traced } from "cloudllm/otel";
 *
 * // trace.getTracer("my-program") and metrics.getMeter("my-program") of @opentelemetry/api
 * export function clientOf(tracer: Tracer, meter: Meter): TypedClient {
 *   return traced(new OpenAIClient({ model: "gpt-6-luna" }), { tracer, meter });
 * }
 * ```
 */
export function traced(client: ClientWrapper, options: TracedOptions): TypedClient {
  checkOptions(options);
  const { provider, model, defaults } = client;
  const { tracer, meter, attributes: more, providerName, inject } = options;
  const target = targetAttributes(client, providerName);
  const instruments = meter && quietly(() => new Instruments(meter));
  const capture = captureOf(options);
  const countTokens = client.countTokens?.bind(client); // not an inference
  const ownTools = defaults?.tools && { tools: tracedTools(defaults.tools, options) };

  /** Makes one call within its span. */
  function call<Result>(
    messages: readonly Message[],
    given: SendOptions,
    streamed: boolean,
    ask: (options: SendOptions, telemetry: CallTelemetry | undefined) => Promise<Result>,
  ): Promise<Result> {
    const effective = quietly(() => ({ ...defaults, ...withoutUndefined(given) })) ?? {};
    const isStreamed = streamed || effective.recover !== undefined;
    const facts = { client, messages, options: effective, isStreamed, target, instruments, capture };
    const own = quietly(() =>
      typeof more === "function" ? more({ provider, model, messages, options: effective }) : more,
    );
    const request = quietly(() => requestAttributes(client, effective, isStreamed));
    const name = `${target[ATTRIBUTE.operation]} ${model}`;
    const start = { kind: SPAN_KIND.client, attributes: known({ ...target, ...request, ...own }) };
    return withinSpan(tracer, name, start, async (span) => {
      const telemetry = quietly(() => new CallTelemetry(facts, span));
      const headers: Record<string, string> = {};
      if (inject) quietly(() => inject(headers));
      const isInjected = Object.keys(headers).length > 0;
      try {
        return await ask(isInjected ? { ...given, headers: { ...headers, ...given.headers } } : given, telemetry);
      } catch (error) {
        const refusal = refusalOf(error, client, given.signal);
        telemetry?.ended(undefined, refusal);
        throw refusal;
      }
    });
  }

  return {
    provider,
    model,
    ...(countTokens && { countTokens }),
    ...(defaults && { defaults: ownTools ? { ...defaults, ...ownTools } : defaults }),
    sendMessage<Output, Tools extends readonly Tool[] | undefined>(
      messages: readonly Message[],
      given: SendOptions<Output> & { readonly tools?: Tools } = {},
    ): Promise<ReplyTo<Output, Tools>> {
      return call(messages, given, false, async (options, telemetry) => {
        const message = await client.sendMessage(messages, options);
        telemetry?.ended(message, undefined);
        // A value that the schema has accepted is of the schema's type, whichever client was asked.
        return typedReply<Output, Tools>(
          message as Awaited<ReturnType<typeof client.sendMessage>> & { output: Output },
        );
      });
    },
    sendMessageStream<Output>(messages: readonly Message[], given: SendOptions<Output> = {}) {
      return call(messages, given, true, async (options, telemetry) => {
        const stream = await client.sendMessageStream(messages, options);
        if (telemetry) {
          stream.onArrival((count, gapMs) => telemetry.chunksArrived(count, gapMs));
          stream.onEnd((message, error) => telemetry.ended(message, error));
        }
        return stream as MessageStream<never>;
      });
    },
  };
}
