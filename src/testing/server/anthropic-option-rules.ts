/** Which options each family of Claude models refuses, in Anthropic's words. */

import type { JsonObject } from "../../platform/json-object.ts";
import type { ClaudeCapabilities } from "../../protocols/capabilities/claude.ts";
import { objectOr } from "./rules.ts";

/**
 * Returns the reason why Anthropic would refuse the options of the request; `undefined` for valid options.
 * @see https://platform.claude.com/docs/en/build-with-claude/thinking
 */
export function anthropicOptionFault(request: JsonObject, model: ClaudeCapabilities): string | undefined {
  return (
    thinkingFault(request, model) ??
    effortFault(request, model) ??
    toolChoiceFault(request, model) ??
    samplingFault(request, model)
  );
}

const USE_ADAPTIVE = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.';

function thinkingFault({ thinking, max_tokens }: JsonObject, model: ClaudeCapabilities): string | undefined {
  const { type, budget_tokens, ...others } = objectOr(thinking);
  const unsupported = (advice = USE_ADAPTIVE) => `"thinking.type.${type}" is not supported for this model. ${advice}`;
  switch (type) {
    case undefined:
      return undefined;
    case "adaptive":
      return model.thinking === "either" || model.thinking === "adaptive" ? undefined : unsupported("");
    case "enabled":
      if (model.thinking === "none" || model.thinking === "adaptive") return unsupported();
      if (typeof budget_tokens !== "number" || budget_tokens < 1_024)
        return "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
      return budget_tokens < Number(max_tokens)
        ? undefined
        : "`max_tokens` must be greater than `thinking.budget_tokens`.";
    case "disabled":
      if (model.stopsThinking === "never") return unsupported();
      if (model.stopsThinking === "between_tools") return unsupported('Use "thinking.type.between_tools".');
      return strayIn("disabled", others);
    case "between_tools":
      return model.stopsThinking === "between_tools" ? strayIn("between_tools", others) : unsupported();
    default:
      return `thinking: Input tag '${type}' found using 'type' does not match any of the expected tags`;
  }
}

function strayIn(type: string, others: JsonObject): string | undefined {
  const [stray] = Object.keys(others);
  return stray === undefined ? undefined : `thinking.${type}.${stray}: Extra inputs are not permitted`;
}

function effortFault({ thinking, output_config }: JsonObject, { efforts }: ClaudeCapabilities): string | undefined {
  const { effort } = objectOr(output_config);
  if (effort === undefined || efforts.length === 0) return undefined;
  const isOff = ["disabled", "between_tools"].includes(String(objectOr(thinking).type));
  const taken = efforts.filter((word) => !isOff || (word !== "xhigh" && word !== "max"));
  return taken.some((word) => word === effort)
    ? undefined
    : `output_config.effort: Input should be ${taken.join(", ")}`;
}

function toolChoiceFault(
  { tool_choice, thinking }: JsonObject,
  { takesForcedTool }: ClaudeCapabilities,
): string | undefined {
  const { type } = objectOr(tool_choice);
  if (type !== "any" && type !== "tool") return undefined;
  if (!takesForcedTool) return 'tool_choice: type "tool" and "any" are not supported for this model.';
  if (objectOr(thinking).type !== "enabled") return undefined;
  return "Thinking may not be enabled when tool_choice forces tool use.";
}

function samplingFault(request: JsonObject, model: ClaudeCapabilities): string | undefined {
  const { temperature, top_p, top_k, thinking } = request;
  const type = String(objectOr(thinking).type);
  const thinks = type === "enabled" || type === "adaptive";
  if (temperature !== undefined && !(Number(temperature) >= 0 && Number(temperature) <= 1))
    return "temperature: range: 0..1";
  if (!model.takesBothSamplings && temperature !== undefined && top_p !== undefined)
    return "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
  if (model.takesSampling && !thinks) return undefined;
  const why = thinks ? "when thinking is enabled" : "for this model";
  if (temperature !== undefined && temperature !== 1) return `\`temperature\` may only be set to 1 ${why}.`;
  if (top_k !== undefined) return `\`top_k\` must be unset ${why}.`;
  const least = model.takesSampling ? 0.95 : 0.99;
  const isTaken = model.bindsThinking ? top_p === 0.99 : Number(top_p) >= least;
  return top_p === undefined || isTaken ? undefined : `\`top_p\` must be greater than or equal to ${least} ${why}.`;
}
