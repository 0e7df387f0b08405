/** By hand, over `fetch`. */
import { question } from "../../request.mjs";
import { fetchEvents } from "../events.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const headers = { "x-api-key": "sk-none", "anthropic-version": "2023-06-01" };
  const messages = [{ role: "user", content: question }];
  const body = { model: "claude-haiku-4-5", max_tokens: 64_000, messages, stream: true };
  return async (onText) => {
    let outputTokens;
    await fetchEvents(`${baseUrl}/v1/messages`, headers, body, (event) => {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") onText(event.delta.text);
      else if (event.type === "message_delta") outputTokens = event.usage.output_tokens;
    });
    return outputTokens;
  };
}
