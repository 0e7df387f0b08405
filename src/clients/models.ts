/** Placeholder until the real list lands. */
export const OpenAIModel = { GPT5Nano: "gpt-5-nano" } as const;
export const ClaudeModel = { ClaudeHaiku45: "claude-haiku-4-5" } as const;
export const GeminiModel = { Gemini35FlashLite: "gemini-3.5-flash-lite" } as const;
export const GrokModel = { Grok43: "grok-4.3" } as const;
type Id<T> = T[keyof T] | (string & {});
export type OpenAIModelId = Id<typeof OpenAIModel>;
export type ClaudeModelId = Id<typeof ClaudeModel>;
export type GeminiModelId = Id<typeof GeminiModel>;
export type GrokModelId = Id<typeof GrokModel>;
