/** xsAI, the small one. */
import { streamText } from "@xsai/stream-text";
import { model, question } from "../../request.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  return async (onText) => {
    const { textStream, usage } = streamText({
      apiKey: "sk-none",
      baseURL: `${baseUrl}/`,
      model,
      messages: [{ role: "user", content: question }],
      streamOptions: { includeUsage: true },
    });
    for await (const text of textStream) onText(text);
    return (await usage)?.completion_tokens;
  };
}
