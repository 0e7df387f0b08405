/** The chat of the AI SDK, with its default transport. The address of the page has the option `throttle`. */
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { PAIRS } from "./history.mjs";

const throttle = Number(new URLSearchParams(location.search).get("throttle")) || undefined;
const transport = new DefaultChatTransport({ api: "/ai-sdk" });
const messageOf = (role, text, index) => ({ id: `${role}-${index}`, role, parts: [{ type: "text", text }] });
const messages = PAIRS.flatMap(([question, answer], index) => [
  messageOf("user", question, index),
  messageOf("assistant", answer, index),
]);
const textOf = ({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join("");

/** Returns the messages, each with its text, and the function that sends one. */
export function useConversation({ replays }) {
  const chat = useChat({
    id: replays ? "replay" : "live",
    transport,
    throttle,
    ...(replays ? { resume: true } : { messages }),
  });
  return { messages: chat.messages, textOf, send: (text) => chat.sendMessage({ text }) };
}
