/** What families of Claude models take; told by the model's name. */

/** One family's habits. */
export interface ClaudeFamily {
  /** The most tokens it writes, thinking included: `max_tokens` must be given. */
  readonly maxOutputTokens: number;
  /** How thinking is asked for: not at all, with a budget of tokens, as the model sees fit, or either way. */
  readonly thinking: "none" | "budget" | "either" | "adaptive";
  /** Whether it thinks unasked, and whether that can be turned off. */
  readonly thinksUnasked: boolean;
  readonly canStopThinking: boolean;
  readonly takesSampling: boolean;
  readonly takesOutputFormat: boolean;
  readonly takesForcedTool: boolean;
  /** Whether `temperature` and `top_p` go together. */
  readonly takesBothSamplings: boolean;
  /** Whether it goes on with an answer that the request begins for it; with thinking, none does. */
  readonly takesPrefix: boolean;
}

/** Servers with models of their own names. */
const UNKNOWN: ClaudeFamily = {
  maxOutputTokens: 8_192,
  thinking: "budget",
  thinksUnasked: false,
  canStopThinking: true,
  takesSampling: true,
  takesOutputFormat: true,
  takesForcedTool: true,
  takesBothSamplings: true,
  takesPrefix: false,
};

/**
 * The family of a model's name, with or without a date, a cloud's prefix or its older form (`claude-3-7-sonnet`).
 * @see https://docs.anthropic.com/en/docs/about-claude/models/overview
 */
export function claudeFamily(model: string): ClaudeFamily {
  // What follows a name may also be a date.
  const named = /(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model);
  const older = /claude-(\d)(?:[-.](\d))?-(?:opus|sonnet|haiku)/.exec(model);
  if (!named && !older) return /claude/.test(model) ? familyOf(/fable|mythos/.exec(model)?.[0] ?? "", 5) : UNKNOWN;
  const [, name = "", major, minor] = named ?? ["", "", older?.[1], older?.[2]];
  return familyOf(name, Number(major) + Number(minor ?? 0) / 10);
}

function familyOf(name: string, version: number): ClaudeFamily {
  const isMythical = name === "fable" || name === "mythos";
  return {
    maxOutputTokens: maxOutputTokensOf(name, version),
    thinking: version < 3.7 ? "none" : version < 4.6 ? "budget" : version < 4.7 ? "either" : "adaptive",
    thinksUnasked: version >= 5,
    canStopThinking: !isMythical && version < 5.5,
    takesSampling: version < 4.7,
    takesOutputFormat: version >= 4.1,
    takesForcedTool: !isMythical,
    takesBothSamplings: version < 4.5,
    takesPrefix: version < 4.6,
  };
}

function maxOutputTokensOf(name: string, version: number): number {
  if (version >= 4.6) return 128_000;
  if (version < 3.5) return 4_096;
  if (version < 3.7) return 8_192;
  return name === "opus" && version < 4.5 ? 32_000 : 64_000;
}
