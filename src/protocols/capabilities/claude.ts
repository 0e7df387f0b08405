/** The features that each family of Claude models accepts, read from the model's name. */

/** A word for how much a model thinks. */
type ClaudeEffort = "low" | "medium" | "high" | "xhigh" | "max";

/** The capabilities of one family. */
export interface ClaudeCapabilities {
  /** Maximum output in tokens, thinking included: the request must carry `max_tokens`. */
  readonly maxOutputTokens: number;
  /** The way to enable thinking: none, with a budget of tokens, with an effort, or either of the two. */
  readonly thinking: "none" | "budget" | "either" | "adaptive";
  readonly thinksByDefault: boolean;
  /**
   * How a request disables thinking: by omission, by one of two types, or it cannot. Both types go only with an effort
   * up to `high`.
   */
  readonly stopsThinking: "byOmission" | "disabled" | "between_tools" | "never";
  /** The efforts of `output_config.effort`, weakest first; empty where the model takes none or wants a budget. */
  readonly efforts: readonly ClaudeEffort[];
  /** Whether the API ties signed thinking to everything before it, and refuses it in another conversation. */
  readonly bindsThinking: boolean;
  readonly takesSampling: boolean;
  /** Whether `temperature` and `top_p` go together. */
  readonly takesBothSamplings: boolean;
  readonly takesOutputFormat: boolean;
  /** Whether `tool_choice` may be `any` or `tool`. A thinking budget rules both out everywhere. */
  readonly takesForcedTool: boolean;
  /** Whether the model continues an answer that the request begins for it; with thinking, no model does. */
  readonly prefill: "taken" | "refused" | "unknown";
}

/** Models with names of their own, at servers that speak Anthropic's protocol. */
const UNKNOWN: ClaudeCapabilities = {
  maxOutputTokens: 8_192,
  thinking: "budget",
  thinksByDefault: false,
  // Most of these models think by default.
  stopsThinking: "disabled",
  efforts: [],
  bindsThinking: false,
  takesSampling: true,
  takesBothSamplings: true,
  takesOutputFormat: true,
  takesForcedTool: true,
  prefill: "unknown",
};

/** A model later than this table gets the strictest request: none of the options that the 5.5 family refuses. */
const LATEST = /* @__PURE__ */ version(5, 5);

/** The latest model that was asked for: the calls of a client name the same model. */
let last: { readonly model: string; readonly capabilities: ClaudeCapabilities } | undefined;

/**
 * Returns the capabilities of a model by its name, with or without a date, a cloud's prefix or the older form
 * (`claude-3-7-sonnet`). An unknown `claude-*` is taken for Opus 5.5.
 * @see https://platform.claude.com/docs/en/about-claude/models/overview
 * @see https://platform.claude.com/docs/en/build-with-claude/thinking
 */
export function claudeCapabilitiesOf(model: string): ClaudeCapabilities {
  if (last?.model !== model) last = { model, capabilities: capabilitiesIn(model) };
  return last.capabilities;
}

function capabilitiesIn(model: string): ClaudeCapabilities {
  // A name may be followed by a date.
  const named = /(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model);
  if (named) return familyOf(named[1] ?? "", version(Number(named[2]), Number(named[3] ?? 0)));
  const older = /claude-(\d)(?:[-.](\d))?-(?:opus|sonnet|haiku)/.exec(model);
  if (older) return familyOf("", version(Number(older[1]), Number(older[2] ?? 0)));
  return /claude/.test(model) ? familyOf("", LATEST) : UNKNOWN;
}

/** Sorts 4.10 behind 4.9. */
function version(major: number, minor: number): number {
  return major * 100 + minor;
}

function familyOf(name: string, number: number): ClaudeCapabilities {
  const from = (major: number, minor: number) => number >= version(major, minor);
  const isMythical = name === "fable" || name === "mythos";
  return {
    maxOutputTokens: maxOutputTokensOf(name, number),
    thinking: !from(3, 7) ? "none" : !from(4, 6) ? "budget" : !from(4, 7) ? "either" : "adaptive",
    thinksByDefault: from(5, 0),
    stopsThinking: from(5, 0) ? stopsThinkingOf(name, number) : "byOmission",
    efforts: from(4, 7)
      ? ["low", "medium", "high", "xhigh", "max"]
      : from(4, 6)
        ? ["low", "medium", "high", "max"]
        : [],
    bindsThinking: from(5, 1),
    takesSampling: !from(4, 7),
    takesBothSamplings: !from(4, 5),
    takesOutputFormat: from(4, 1),
    takesForcedTool: !isMythical && (!from(5, 1) || (name === "haiku" && number <= LATEST)),
    prefill: from(4, 6) ? "refused" : "taken",
  };
}

/** Returns the way to stop the thinking of models that think by default. */
function stopsThinkingOf(name: string, number: number): ClaudeCapabilities["stopsThinking"] {
  if (number > LATEST || name === "fable" || name === "mythos") return "never";
  if (number <= version(5, 0)) return "disabled";
  if (name === "haiku") return "disabled";
  return name === "sonnet" ? "between_tools" : "never";
}

function maxOutputTokensOf(name: string, number: number): number {
  if (number >= version(4, 6)) return 128_000;
  if (number < version(3, 5)) return 4_096;
  if (number < version(3, 7)) return 8_192;
  return name === "opus" && number < version(4, 5) ? 32_000 : 64_000;
}
