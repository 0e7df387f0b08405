/** TanStack AI with its OpenAI adapter, over Chat Completions. */
import { chat } from "@tanstack/ai";
import { createOpenaiChatCompletions } from "@tanstack/ai-openai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseURL) {
  const adapter = createOpenaiChatCompletions(model, "sk-none", { baseURL });
  return async (onText) => {
    let outputTokens;
    for await (const chunk of chat({ adapter, messages: [{ role: "user", content: question }] })) {
      if (chunk.type === "TEXT_MESSAGE_CONTENT") onText(chunk.delta);
      if (chunk.type === "RUN_FINISHED") outputTokens = chunk.usage?.completionTokens;
    }
    return outputTokens;
  };
}
