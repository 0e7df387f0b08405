/** Vercel's AI SDK with its Anthropic provider: its streaming for one reader, without a replay. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { experimental_streamTextLowMemory } from "ai";
import { question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const anthropic = createAnthropic({ apiKey: "sk-none", baseURL: `${baseUrl}/v1` });
  return async (onText) => {
    const result = experimental_streamTextLowMemory({ model: anthropic("claude-haiku-4-5"), prompt: question });
    for await (const text of result.textStream) onText(text);
    return (await result.usage).outputTokens;
  };
}
