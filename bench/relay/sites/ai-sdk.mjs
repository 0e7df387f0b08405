/** Vercel's AI SDK, with its `resumable-stream` as the guide of `useChat` shows: each viewer is fed from the process that produces. */
import { createOpenAI } from "@ai-sdk/openai";
import { streamText, UI_MESSAGE_STREAM_HEADERS } from "ai";
import { model } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider, log, { redis }) {
  const openai = createOpenAI({ apiKey: "sk-none", baseURL: provider });
  const context = log === "redis" ? await contextOn(redis) : undefined;
  return async (request) => {
    if (request.method === "GET") {
      const stream = await context.resumeExistingStream(new URL(request.url).searchParams.get("run"));
      if (!stream) return new Response(null, { status: 204 });
      return new Response(stream.pipeThrough(new TextEncoderStream()), { headers: UI_MESSAGE_STREAM_HEADERS });
    }
    const { run, messages } = await request.json();
    const result = streamText({ model: openai.chat(model), messages });
    return result.toUIMessageStreamResponse(
      context && { consumeSseStream: ({ stream }) => context.createNewResumableStream(run, () => stream) },
    );
  };
}

async function contextOn(redis) {
  const [{ createResumableStreamContext }, { Redis }] = await Promise.all([
    import("resumable-stream/ioredis"),
    import("ioredis"),
  ]);
  return createResumableStreamContext({ waitUntil: null, publisher: new Redis(redis), subscriber: new Redis(redis) });
}
