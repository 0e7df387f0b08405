/** The same as `by-hand-node`, as a handler of web standards. */
import { CompatibleClient } from "cloudllm";
import { model } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider) {
  const client = new CompatibleClient({ model, baseUrl: provider, apiKey: "sk-none" });
  const encoder = new TextEncoder();
  return async (request) => {
    const { messages } = await request.json();
    const stream = await client.sendMessageStream(messages);
    const chunks = stream[Symbol.asyncIterator]();
    const body = new ReadableStream({
      async pull(controller) {
        for (;;) {
          const { done, value } = await chunks.next();
          if (done) return controller.close();
          if (value.content === "") continue;
          return controller.enqueue(encoder.encode(`data: ${JSON.stringify({ text: value.content })}\n\n`));
        }
      },
      cancel: () => chunks.return(),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
}
