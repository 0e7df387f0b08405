/** pi-ai, with a model of its own description, as its documentation shows for other addresses. */
import { stream } from "@earendil-works/pi-ai";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const described = {
    id: model,
    name: model,
    api: "openai-completions",
    provider: "openai",
    baseUrl,
    reasoning: false,
    input: ["text"],
    cost: { input: 0.15, output: 0.6, cacheRead: 0.075, cacheWrite: 0 },
    contextWindow: 128_000,
    maxTokens: 16_384,
  };
  return async (onText) => {
    const context = { messages: [{ role: "user", content: question, timestamp: Date.now() }] };
    const events = stream(described, context, { apiKey: "sk-none" });
    for await (const event of events) if (event.type === "text_delta") onText(event.delta);
    return (await events.result()).usage.output;
  };
}
