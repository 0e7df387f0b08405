/** This library, all chunks of a read at a time. */
import { CompatibleClient } from "cloudllm";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const client = new CompatibleClient({ model, baseUrl, apiKey: "sk-none" });
  return async (onText) => {
    const stream = await client.sendMessageStream([{ role: "user", content: question }]);
    for await (const batch of stream.batches()) for (const chunk of batch) onText(chunk.content);
    return (await stream.finalMessage()).usage.outputTokens;
  };
}
