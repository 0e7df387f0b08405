/** Google's own library. */
import { GoogleGenAI } from "@google/genai";
import { question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const client = new GoogleGenAI({ apiKey: "sk-none", httpOptions: { baseUrl } });
  return async (onText) => {
    const stream = await client.models.generateContentStream({ model: "gemini-2.5-flash", contents: question });
    let outputTokens;
    for await (const chunk of stream) {
      const text = chunk.text;
      if (text) onText(text);
      outputTokens = chunk.usageMetadata?.candidatesTokenCount;
    }
    return outputTokens;
  };
}
