/** No relay: the client alone, and next to nothing of a server. Its answer says when the first text was there. */
import { CompatibleClient } from "cloudllm";
import { model, question } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider) {
  const client = new CompatibleClient({ model, baseUrl: provider, apiKey: "sk-none" });
  return async (request, response) => {
    request.resume();
    const calledAt = performance.now();
    let firstAt;
    const stream = await client.sendMessageStream([{ role: "user", content: question }]);
    for await (const chunk of stream) if (chunk.content !== "") firstAt ??= performance.now();
    response.end(JSON.stringify({ firstTokenMs: firstAt - calledAt }));
  };
}

export const isListener = true;
