/** OpenAI's own library. */
import OpenAI from "openai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const client = new OpenAI({ apiKey: "sk-none", baseURL });
  return async (onText) => {
    const stream = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: question }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let outputTokens;
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content;
      if (text) onText(text);
      if (chunk.usage) outputTokens = chunk.usage.completion_tokens;
    }
    return outputTokens;
  };
}
