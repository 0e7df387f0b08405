/**
 * Pages of `useChat` without React: the `AbstractChat` and `DefaultChatTransport` of a version of the package `ai`. Run
 * by itself, it does what lines of JSON on its standard input say, for versions that want a later Node.
 */

import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const EVENTS = { "content-type": "text/event-stream" };

/** The chats of one version. Everything that goes in and out is JSON. */
export async function pagesOf(name) {
  const ai = await import(name);
  const chats = new Map();
  let opened = 0;

  class PageState {
    status = "ready";
    error = undefined;
    messages;
    writes = 0;

    constructor(messages) {
      this.messages = messages;
    }

    pushMessage = (message) => {
      this.writes++;
      this.messages = [...this.messages, message];
    };

    popMessage = () => {
      this.messages = this.messages.slice(0, -1);
    };

    replaceMessage = (index, message) => {
      this.writes++;
      this.messages = this.messages.map((other, at) => (at === index ? this.snapshot(message) : other));
    };

    snapshot = (value) => structuredClone(value);
  }

  class PageChat extends ai.AbstractChat {
    facts;

    constructor({ state, ...init }, facts) {
      super({ ...init, state });
      this.facts = facts;
    }
  }

  const sendsAgainWhen = (again) => {
    const rules = [
      again?.includes("results") && ai.lastAssistantMessageIsCompleteWithToolCalls,
      again?.includes("approvals") && ai.lastAssistantMessageIsCompleteWithApprovalResponses,
    ].filter((rule) => rule);
    return rules.length > 0 ? (state) => rules.some((rule) => rule(state)) : undefined;
  };

  return {
    /**
     * Opens a page. `outputs`: the results of tools that run in it. `again`: after what it sends by itself. `guide`:
     * it sends its last message only. `answer`: the body of each response, in the place of a server's.
     */
    open({ url, id, messages = [], outputs = {}, again, guide, body, answer }) {
      const state = new PageState(messages);
      const facts = { finishes: [], toolCalls: [], data: [] };
      const chat = new PageChat(
        {
          id,
          state,
          transport: new ai.DefaultChatTransport({
            api: url,
            ...(body && { body }),
            ...(answer !== undefined && { fetch: async () => new Response(answer, { headers: EVENTS }) }),
            ...(guide && {
              prepareSendMessagesRequest: ({ id: chatId, messages: all, trigger, messageId }) => ({
                body: { id: chatId, message: all.at(-1), trigger, messageId },
              }),
            }),
          }),
          sendAutomaticallyWhen: sendsAgainWhen(again),
          onToolCall: ({ toolCall: { toolName: tool, toolCallId } }) => {
            facts.toolCalls.push(tool);
            if (!(tool in outputs)) return;
            const output = outputs[tool];
            const add = chat.addToolOutput ?? chat.addToolResult;
            if (output?.errorText) void add({ state: "output-error", tool, toolCallId, errorText: output.errorText });
            else void add({ tool, toolCallId, output });
          },
          onData: (part) => facts.data.push(part),
          onFinish: ({ isAbort, isDisconnect, isError, finishReason }) =>
            facts.finishes.push({ isAbort, isDisconnect, isError, finishReason }),
          onError: () => undefined,
        },
        facts,
      );
      const page = `page-${++opened}`;
      chats.set(page, chat);
      return { page, id: chat.id };
    },

    /** Calls a method of the chat, and returns the page when it is done. */
    async call({ page, method, args = [] }) {
      const chat = chats.get(page);
      await chat[method](...args);
      if (method === "stop") await chat.facts.begun;
      return this.look({ page });
    },

    /** Begins to call a method of the chat. */
    begin({ page, method, args = [] }) {
      const chat = chats.get(page);
      chat.facts.begun = chat[method](...args);
      return {};
    },

    look({ page }) {
      const chat = chats.get(page);
      const { status, error, messages, state, facts } = chat;
      const { begun: _begun, ...seen } = facts;
      return { status, error: error?.message, messages: structuredClone(messages), writes: state.writes, ...seen };
    },
  };
}

/** Does what lines of JSON on standard input say, until its end. */
export async function serve(pages) {
  const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  answer({ isReady: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { number, name, parameters } = JSON.parse(line);
    Promise.resolve()
      .then(() => pages[name](parameters))
      .then(
        (result) => answer({ number, result }),
        (error) => answer({ number, error: String(error?.stack ?? error) }),
      );
  }
  process.exit(0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(await pagesOf(process.argv[2]));
