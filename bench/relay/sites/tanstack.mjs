/** TanStack AI with its durability in memory; `memory-1` appends each chunk by itself. */
import { chat, memoryStream, resumeServerSentEventsResponse, toServerSentEventsResponse } from "@tanstack/ai";
import { createOpenaiChatCompletions } from "@tanstack/ai-openai";
import { model } from "../../request.mjs";

/** @type {import("../sites.mjs").Open} */
export async function open(provider, log) {
  const adapter = createOpenaiChatCompletions(model, "sk-none", { baseURL: provider });
  return async (request) => {
    if (request.method === "GET") {
      const runId = new URL(request.url).searchParams.get("run");
      return resumeServerSentEventsResponse({ adapter: memoryStream({ runId, offset: "-1" }) });
    }
    const { messages } = await request.json();
    const stream = chat({ adapter, messages });
    const durability = { adapter: memoryStream(request), ...(log === "memory-1" && { batch: 1 }) };
    return toServerSentEventsResponse(stream, log === "off" ? {} : { durability });
  };
}
