/**
 * Ids of chat models, to be typed with completion. A list for convenience, not for checking: a client takes any other
 * string, for ids appear every month and die as often. Names are those of CloudLLM for Rust, and made the same way for
 * what it lacks. Sources: the unions `ChatModel` and `ResponsesModel` of openai-node, `Model` of
 * anthropic-sdk-typescript, the model unions of vercel/ai (August 2026), and for what came later the providers' model
 * pages, as of 2026-11-22. Dated snapshots are left out; write them as strings.
 */

/** A known id, or any other string. */
type AnyOf<Ids extends Readonly<Record<string, string>>> = Ids[keyof Ids] | (string & {});

/**
 * OpenAI. The `pro` models of GPT-5 and 5.5, `o3-pro` and the Codex model answer on the Responses API only. Last day of
 * `gpt-5`, `-mini`, `-nano`, `-pro`, `o3` and `o3-pro`: 2026-12-11.
 *
 * Left out because they are shut down: o1, o1-pro, o3-mini, o4-mini, gpt-4.1-nano (2026-10-23), gpt-5.2-chat-latest,
 * gpt-5.3-chat-latest (2026-08-10), gpt-5-chat-latest, gpt-5.1-chat-latest, the Codex models up to 5.2, the 4o search
 * previews (2026-07-23), chatgpt-4o-latest, codex-mini-latest, gpt-4.5-preview, o1-mini, o1-preview (before). Left out
 * because none of the sources has them: o4-mini-high, gpt-5-codex-mini, gpt-5.5-mini, gpt-5.5-nano, gpt-chat-latest.
 * @see https://developers.openai.com/api/docs/deprecations
 */
export const OpenAIModel = {
  GPT62Astra: "gpt-6.2-astra",
  GPT62Sol: "gpt-6.2-sol",
  GPT61Sol: "gpt-6.1-sol",
  GPT61Terra: "gpt-6.1-terra",
  GPT6Astra: "gpt-6-astra",
  GPT6Sol: "gpt-6-sol",
  GPT6Luna: "gpt-6-luna",
  GPT56: "gpt-5.6",
  GPT56Sol: "gpt-5.6-sol",
  GPT56Terra: "gpt-5.6-terra",
  GPT56Luna: "gpt-5.6-luna",
  GPT55: "gpt-5.5",
  GPT55Pro: "gpt-5.5-pro",
  GPT54: "gpt-5.4",
  GPT54Mini: "gpt-5.4-mini",
  GPT54Nano: "gpt-5.4-nano",
  GPT54Pro: "gpt-5.4-pro",
  GPT53Codex: "gpt-5.3-codex",
  GPT52: "gpt-5.2",
  GPT52Pro: "gpt-5.2-pro",
  GPT51: "gpt-5.1",
  GPT51Mini: "gpt-5.1-mini",
  GPT5: "gpt-5",
  GPT5Mini: "gpt-5-mini",
  GPT5Nano: "gpt-5-nano",
  GPT5Pro: "gpt-5-pro",
  GPT41: "gpt-4.1",
  GPT41Mini: "gpt-4.1-mini",
  GPT4o: "gpt-4o",
  GPt4oMini: "gpt-4o-mini", // spelt so in the original
  O3: "o3",
  O3Pro: "o3-pro",
} as const;

/** A model of OpenAI: one of `OpenAIModel`, or any other id. */
export type OpenAIModelId = AnyOf<typeof OpenAIModel>;

/**
 * Anthropic. `claude-sonnet-4-5` retires on 2026-11-30; the Mythos models are for verified organisations.
 *
 * Left out because they are retired: claude-opus-4-1 (2026-08-05), claude-opus-4-0 and claude-sonnet-4-0 (2026-06-15),
 * Claude 3.7, 3.5 and 3, of which the original has two malformed ids. Left out because a gateway made it up:
 * claude-opus-5-fast (at Anthropic a speed asked for in the request).
 * @see https://platform.claude.com/docs/en/about-claude/model-deprecations
 */
