/** OpenAI's own library. */
import OpenAI from "openai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const client = new OpenAI({ apiKey: "sk-none", baseURL });
  return async (onText) => {
    const stream = await client.responses.create({ model, input: question, stream: true, store: false });
    let outputTokens;
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") onText(event.delta);
      else if (event.type === "response.completed") outputTokens = event.response.usage.output_tokens;
    }
    return outputTokens;
  };
}
