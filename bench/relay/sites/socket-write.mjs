/**
 * The least that a server on Node can add: the client, and one write to the socket for each chunk, without Node's
 * streams of HTTP in between. No program should be written so: it does not wait for a viewer that is slow.
 */
import { CompatibleClient } from "cloudllm";
import { model, question } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider) {
  const client = new CompatibleClient({ model, baseUrl: provider, apiKey: "sk-none" });
  return (request, response) => {
    request.resume();
    answer(client, response).catch(() => response.destroy());
  };
}

async function answer(client, response) {
  const stream = await client.sendMessageStream([{ role: "user", content: question }]);
  response.writeHead(200, { "content-type": "text/event-stream", "transfer-encoding": "chunked" });
  response.flushHeaders();
  const { socket } = response;
  for await (const { content } of stream) {
    if (content === "") continue;
    const event = `data: {"text":${JSON.stringify(content)}}\n\n`;
    socket.write(`${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
  }
  response.end();
}

export const isListener = true;
