/** Vercel's AI SDK with its Google provider: its streaming for one reader, without a replay. */
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { experimental_streamTextLowMemory } from "ai";
import { question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const google = createGoogleGenerativeAI({ apiKey: "sk-none", baseURL: `${baseUrl}/v1beta` });
  return async (onText) => {
    const result = experimental_streamTextLowMemory({ model: google("gemini-2.5-flash"), prompt: question });
    for await (const text of result.textStream) onText(text);
    return (await result.usage).outputTokens;
  };
}
