/**
 * Ids of chat models, as the providers' pages and SDKs named them on 2026-11-22: suggestions for an editor, never a gate. Ids
 * appear and die every month; any other string is accepted wherever a model is named, and the reply's `model` says what ran.
 *
 * Left out of what the Rust library listed: ids that no SDK and no price list knows (`o4-mini-high`, `gpt-5.5-mini`,
 * `gemini-2.5-pro-latest` …), misspelt ones (`claude-haiku-3-5-haiku-latest`, `grok-4-fast-nonreasoning` …), and Grok 2, 3
 * and the fast variants of 4, which xAI retired by 2026-05-15.
 */

/** OpenAI's chat models. */
export const OpenAIModel = {
  O4Mini: "o4-mini",
  O3Pro: "o3-pro",
  O3Mini: "o3-mini",
  O3: "o3",
  O1Pro: "o1-pro",
  O1Preview: "o1-preview",
  O1Mini: "o1-mini",
  O1: "o1",
  GPTChatLatest: "gpt-chat-latest",
  GPT56Terra: "gpt-5.6-terra",
  GPT56Sol: "gpt-5.6-sol",
  GPT56Luna: "gpt-5.6-luna",
  GPT56: "gpt-5.6",
  GPT55Pro: "gpt-5.5-pro",
  GPT55: "gpt-5.5",
  GPT54Pro: "gpt-5.4-pro",
  GPT54Nano: "gpt-5.4-nano",
  GPT54Mini: "gpt-5.4-mini",
  GPT54: "gpt-5.4",
  GPT53Codex: "gpt-5.3-codex",
  GPT53ChatLatest: "gpt-5.3-chat-latest",
  GPT52Pro: "gpt-5.2-pro",
  GPT52Codex: "gpt-5.2-codex",
  GPT52ChatLatest: "gpt-5.2-chat-latest",
  GPT52: "gpt-5.2",
  GPT51CodexMini: "gpt-5.1-codex-mini",
  GPT51CodexMax: "gpt-5.1-codex-max",
  GPT51Codex: "gpt-5.1-codex",
  GPT51ChatLatest: "gpt-5.1-chat-latest",
  GPT51: "gpt-5.1",
  GPT5Pro: "gpt-5-pro",
  GPT5Nano: "gpt-5-nano",
  GPT5Mini: "gpt-5-mini",
  GPT5Codex: "gpt-5-codex",
  GPT5ChatLatest: "gpt-5-chat-latest",
  GPT5: "gpt-5",
  GPT4oSearchPreview: "gpt-4o-search-preview",
  GPT4oMiniSearchPreview: "gpt-4o-mini-search-preview",
  GPT4oMini: "gpt-4o-mini",
  GPT4o: "gpt-4o",
  GPT45Preview: "gpt-4.5-preview",
  GPT41Nano: "gpt-4.1-nano",
  GPT41Mini: "gpt-4.1-mini",
  GPT41: "gpt-4.1",
  CodexMiniLatest: "codex-mini-latest",
  ChatGPT4oLatest: "chatgpt-4o-latest",
  GPT6Astra: "gpt-6-astra",
  GPT6Sol: "gpt-6-sol",
  GPT6Luna: "gpt-6-luna",
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
  ClaudeSonnet45: "claude-sonnet-4-5",
  ClaudeSonnet4: "claude-sonnet-4-0",
  ClaudeOpus5Fast: "claude-opus-5-fast",
  ClaudeOpus5: "claude-opus-5",
  ClaudeOpus48: "claude-opus-4-8",
  ClaudeOpus47: "claude-opus-4-7",
  ClaudeOpus46: "claude-opus-4-6",
  ClaudeOpus45: "claude-opus-4-5",
  ClaudeOpus41: "claude-opus-4-1",
  ClaudeOpus4: "claude-opus-4-0",
  ClaudeHaiku45: "claude-haiku-4-5",
  ClaudeFable5: "claude-fable-5",
  ClaudeOpus55: "claude-opus-5-5",
  ClaudeSonnet55: "claude-sonnet-5-5",
  ClaudeFable51: "claude-fable-5-1",
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
  Gemini31FlashLitePreview: "gemini-3.1-flash-lite-preview",
  Gemini31FlashLite: "gemini-3.1-flash-lite",
  Gemini3ProPreview: "gemini-3-pro-preview",
  Gemini3FlashPreview: "gemini-3-flash-preview",
  Gemini25Pro: "gemini-2.5-pro",
  Gemini25FlashPreview092025: "gemini-2.5-flash-preview-09-2025",
  Gemini25FlashLitePreview092025: "gemini-2.5-flash-lite-preview-09-2025",
  Gemini25FlashLite: "gemini-2.5-flash-lite",
  Gemini25Flash: "gemini-2.5-flash",
  Gemini38Flash: "gemini-3.8-flash",
  Gemini4Argon: "gemini-4-argon",
} as const;

/** One of `GeminiModel`, or any other id. */
export type GeminiModelId = (typeof GeminiModel)[keyof typeof GeminiModel] | (string & {});

/** xAI's chat models. */
export const GrokModel = {
  GrokBuild01: "grok-build-0.1",
  Grok46Latest: "grok-4.6-latest",
  Grok46: "grok-4.6",
  Grok45Latest: "grok-4.5-latest",
  Grok45: "grok-4.5",
  Grok43Latest: "grok-4.3-latest",
  Grok43: "grok-4.3",
  Grok420Reasoning: "grok-4.20-reasoning",
  Grok420NonReasoning: "grok-4.20-non-reasoning",
  Grok4Latest: "grok-4-latest",
  Grok4: "grok-4",
  Grok47: "grok-4.7",
} as const;

/** One of `GrokModel`, or any other id. */
export type GrokModelId = (typeof GrokModel)[keyof typeof GrokModel] | (string & {});
