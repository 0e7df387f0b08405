/** A page that shows a chat with `useChat`, and says when it rendered: joined into one script by `renders.test.ts`. */

import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { useChat } from "../../src/react/index.ts";
import { createChats } from "../../src/web/index.ts";

globalThis.open = (url) => {
  const chat = createChats({ url }).open("c");
  const seen = { at: [], texts: [], text: "" };
  const Chat = () => {
    const { messages } = useChat(chat);
    const text = messages.map(({ content }) => content).join("\n");
    seen.at.push(performance.now());
    seen.texts.push(text.slice(0, 20));
    seen.text = text;
    return createElement("p", null, text);
  };
  createRoot(document.body.appendChild(document.createElement("div"))).render(createElement(Chat));
  Object.assign(globalThis, { seen, send: (text) => void chat.send(text) });
};
