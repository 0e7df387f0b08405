/** This library, chunk by chunk. */
import { CompatibleClient } from "cloudllm";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const client = new CompatibleClient({ model, baseUrl, apiKey: "sk-none" });
  return async (onText) => {
    const stream = await client.sendMessageStream([{ role: "user", content: question }]);
    for await (const chunk of stream) onText(chunk.content);
    return (await stream.finalMessage()).usage.outputTokens;
  };
}
