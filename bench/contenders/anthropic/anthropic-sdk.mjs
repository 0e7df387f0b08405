/** Anthropic's own library. */
import Anthropic from "@anthropic-ai/sdk";
import { question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const client = new Anthropic({ apiKey: "sk-none", baseURL });
  return async (onText) => {
    const stream = await client.messages.create({
      model: "claude-haiku-4-5",
      max_tokens: 64_000,
      messages: [{ role: "user", content: question }],
      stream: true,
    });
    let outputTokens;
    for await (const event of stream) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") onText(event.delta.text);
      else if (event.type === "message_delta") outputTokens = event.usage.output_tokens;
    }
    return outputTokens;
  };
}
