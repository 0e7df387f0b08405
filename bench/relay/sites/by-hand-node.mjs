/**
 * A listener of `node:http` as one writes it by hand: each chunk is an event. It shows what a relay on Node costs at least. Nobody can come back to
 * it, nothing in the request is checked, and a stop is a closed connection.
 */
import { CompatibleClient } from "cloudllm";
import { model } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider) {
  const client = new CompatibleClient({ model, baseUrl: provider, apiKey: "sk-none" });
  return (request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text) => {
      body += text;
    });
    request.on("end", () => {
      answer(client, JSON.parse(body), response).catch(() => response.destroy());
    });
  };
}

async function answer(client, { messages }, response) {
  const stream = await client.sendMessageStream(messages);
  response.on("close", () => stream.stop());
  response.writeHead(200, { "content-type": "text/event-stream" });
  for await (const { content } of stream) {
    if (content === "" || response.write(`data: ${JSON.stringify({ text: content })}\n\n`)) continue;
    await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
  }
  response.end();
}

export const isListener = true;
