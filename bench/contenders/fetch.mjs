/** The loop that anyone would write: `fetch`, a TextDecoder, lines, `JSON.parse`. */
import { model, question } from "../request.mjs";
import { eventReader } from "./events.mjs";

/** @type {import("../contenders.mjs").Open} */
export function open(baseUrl) {
  return async (onText) => {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-none" },
      body: JSON.stringify({
        model,
        messages: [{ role: "user", content: question }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const decoder = new TextDecoder();
    const events = eventReader(onText);
    for await (const bytes of response.body) events.push(decoder.decode(bytes, { stream: true }));
    return events.outputTokens;
  };
}
