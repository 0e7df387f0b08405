/** The telemetry of one call, from its start to its one end. */

import type { SendErrorKind } from "../contract/error-kind.ts";
import type { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { SendOptions } from "../contract/options.ts";
import { type Attributes, type Span, STATUS_ERROR } from "./api.ts";
import { inputContent, outputContent, toolDefinitions } from "./content.ts";
import { ATTRIBUTE, finishReasonOf, OWN } from "./conventions.ts";
import type { Instruments } from "./instruments.ts";
import { isGeminiNative, type Target } from "./request-attributes.ts";
import { type Capture, quietly } from "./span.ts";
import { countedUsage, reportedUsage, usageAttributes } from "./usage.ts";

/** A call, and who records it. */
export interface CallFacts {
  readonly client: Target;
  readonly messages: readonly Message[];
  /** With the client's defaults. */
  readonly options: SendOptions;
  readonly isStreamed: boolean;
  /** The attributes of its metrics. */
  readonly target: Attributes;
  readonly instruments: Instruments | undefined;
  readonly capture: Capture | undefined;
}

/** Kinds with which a call fails before anything is sent, when no attempt was made. */
const LOCAL: readonly SendErrorKind[] = ["unsupported", "invalidRequest", "busy"];

/** Providers that take the system prompt in a field of its own. */
const SYSTEM_FIELD: readonly string[] = ["anthropic", "openai", "azure", "xai", "vertex"];

/** Records one call as a span and as metrics. */
export class CallTelemetry {
  readonly #facts: CallFacts;
  readonly #span: Span | undefined;
  /** False for a span that a sampler dropped. */
  readonly #isRecorded: boolean;
  readonly #startedAt = performance.now();
  #hasChunks = false;

  constructor(facts: CallFacts, span: Span | undefined) {
    this.#facts = facts;
    this.#span = span;
    this.#isRecorded = quietly(() => span?.isRecording()) === true;
    const { capture } = facts;
    if (this.#isRecorded && capture) quietly(() => span?.setAttributes(inputAttributes(facts, capture)));
  }

  /** `count` chunks came together, `gapMs` after the one before, without the consumer's own pauses. */
  chunksArrived(count: number, gapMs: number): void {
    const { instruments, target } = this.#facts;
    if (!instruments) return;
    const later = this.#hasChunks ? count : count - 1;
    const gap = this.#hasChunks ? gapMs / 1000 : 0;
    this.#hasChunks = true;
    quietly(() => instruments.chunksArrived(target, later, gap));
  }

  /** The call has ended, with its message or an error. */
  ended(message: AssistantMessage | undefined, error: SendError | undefined): void {
    quietly(() => this.#measure(message ?? error?.partial, error));
    quietly(() => this.#describe(message ?? error?.partial, error));
    quietly(() => this.#span?.end());
  }

  #measure(message: AssistantMessage | undefined, error: SendError | undefined): void {
    const { instruments, target, messages, options, isStreamed } = this.#facts;
    const attempts = attemptsOf(message, error);
    // No inference took place.
    if (!instruments || (error && attempts.length === 0 && error.status === undefined && LOCAL.includes(error.kind)))
      return;
    const { timeToFirstChunkMs } = message?.metrics ?? {};
    instruments.ended({
      target,
      responseModel: responseModelOf(message, this.#facts.client.model),
      errorType: errorTypeOf(error),
      duration: (performance.now() - this.#startedAt) / 1000,
      timeToFirstChunk: isStreamed && timeToFirstChunkMs !== undefined ? timeToFirstChunkMs / 1000 : undefined,
      usage: countedUsage(reportedUsage(message, attempts), messages, options, message),
    });
  }

  #describe(message: AssistantMessage | undefined, error: SendError | undefined): void {
    const span = this.#span;
    if (!span || !this.#isRecorded) return;
    const { capture, isStreamed, client } = this.#facts;
    const attempts = attemptsOf(message, error);
    for (const attempt of attempts) span.addEvent(OWN.attemptEvent, attemptAttributes(attempt));
    const { metrics, estimatedUsage, id, rawFinishReason } = message ?? {};
    const { timeToFirstChunkMs } = metrics ?? {};
    const errorType = errorTypeOf(error);
    span.setAttributes(
      known({
        [ATTRIBUTE.errorType]: errorType,
        [ATTRIBUTE.httpStatus]: error?.status ?? attempts.at(-1)?.status,
        [ATTRIBUTE.responseId]: id,
        [ATTRIBUTE.responseModel]: responseModelOf(message, client.model),
        [ATTRIBUTE.finishReasons]: [
          message && !error ? finishReasonOf(message.finishReason, rawFinishReason) : "error",
        ],
        [ATTRIBUTE.timeToFirstChunk]:
          isStreamed && timeToFirstChunkMs !== undefined ? timeToFirstChunkMs / 1000 : undefined,
        ...usageAttributes(reportedUsage(message, attempts)),
        [OWN.attempts]: attempts.length,
        [OWN.requestId]: message?.requestId ?? error?.requestId,
        [OWN.errorCode]: error?.code,
        [OWN.rawFinishReason]: rawFinishReason,
        ...(estimatedUsage && {
          [OWN.estimated]: true,
          [OWN.estimatedInput]: estimatedUsage.inputTokens,
          [OWN.estimatedOutput]: estimatedUsage.outputTokens,
        }),
        ...(message &&
          capture && { [ATTRIBUTE.outputMessages]: capture(ATTRIBUTE.outputMessages, outputContent(message)) }),
      }),
    );
    if (errorType === undefined) return;
    // A provider may quote the conversation in its error.
    const text = capture && error ? capture("exception.message", error.message) : undefined;
    span.setStatus({ code: STATUS_ERROR, ...(text !== undefined && { message: text }) });
  }
}

/** Returns the attributes of the input's content. */
function inputAttributes({ client, messages, options }: CallFacts, capture: Capture): Attributes {
  const hasSystemField = SYSTEM_FIELD.includes(client.provider) || isGeminiNative(client);
  const input = inputContent(messages, hasSystemField);
  const { tools = [] } = options;
  return known({
    [ATTRIBUTE.inputMessages]: capture(ATTRIBUTE.inputMessages, input.messages),
    ...(input.system && { [ATTRIBUTE.systemInstructions]: capture(ATTRIBUTE.systemInstructions, input.system) }),
    ...(tools.length > 0 && {
      [ATTRIBUTE.toolDefinitions]: capture(ATTRIBUTE.toolDefinitions, toolDefinitions(tools)),
    }),
  });
}

/** Returns the kind of a failure. An abort by the caller has neither `error.type` nor a status. */
function errorTypeOf(error: SendError | undefined): SendErrorKind | undefined {
  return error && error.kind !== "aborted" ? error.kind : undefined;
}

function attemptsOf(message: AssistantMessage | undefined, error: SendError | undefined): readonly Attempt[] {
  return error?.attempts ?? message?.metrics.attempts ?? [];
}

/** Returns the model that the provider named. A message says the model that was asked for where it named none. */
function responseModelOf(message: AssistantMessage | undefined, asked: string): string | undefined {
  if (!message || message.model === "") return undefined;
  return message.model === asked && message.id === undefined ? undefined : message.model;
}

function attemptAttributes({ provider, model, durationMs, outcome, status, amended, usage }: Attempt): Attributes {
  return known({
    "cloudllm.attempt.provider": provider,
    "cloudllm.attempt.model": model,
    "cloudllm.attempt.duration": durationMs / 1000,
    "cloudllm.attempt.outcome": outcome,
    "cloudllm.attempt.amended": amended,
    "cloudllm.attempt.input_tokens": usage?.inputTokens,
    "cloudllm.attempt.output_tokens": usage?.outputTokens,
    [ATTRIBUTE.httpStatus]: status,
  });
}

/** Returns the attributes that have a value. */
export function known(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
