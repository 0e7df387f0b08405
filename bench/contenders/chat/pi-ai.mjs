/** pi-ai, with a provider of its own, from the small entry points that its documentation names for short starts. */
import { openAICompletionsApi } from "@earendil-works/pi-ai/api/openai-completions.lazy";
import { createModels, createProvider } from "@earendil-works/pi-ai/models";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const described = {
    id: model,
    name: model,
    api: "openai-completions",
    provider: "mock",
    baseUrl,
    reasoning: false,
    input: ["text"],
    cost: { input: 0.15, output: 0.6, cacheRead: 0.075, cacheWrite: 0 },
    contextWindow: 128_000,
    maxTokens: 16_384,
  };
  const models = createModels();
  models.setProvider(
    createProvider({
      id: "mock",
      auth: { apiKey: { name: "Mock", resolve: async () => ({ auth: { apiKey: "sk-none" } }) } },
      models: [described],
      api: openAICompletionsApi(),
    }),
  );
  return async (onText) => {
    const context = { messages: [{ role: "user", content: question, timestamp: Date.now() }] };
    const events = models.stream(models.getModel("mock", model), context);
    for await (const event of events) if (event.type === "text_delta") onText(event.delta);
    return (await events.result()).usage.output;
  };
}
