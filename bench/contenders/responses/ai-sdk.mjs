/** Vercel's AI SDK with its OpenAI provider: its streaming for one reader, without a replay. */
import { createOpenAI } from "@ai-sdk/openai";
import { experimental_streamTextLowMemory } from "ai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const openai = createOpenAI({ apiKey: "sk-none", baseURL });
  return async (onText) => {
    const result = experimental_streamTextLowMemory({ model: openai.responses(model), prompt: question });
    for await (const text of result.textStream) onText(text);
    return (await result.usage).outputTokens;
  };
}
