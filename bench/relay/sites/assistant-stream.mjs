/** The replies of Vercel's AI SDK, kept by `assistant-stream/resumable`: each viewer reads them from the store. */
import { createOpenAI } from "@ai-sdk/openai";
import { streamText, UI_MESSAGE_STREAM_HEADERS } from "ai";
import { createInMemoryResumableStreamStore, createResumableStreamContext } from "assistant-stream/resumable";
import { model } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider, log, { redis }) {
  const openai = createOpenAI({ apiKey: "sk-none", baseURL: provider });
  const store = log === "redis" ? await storeOn(redis) : createInMemoryResumableStreamStore();
  const context = createResumableStreamContext({ store });
  return async (request) => {
    if (request.method === "GET") {
      const stream = await context.resume(new URL(request.url).searchParams.get("run"));
      return stream
        ? new Response(stream, { headers: UI_MESSAGE_STREAM_HEADERS })
        : new Response(null, { status: 404 });
    }
    const { run, messages } = await request.json();
    const reply = () => streamText({ model: openai.chat(model), messages }).toUIMessageStreamResponse().body;
    return new Response(await context.run(run, reply), { headers: UI_MESSAGE_STREAM_HEADERS });
  };
}

async function storeOn(redis) {
  const [{ createIoredisResumableStreamStore }, { Redis }] = await Promise.all([
    import("assistant-stream/resumable/ioredis"),
    import("ioredis"),
  ]);
  return createIoredisResumableStreamStore(new Redis(redis));
}
