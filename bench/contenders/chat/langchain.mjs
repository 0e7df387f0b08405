/** LangChain's OpenAI integration; it asks for usage by itself. */
import { ChatOpenAI } from "@langchain/openai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const chat = new ChatOpenAI({ model, apiKey: "sk-none", configuration: { baseURL } });
  return async (onText) => {
    let outputTokens;
    for await (const chunk of await chat.stream(question)) {
      if (chunk.content !== "") onText(chunk.content);
      if (chunk.usage_metadata) outputTokens = chunk.usage_metadata.output_tokens;
    }
    return outputTokens;
  };
}
