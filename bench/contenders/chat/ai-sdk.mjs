/** Vercel's AI SDK with its OpenAI provider, over Chat Completions. */
import { createOpenAI } from "@ai-sdk/openai";
import { streamText } from "ai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const openai = createOpenAI({ apiKey: "sk-none", baseURL });
  return async (onText) => {
    const result = streamText({ model: openai.chat(model), prompt: question });
    for await (const text of result.textStream) onText(text);
    return (await result.usage).outputTokens;
  };
}
