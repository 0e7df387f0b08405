/** By hand, over `fetch`. */
import { model, question } from "../../request.mjs";
import { fetchEvents } from "../events.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  const body = { model, input: question, stream: true, store: false };
  return async (onText) => {
    let outputTokens;
    await fetchEvents(`${baseUrl}/responses`, { authorization: "Bearer sk-none" }, body, (event) => {
      if (event.type === "response.output_text.delta") onText(event.delta);
      else if (event.type === "response.completed") outputTokens = event.response.usage.output_tokens;
    });
    return outputTokens;
  };
}
