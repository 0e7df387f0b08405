/** This library, chunk by chunk. */
import { GeminiClient } from "cloudllm";
import { question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const client = new GeminiClient({ model: "gemini-2.5-flash", baseUrl, apiKey: "sk-none" });
  return async (onText) => {
    const stream = await client.sendMessageStream([{ role: "user", content: question }]);
    for await (const chunk of stream) onText(chunk.content);
    return (await stream.finalMessage()).usage.outputTokens;
  };
}
