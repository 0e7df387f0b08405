/**
 * Pages of `useChat` of `@ai-sdk/react` in React 19, in a DOM without a browser. Does what lines of JSON on its standard
 * input say: see `ai-sdk-page.mjs`.
 */

import { Window } from "happy-dom";
import { serve } from "./ai-sdk-page.mjs";

const window = new Window({ url: "http://page.test/" });
globalThis.window = window;
globalThis.document = window.document;
globalThis.IS_REACT_ACT_ENVIRONMENT = false;

const { createElement, StrictMode, useEffect } = await import("react");
const { createRoot } = await import("react-dom/client");
const { useChat } = await import("@ai-sdk/react");
const { DefaultChatTransport } = await import("ai");

const pages = new Map();
let opened = 0;
let requests = [];
const { fetch } = globalThis;
globalThis.fetch = (input, init) => {
  requests.push(`${init?.method ?? "GET"} ${new URL(input).pathname.split("/").at(-1)}`);
  return fetch(input, init);
};

await serve({
  open({ url, id, messages, resume = false }) {
    const page = { facts: { finishes: [], toolCalls: [], data: [] }, renders: 0, mounts: 0, hook: undefined };
    const transport = new DefaultChatTransport({ api: url });
    const Chat = () => {
      const hook = useChat({
        ...(id !== undefined && { id }),
        ...(messages && { messages }),
        transport,
        resume,
        onFinish: ({ isAbort, isDisconnect, isError, finishReason }) =>
          page.facts.finishes.push({ isAbort, isDisconnect, isError, finishReason }),
        onError: () => undefined,
      });
      page.hook = hook;
      page.renders++;
      useEffect(() => void page.mounts++, []);
      const lines = hook.messages.map((message) =>
        createElement(
          "p",
          { key: message.id },
          message.parts.map((part) => (part.type === "text" ? part.text : "")).join(""),
        ),
      );
      return createElement("div", { title: hook.status }, lines);
    };
    page.element = document.createElement("div");
    page.root = createRoot(page.element);
    page.root.render(createElement(StrictMode, null, createElement(Chat)));
    const name = `page-${++opened}`;
    pages.set(name, page);
    requests = [];
    return new Promise((resolve) => {
      // StrictMode mounts it twice, and the hook stops the chat between.
      const look = () => (page.mounts > 1 ? resolve({ page: name, id: page.hook.id }) : setTimeout(look, 1));
      look();
    });
  },

  async call({ page, method, args = [] }) {
    const { hook } = pages.get(page);
    await hook[method](...args);
    return this.look({ page });
  },

  begin({ page, method, args = [] }) {
    const { hook, root } = pages.get(page);
    if (method === "unmount") root.unmount();
    else void hook[method](...args);
    return {};
  },

  look({ page }) {
    const { hook, facts, renders, element } = pages.get(page);
    const lines = [...element.querySelectorAll("p")].map(({ textContent }) => textContent);
    const { status, error, messages } = hook;
    return { status, error: error?.message, messages, writes: renders, lines, requests, ...facts };
  },
});
