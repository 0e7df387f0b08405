/** By hand, over `fetch`. */
import { question } from "../../request.mjs";
import { fetchEvents } from "../events.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const url = `${baseUrl}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse`;
  const body = { contents: [{ role: "user", parts: [{ text: question }] }] };
  return async (onText) => {
    let outputTokens;
    await fetchEvents(url, { "x-goog-api-key": "sk-none" }, body, (event) => {
      for (const part of event.candidates[0].content.parts) if (part.text) onText(part.text);
      outputTokens = event.usageMetadata.candidatesTokenCount;
    });
    return outputTokens;
  };
}
