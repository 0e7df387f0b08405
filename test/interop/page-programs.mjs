/**
 * Front ends and libraries as a page of another origin runs them, joined into one script by `page-programs.test.ts`. Each
 * function returns JSON.
 */

import { HttpAgent } from "@ag-ui/client";
import { useChat } from "@ai-sdk/react";
import Anthropic from "@anthropic-ai/sdk";
import { ChatClient, fetchServerSentEvents } from "@tanstack/ai-client";
import { AbstractChat, DefaultChatTransport } from "ai";
import OpenAI6 from "openai";
import OpenAI7 from "openai-7";
import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";

const failure = (error) => {
  const { status, message, requestID } = error;
  // The bundler has added numbers to names that several libraries have.
  return { name: error.constructor.name.replace(/\$\d+$/, ""), status, message, requestID };
};

/** What a library of OpenAI makes of a stream, or its error. */
const openAi =
  (OpenAI) =>
  async ({ origin, key, params }) => {
    const client = new OpenAI({ apiKey: key, baseURL: `${origin}/v1`, dangerouslyAllowBrowser: true });
    try {
      return { text: (await client.chat.completions.stream(params).finalChatCompletion()).choices[0].message.content };
    } catch (error) {
      return failure(error);
    }
  };

async function anthropic({ origin, key, params }) {
  const client = new Anthropic({ apiKey: key, baseURL: origin, dangerouslyAllowBrowser: true });
  try {
    return { text: (await client.messages.stream({ max_tokens: 99, ...params }).finalMessage()).content[0].text };
  } catch (error) {
    return failure(error);
  }
}

class PageChat extends AbstractChat {}

/** A conversation of `useChat` without React: two questions, and a look at what is being written. */
async function aiSdk({ url, questions }) {
  const state = {
    status: "ready",
    messages: [],
    pushMessage: (message) => {
      state.messages = [...state.messages, message];
    },
    popMessage: () => {
      state.messages = state.messages.slice(0, -1);
    },
    replaceMessage: (index, message) => {
      state.messages = state.messages.with(index, message);
    },
    snapshot: (value) => structuredClone(value),
  };
  const chat = new PageChat({ id: "th", state, transport: new DefaultChatTransport({ api: url }) });
  for (const text of questions) await chat.sendMessage({ text });
  await chat.resumeStream();
  const texts = chat.messages.map(({ parts }) => parts.map(({ text = "" }) => text).join(""));
  return { status: chat.status, error: chat.error?.message, texts };
}

/** A component that resumes when its page is shown again. What it shows is in `shown`, and `ask` sends a message. */
function aiSdkReact({ url, question }) {
  const transport = new DefaultChatTransport({ api: url });
  const Chat = () => {
    const { messages, status, error, sendMessage } = useChat({ id: "th", transport, resume: true });
    const texts = messages.map(({ parts }) => parts.map(({ text = "" }) => text).join(""));
    globalThis.shown = JSON.stringify({ status, error: error?.message, texts });
    globalThis.ask = () => void sendMessage({ text: question });
    return null;
  };
  createRoot(document.createElement("div")).render(createElement(StrictMode, null, createElement(Chat)));
}

async function agUi({ url, questions }) {
  const agent = new HttpAgent({ url, threadId: "th" });
  for (const [place, content] of questions.entries()) {
    agent.addMessage({ id: `u${place}`, role: "user", content });
    await agent.runAgent();
  }
  return { texts: agent.messages.map(({ content }) => content) };
}

async function tanStack({ url, questions }) {
  const errors = [];
  const client = new ChatClient({
    connection: fetchServerSentEvents(url),
    onError: ({ message }) => errors.push(message),
    onMessagesChange: (messages) => {
      globalThis.shown = JSON.stringify(messages);
    },
  });
  for (const text of questions) await client.sendMessage(text);
  const texts = client.getMessages().map(({ parts }) => parts.map(({ content = "" }) => content).join(""));
  return { status: client.getStatus(), errors, texts };
}

globalThis.programs = {
  openAi6: openAi(OpenAI6),
  openAi7: openAi(OpenAI7),
  anthropic,
  aiSdk,
  aiSdkReact,
  agUi,
  tanStack,
};