export const ClaudeModel = {
  ClaudeFable52: "claude-fable-5-2",
  ClaudeFable51: "claude-fable-5-1",
  ClaudeFable5: "claude-fable-5",
  ClaudeOpus55: "claude-opus-5-5",
  ClaudeOpus5: "claude-opus-5",
  ClaudeOpus48: "claude-opus-4-8",
  ClaudeOpus47: "claude-opus-4-7",
  ClaudeOpus46: "claude-opus-4-6",
  ClaudeOpus45: "claude-opus-4-5",
  ClaudeSonnet55: "claude-sonnet-5-5",
  ClaudeSonnet5: "claude-sonnet-5",
  ClaudeSonnet46: "claude-sonnet-4-6",
  ClaudeSonnet45: "claude-sonnet-4-5",
  ClaudeHaiku55: "claude-haiku-5-5",
  ClaudeHaiku45: "claude-haiku-4-5",
  ClaudeMythos5: "claude-mythos-5",
  ClaudeMythosPreview: "claude-mythos-preview",
} as const;

/** A model of Anthropic: one of `ClaudeModel`, or any other id. */
export type ClaudeModelId = AnyOf<typeof ClaudeModel>;

/**
 * Google. The `latest` ids move. Newer models answer for some deprecated ones: for `gemini-3.7-flash` and
 * `gemini-3.5-flash` already, for `gemini-2.5-pro` and `gemini-2.5-flash` from 2026-12-01.
 *
 * Left out because they are shut down: gemini-3.1-flash-lite-preview (2026-05-25), gemini-3-pro-preview (2026-03-09),
 * the 2.5 previews of September 2025, everything up to 2.0. Left out because none of the sources has
 * them: gemini-2.5-pro-latest, gemini-2.5-flash-latest, gemini-4-neon.
 * @see https://ai.google.dev/gemini-api/docs/deprecations
 */
export const GeminiModel = {
  GeminiProLatest: "gemini-pro-latest",
  GeminiFlashLatest: "gemini-flash-latest",
  GeminiFlashLiteLatest: "gemini-flash-lite-latest",
  Gemini4Argon: "gemini-4-argon",
  Gemini38Flash: "gemini-3.8-flash",
  Gemini37Flash: "gemini-3.7-flash",
  Gemini36Flash: "gemini-3.6-flash",
  Gemini35Flash: "gemini-3.5-flash",
  Gemini35FlashLite: "gemini-3.5-flash-lite",
  Gemini31ProPreview: "gemini-3.1-pro-preview",
  Gemini31ProPreviewCustomtools: "gemini-3.1-pro-preview-customtools",
  Gemini31FlashLite: "gemini-3.1-flash-lite",
  Gemini3FlashPreview: "gemini-3-flash-preview",
  Gemini25Pro: "gemini-2.5-pro",
  Gemini25Flash: "gemini-2.5-flash",
  Gemini25FlashLite: "gemini-2.5-flash-lite",
} as const;

/** A model of Google: one of `GeminiModel`, or any other id. */
export type GeminiModelId = AnyOf<typeof GeminiModel>;

/**
 * xAI. `grok-latest` moves.
 *
 * Left out because xAI retired them on 2026-05-15 (the newer `grok-4.3` and `grok-build-0.1` answer for them): grok-3,
 * grok-4, grok-4-fast, grok-4-1-fast and grok-code-fast-1 with their variants, one of them misspelt in the original;
 * Grok 2 went before. Left out because none of the sources has them, or has them any more: grok-4.3-latest,
 * grok-4.5-latest, grok-4.6-latest, grok-4-latest, and the `mini` and `fast` models of Grok 3.
 * @see https://docs.x.ai/developers/migration/may-15-retirement
 */
export const GrokModel = {
  GrokLatest: "grok-latest",
  Grok47: "grok-4.7",
  Grok46: "grok-4.6",
  Grok45: "grok-4.5",
  Grok43: "grok-4.3",
  Grok420Reasoning: "grok-4.20-reasoning",
  Grok420NonReasoning: "grok-4.20-non-reasoning",
  GrokBuild01: "grok-build-0.1",
} as const;

/** A model of xAI: one of `GrokModel`, or any other id. */
export type GrokModelId = AnyOf<typeof GrokModel>;
