/** By hand, over `fetch`. */
import { fetchEvents } from "../events.mjs";
import { body, reader } from "./by-hand.mjs";

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  return async (onText) => {
    const reply = reader(onText);
    await fetchEvents(`${baseUrl}/chat/completions`, { authorization: "Bearer sk-none" }, body, reply.read);
    return reply.outputTokens;
  };
}
