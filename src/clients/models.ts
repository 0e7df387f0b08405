/**
 * Ids of chat models, as the providers' pages and SDKs named them on 2026-11-29. They are suggestions for an editor:
 * any other string is accepted as a model. Ids appear and disappear every month; the reply's `model` reports the model
 * that answered. Comments give the day on which a model stops, if known (see `retired` in `cloudllm/models`, with the
 * source).
 *
 * Some ids of the Rust library are left out:
 * - ids that no SDK and no price list knows (`o4-mini-high`, `gpt-5.5-mini`, `gemini-2.5-pro-latest` …)
 * - misspelt ids (`claude-haiku-3-5-haiku-latest`, `grok-4-fast-nonreasoning` …)
 * - ids that the providers have shut down (`o1-preview`, `gpt-4.5-preview`, Claude 4.0, Grok 2 to 4, `grok-build-0.1`
 *   …)
 *
 * Ids that were shut down in the summer of 2026 or later, when the library's last list was made, are here, marked as
 * deprecated.
 */

/** OpenAI's chat models. `GPT5Pro`, `GPT55Pro`, `O3Pro` and `GPT53Codex` answer over Responses only. */
export const OpenAIModel = {
  /** @deprecated Shut down on 2026-10-23. */
  O4Mini: "o4-mini",
  /** Shuts down on 2026-12-11. */
  O3Pro: "o3-pro",
  /** @deprecated Shut down on 2026-10-23. */
  O3Mini: "o3-mini",
  /** Shuts down on 2026-12-11. */
  O3: "o3",
  /** @deprecated Shut down on 2026-10-23. */
  O1: "o1",
  GPTChatLatest: "gpt-chat-latest",
  GPT56Terra: "gpt-5.6-terra",
  GPT56Sol: "gpt-5.6-sol",
  GPT56Luna: "gpt-5.6-luna",
  GPT56: "gpt-5.6",
  GPT55Pro: "gpt-5.5-pro",
  GPT55: "gpt-5.5",
  GPT54Pro: "gpt-5.4-pro",
  /** Shuts down on 2027-04-01. */
  GPT54Nano: "gpt-5.4-nano",
  GPT54Mini: "gpt-5.4-mini",
  GPT54: "gpt-5.4",
  /** Shuts down on 2027-04-01. */
  GPT53Codex: "gpt-5.3-codex",
  /** @deprecated Shut down on 2026-08-10. */
  GPT53ChatLatest: "gpt-5.3-chat-latest",
  GPT52Pro: "gpt-5.2-pro",
  /** @deprecated Shut down on 2026-08-10. */
  GPT52ChatLatest: "gpt-5.2-chat-latest",
  GPT52: "gpt-5.2",
  /** Shuts down on 2027-04-01. */
  GPT51: "gpt-5.1",
  /** Shuts down on 2026-12-11. */
  GPT5Pro: "gpt-5-pro",
  /** Shuts down on 2026-12-11. */
  GPT5Nano: "gpt-5-nano",
  /** Shuts down on 2026-12-11. */
  GPT5Mini: "gpt-5-mini",
  /** @deprecated Shut down on 2026-07-23. */
  GPT5ChatLatest: "gpt-5-chat-latest",
  /** Shuts down on 2026-12-11. */
  GPT5: "gpt-5",
  /** Shuts down on 2027-01-14. */
  GPT4oMini: "gpt-4o-mini",
  /** Shuts down on 2027-01-14. */
  GPT4o: "gpt-4o",
  /** @deprecated Shut down on 2026-10-23. */
  GPT41Nano: "gpt-4.1-nano",
  /** Shuts down on 2027-01-14. */
  GPT41Mini: "gpt-4.1-mini",
  /** Shuts down on 2027-01-14. */
  GPT41: "gpt-4.1",
  GPT6Astra: "gpt-6-astra",
  GPT6Sol: "gpt-6-sol",
  GPT6Luna: "gpt-6-luna",
  GPT61Terra: "gpt-6.1-terra",
  GPT61Sol: "gpt-6.1-sol",
  GPT62Astra: "gpt-6.2-astra",
  GPT62Sol: "gpt-6.2-sol",
} as const;

