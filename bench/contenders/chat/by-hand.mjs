/** What both loops written by hand ask and read. */
import { model, question } from "../../request.mjs";

export const body = {
  model,
  messages: [{ role: "user", content: question }],
  stream: true,
  stream_options: { include_usage: true },
};

export function reader(onText) {
  const reply = {
    outputTokens: undefined,
    read(chunk) {
      const text = chunk.choices[0]?.delta.content;
      if (text) onText(text);
      if (chunk.usage) reply.outputTokens = chunk.usage.completion_tokens;
    },
  };
  return reply;
}
