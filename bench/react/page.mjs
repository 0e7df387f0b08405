/** The page that is measured: a list of messages, each in `memo`, and a slow part that a transition shows. */

import { useConversation } from "contender";
import { createElement, memo, startTransition, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { WORD } from "./history.mjs";

/** Work of the transition: so many components of a millisecond each. */
const SLOW_PARTS = 200;

const replays = new URLSearchParams(location.search).has("replay");
const seen = {
  renders: 0,
  messageRenders: 0,
  identities: new Map(),
  changed: 0,
  text: "",
  send: undefined,
  go: undefined,
};

const Message = memo(function Message({ text }) {
  return createElement("p", null, text);
});

const Line = memo(function Line({ message, textOf }) {
  seen.messageRenders++;
  return createElement(Message, { text: textOf(message) });
});

function List() {
  seen.renders++;
  const { messages, textOf, send } = useConversation({ replays });
  seen.send = send;
  for (const [index, message] of messages.slice(0, -1).entries()) {
    if (seen.identities.has(index) && seen.identities.get(index) !== message) seen.changed++;
    seen.identities.set(index, message);
  }
  const last = messages.at(-1);
  seen.text = last?.role === "assistant" ? textOf(last) : "";
  return messages.map((message) => createElement(Line, { key: message.id, message, textOf }));
}

function Slow() {
  const since = performance.now();
  while (performance.now() - since < 1);
  return null;
}

function App() {
  const [place, go] = useState("chat");
  seen.go = go;
  useEffect(() => {
    if (place === "work") seen.arrived?.();
  }, [place]);
  const parts = Array.from({ length: place === "work" ? SLOW_PARTS : 0 }, (_, key) => createElement(Slow, { key }));
  return createElement("main", null, createElement(List), parts);
}

createRoot(document.getElementById("root")).render(createElement(App));

const shows = (test) =>
  new Promise((resolve) => {
    const look = () => (test(seen.text) ? resolve() : setTimeout(look, 2));
    look();
  });

/** Each returns what it has measured. Texts are counted in words of the reply. */
globalThis.measure = {
  /** A reply of so many words, from its first to its last one. */
  async reply(words) {
    void seen.send(`reply ${words}`);
    await shows((text) => text.length > 0);
    const [before, changed] = [{ ...seen }, seen.changed];
    const since = performance.now();
    await shows((text) => text.length >= words * WORD.length);
    const seconds = (performance.now() - since) / 1_000;
    return { seconds, renders: seen.renders - before.renders, changed: seen.changed - changed };
  },
  /** A reply that is all there already. Counted from the load of the page. */
  async replay(words) {
    await shows((text) => text.length >= words * WORD.length);
    return { renders: seen.renders, ms: performance.now() };
  },
  /** A transition while a reply is written. Gives up after `limitMs`. */
  async transition(limitMs) {
    void seen.send("reply 100000");
    await shows((text) => text.length > 500);
    const since = performance.now();
    const arrived = new Promise((resolve) => {
      seen.arrived = resolve;
    });
    startTransition(() => seen.go("work"));
    const limit = new Promise((resolve) => setTimeout(resolve, limitMs));
    await Promise.race([arrived, limit]);
    return { ms: performance.now() - since };
  },
};
