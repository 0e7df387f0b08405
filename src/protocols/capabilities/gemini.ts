/** The features that each family of Gemini models accepts, read from the model's name. */

/** The capabilities of one family. */
export interface GeminiCapabilities {
  /** The way to enable thinking: none, with a budget of tokens, or by level. */
  readonly thinking: "none" | "budget" | "level";
  /** Whether thinking can be disabled (a budget of 0) or minimized (level MINIMAL). */
  readonly canStopThinking: boolean;
  /** Whether there is a level above HIGH. */
  readonly hasXhigh: boolean;
  /** Whether calls must carry the signature of the thoughts before them. */
  readonly wantsSignatures: boolean;
  /** Whether functions, search and JSON go together. */
  readonly combinesTools: boolean;
  readonly takesSampling: boolean;
  /** Whether there is a field for the system prompt. The first Gemmas take its text in the user's turn. */
  readonly takesSystem: boolean;
}

/** Models of other names, such as Gemma and tuned models: nothing is known of them. */
const UNKNOWN: GeminiCapabilities = {
  thinking: "none",
  canStopThinking: true,
  hasXhigh: false,
  wantsSignatures: false,
  combinesTools: true,
  takesSampling: true,
  takesSystem: true,
};

/** The last model that was looked up: the calls of a client name the same model. */
let last: { readonly model: string; readonly capabilities: GeminiCapabilities } | undefined;

/**
 * Returns the capabilities of a model by its name. A name without a version is an alias of the newest model.
 * @see https://ai.google.dev/gemini-api/docs/thinking
 */
export function geminiCapabilitiesOf(model: string): GeminiCapabilities {
  if (last?.model !== model) last = { model, capabilities: capabilitiesIn(model) };
  return last.capabilities;
}

function capabilitiesIn(model: string): GeminiCapabilities {
  if (!model.includes("gemini")) return { ...UNKNOWN, takesSystem: !/gemma-[123]/.test(model) };
  const [, major, minor] = /gemini-(\d+)(?:\.(\d+))?/.exec(model) ?? [];
  const version = major === undefined ? 3 : Number(`${major}.${minor ?? 0}`);
  const alwaysThinks = version >= 4 || /pro/.test(model) || /gemini-3\.[7-9]-flash(?!-lite)/.test(model);
  return {
    thinking: version < 2.5 ? "none" : version < 3 ? "budget" : "level",
    canStopThinking: !alwaysThinks,
    hasXhigh: /gemini-4-(hydrogen|neon)/.test(model),
    wantsSignatures: version >= 3,
    combinesTools: version >= 3,
    takesSampling: version < 4,
    takesSystem: true,
  };
}
