/** Tools whose runs are spans. */

import type { Tool } from "../contract/options.ts";
import { type Attributes, SPAN_KIND, type Span, STATUS_ERROR } from "./api.ts";
import { known } from "./call-telemetry.ts";
import { ATTRIBUTE, METRIC } from "./conventions.ts";
import { seconds } from "./instruments.ts";
import { checkOptions, type TelemetryOptions } from "./options.ts";
import { captureOf, quietly, withinSpan } from "./span.ts";

/**
 * Returns the tools with a span around each run (`execute_tool weather`), for a session or a relay. A run that throws,
 * or returns an `Error`, has status `ERROR`. Spans that the tool makes itself are children of it. Tools without a `run`
 * stay as they are. `traced` does it for the tools among the defaults of its client.
 * @throws {TypeError} when an option is unknown or malformed
 *
 * @example
 * ```ts
 * import { type ClientWrapper, LLMSession, type Tool } from "cloudllm";
 * import { type Tracer, traced, tracedTools } from "cloudllm/otel";
 *
 * export function sessionOf(client: ClientWrapper, tools: readonly Tool[], tracer: Tracer): LLMSession {
 *   return new LLMSession({ client: traced(client, { tracer }), tools: tracedTools(tools, { tracer }) });
 * }
 * ```
 */
export function tracedTools<Given extends readonly Tool[]>(tools: Given, options: TelemetryOptions): Given {
  checkOptions(options);
  const { tracer, meter } = options;
  const capture = captureOf(options);
  const durations = meter && quietly(() => seconds(meter, METRIC.toolDuration, "Duration of a tool's run."));

  function traced(tool: Tool): Tool {
    if (!tool.run) return tool;
    const { name, description } = tool;
    const base: Attributes = { [ATTRIBUTE.operation]: "execute_tool", [ATTRIBUTE.toolName]: name };
    const run: NonNullable<Tool["run"]> = (args, context) => {
      const attributes = known({
        ...base,
        [ATTRIBUTE.toolType]: "function",
        [ATTRIBUTE.toolCallId]: context.toolCallId,
        [ATTRIBUTE.toolDescription]: description,
        [ATTRIBUTE.toolArguments]: capture?.(ATTRIBUTE.toolArguments, args),
      });
      return withinSpan(tracer, `execute_tool ${name}`, { kind: SPAN_KIND.internal, attributes }, async (span) => {
        const startedAt = performance.now();
        const ended = (errorType?: string): void => {
          const type = errorType === undefined ? {} : { [ATTRIBUTE.errorType]: errorType };
          quietly(() => durations?.record((performance.now() - startedAt) / 1000, { ...base, ...type }));
          quietly(() => endSpan(span, type));
        };
        try {
          const result = await tool.run?.(args, context);
          const text = capture?.(ATTRIBUTE.toolResult, result);
          if (text !== undefined) quietly(() => span?.setAttributes({ [ATTRIBUTE.toolResult]: text }));
          ended(result instanceof Error ? errorName(result) : undefined);
          return result;
        } catch (error) {
          ended(errorName(error));
          throw error;
        }
      });
    };
    return { ...tool, run };
  }

  return tools.map(traced) as readonly Tool[] as Given;
}

function endSpan(span: Span | undefined, errorType: Attributes): void {
  if (Object.keys(errorType).length > 0) {
    span?.setAttributes(errorType);
    span?.setStatus({ code: STATUS_ERROR });
  }
  span?.end();
}

/** Returns the class of an error, which is of low cardinality, and not its message. */
function errorName(error: unknown): string {
  return quietly(() => (error instanceof Error ? error.name : undefined)) ?? "_OTHER";
}