/** One of `OpenAIModel`, or any other id. */
export type OpenAIModelId = (typeof OpenAIModel)[keyof typeof OpenAIModel] | (string & {});

/** Anthropic's chat models. */
export const ClaudeModel = {
  ClaudeSonnet5: "claude-sonnet-5",
  ClaudeSonnet46: "claude-sonnet-4-6",
  /** Shuts down on 2026-11-30. */
  ClaudeSonnet45: "claude-sonnet-4-5",
  ClaudeOpus5Fast: "claude-opus-5-fast",
  ClaudeOpus5: "claude-opus-5",
  ClaudeOpus48: "claude-opus-4-8",
  ClaudeOpus47: "claude-opus-4-7",
  ClaudeOpus46: "claude-opus-4-6",
  /** Shuts down on 2027-01-22. */
  ClaudeOpus45: "claude-opus-4-5",
  /** @deprecated Shut down on 2026-08-05. */
  ClaudeOpus41: "claude-opus-4-1",
  ClaudeHaiku55: "claude-haiku-5-5",
  ClaudeHaiku45: "claude-haiku-4-5",
  ClaudeFable5: "claude-fable-5",
  ClaudeOpus55: "claude-opus-5-5",
  ClaudeSonnet55: "claude-sonnet-5-5",
  ClaudeFable51: "claude-fable-5-1",
  ClaudeFable52: "claude-fable-5-2",
} as const;

/** One of `ClaudeModel`, or any other id. */
export type ClaudeModelId = (typeof ClaudeModel)[keyof typeof ClaudeModel] | (string & {});

/** Google's chat models. */
export const GeminiModel = {
  GeminiFlashLiteLatest: "gemini-flash-lite-latest",
  GeminiFlashLatest: "gemini-flash-latest",
  Gemini37Flash: "gemini-3.7-flash",
  Gemini36Flash: "gemini-3.6-flash",
  Gemini35FlashLite: "gemini-3.5-flash-lite",
  Gemini35Flash: "gemini-3.5-flash",
  Gemini31ProPreviewCustomtools: "gemini-3.1-pro-preview-customtools",
  Gemini31ProPreview: "gemini-3.1-pro-preview",
  Gemini31FlashLite: "gemini-3.1-flash-lite",
  Gemini3FlashPreview: "gemini-3-flash-preview",
  /** Shuts down on 2026-12-01. */
  Gemini25Pro: "gemini-2.5-pro",
  Gemini25FlashLite: "gemini-2.5-flash-lite",
  /** Shuts down on 2026-12-01. */
  Gemini25Flash: "gemini-2.5-flash",
  Gemini38Flash: "gemini-3.8-flash",
  Gemini4Argon: "gemini-4-argon",
  Gemini4Carbon: "gemini-4-carbon",
  Gemini4Hydrogen: "gemini-4-hydrogen",
  Gemini4Neon: "gemini-4-neon",
} as const;

/** One of `GeminiModel`, or any other id. */
export type GeminiModelId = (typeof GeminiModel)[keyof typeof GeminiModel] | (string & {});

/** xAI's chat models. */
export const GrokModel = {
  Grok46Latest: "grok-4.6-latest",
  Grok46: "grok-4.6",
  Grok45Latest: "grok-4.5-latest",
  Grok45: "grok-4.5",
  Grok43Latest: "grok-4.3-latest",
  Grok43: "grok-4.3",
  Grok420Reasoning: "grok-4.20-reasoning",
  Grok420NonReasoning: "grok-4.20-non-reasoning",
  Grok47: "grok-4.7",
} as const;

/** One of `GrokModel`, or any other id. */
export type GrokModelId = (typeof GrokModel)[keyof typeof GrokModel] | (string & {});
