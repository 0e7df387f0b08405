/**
 * Front ends of AG-UI behind one face each. They are loaded when they are used: this module can be imported where they are
 * not installed.
 */

import { existsSync } from "node:fs";

const has = (name) => existsSync(new URL(`node_modules/${name}`, import.meta.url));

export const agUiMissing = ["@ag-ui/client", "ag-ui-client-0.0.57", "@tanstack/ai-client"].every(has)
  ? undefined
  : "the front ends are not installed: npm ci --prefix test/interop";

const load = { "1.0.0": () => import("@ag-ui/client"), "0.0.57": () => import("ag-ui-client-0.0.57") };

export const agentVersions = Object.keys(load);

/** Makes an `HttpAgent`, and records what its subscriber sees. */
export async function httpAgent(version, options) {
  const { HttpAgent } = await load[version]();
  const agent = new HttpAgent(options);
  return {
    agent,
    async run(parameters = {}) {
      const seen = { events: [], shown: [], error: undefined, rejected: undefined };
      const subscriber = {
        onEvent: ({ event }) => void seen.events.push(event),
        onRunErrorEvent: ({ event }) => {
          seen.error = event;
        },
        onMessagesChanged: ({ messages }) => void seen.shown.push(textsOf(messages)),
      };
      try {
        seen.result = await agent.runAgent(parameters, subscriber);
      } catch (error) {
        seen.rejected = error;
      }
      return seen;
    },
    get messages() {
      return agent.messages;
    },
  };
}

/** The text of the assistant's messages after the last message of the user. */
function textsOf(messages) {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  return messages
    .slice(asked + 1)
    .map(({ role, content }) => (role === "assistant" ? (content ?? "") : ""))
    .join("");
}

/** Makes a chat of TanStack AI, and records what it shows. */
export async function tanStackChat({ url, ...options }) {
  const { ChatClient, fetchServerSentEvents } = await import("@tanstack/ai-client");
  const seen = { shown: [], statuses: [], errors: [], customs: [], types: [] };
  const client = new ChatClient({
    connection: fetchServerSentEvents(url, options.connection),
    onMessagesChange: (messages) => void seen.shown.push(shownIn(messages)),
    onChunk: ({ type }) => void seen.types.push(type),
    onStatusChange: (status) => void seen.statuses.push(status),
    onError: (error) => void seen.errors.push(error),
    onCustomEvent: (name, value) => void seen.customs.push({ name, value }),
    ...options.chat,
  });
  return { client, seen, textOf: () => shownIn(client.getMessages()) };
}

function shownIn(messages) {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  return messages
    .slice(asked + 1)
    .flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.content : "")))
    .join("");
}

export const copilotMissing = has("@copilotkit/core")
  ? undefined
  : "CopilotKit is not installed: npm ci --prefix test/interop";

/** Connects CopilotKit's core to a runtime, as its hooks do in a page. Resolves with it and its agent for a thread. */
export async function copilotKit(url, threadId) {
  const { CopilotKitCore } = await import("@copilotkit/core");
  const errors = [];
  const core = new CopilotKitCore({ runtimeUrl: url });
  core.subscribe({ onError: ({ error }) => void errors.push(error) });
  const agent = await new Promise((resolve) => {
    const look = () => {
      const found = core.getAgent("default");
      if (found) resolve(found);
    };
    core.subscribe({ onAgentsChanged: look });
    look();
  });
  agent.threadId = threadId;
  return { core, agent, errors };
}
