/** Clients that break a law at the end of a reply, or before its beginning. */

import { type MessageChunk, MessageStream, SendError } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { type Breakage, calls, changed, finals, type Send, streams } from "./breakage.ts";

export const REPLY_BREAKAGES: readonly Breakage[] = [
  {
    what: "takes an unknown end for a normal one",
    noticedBy: ["an unknown finish reason is `unknown`"],
    bend: finals((message) => ({
      ...message,
      finishReason: message.finishReason === "unknown" ? "stop" : message.finishReason,
    })),
  },
  {
    what: "passes its estimate off as the provider's usage",
    noticedBy: ["usage that the provider does not report stays absent"],
    bend: finals(({ estimatedUsage, ...message }) =>
      estimatedUsage ? { ...message, usage: estimatedUsage } : message,
    ),
  },
  {
    what: "loses the provider's usage",
    noticedBy: ["usage is known when the final chunk comes", "a reply with usage is the same"],
    bend: finals(({ usage: _usage, ...message }) => message),
  },
  {
    what: "counts cached input beside the input",
    noticedBy: ["usage has one meaning"],
    bend: finals(({ usage, ...message }) => ({
      ...message,
      ...(usage && { usage: { ...usage, inputTokens: usage.inputTokens - (usage.cachedInputTokens ?? 0) } }),
    })),
  },
  {
    what: "leaves what was cached out of the total",
    noticedBy: ["usage has one meaning", "written to the provider's cache are input"],
    bend: finals(({ usage, ...message }) => ({
      ...message,
      ...(usage && { usage: { ...usage, totalTokens: usage.totalTokens - (usage.cachedInputTokens ?? 0) } }),
    })),
  },
  {
    what: "loses sources",
    noticedBy: ["sources are reported with their titles"],
    bend: finals((message) => ({ ...message, citations: [] })),
  },
  {
    what: "loses pictures",
    noticedBy: ["a picture is a reply"],
    bend: finals(({ media: _media, ...message }) => message),
  },
  {
    what: "counts positions in code points",
    noticedBy: ["sources are reported with their titles"],
    bend: finals((message) => ({
      ...message,
      citations: message.citations.map(({ endIndex, ...citation }) => ({
        ...citation,
        ...(endIndex !== undefined && { endIndex: endIndex - 1 }),
      })),
    })),
  },
  {
    what: "takes filters and refusals for a normal end",
    noticedBy: ["a filter that withheld the rest is not", "a refusal by the model is not"],
    bend: finals((message) => ({
      ...message,
      finishReason: /contentFilter|refusal/.test(message.finishReason) ? "stop" : message.finishReason,
    })),
  },
  {
    what: "writes messages that JSON does not carry",
    noticedBy: ["a message survives JSON unchanged"],
    bend: finals((message) => ({ ...message, replay: { provider: "p", protocol: "p", data: new Map([["a", 1]]) } })),
  },
  {
    what: "has no metrics",
    noticedBy: ["a complete reply reports its timing", "one call sends as many requests as its metrics say"],
    bend: finals((message) => ({
      ...message,
      metrics: { durationMs: Number.NaN, chunks: 0, longestGapMs: 0, attempts: [] },
    })),
  },
  {
    what: "ignores the signal",
    noticedBy: [
      "a signal that has fired before the call",
      "the signal ends sendMessageStream before",
      "the signal ends sendMessage before",
      "the signal ends the wait for the next word",
      "the signal closes the connection and ends the call also while",
    ],
    bend: calls(({ signal: _signal, ...options }) => options),
  },
  {
    what: "learns of the signal only when it is read on",
    noticedBy: ["the signal closes the connection and ends the call also while"],
    bend: streams((stream) => MessageStream.from(stream)),
  },
  {
    what: "looks at the signal only between chunks",
    noticedBy: ["the signal ends the wait for the next word", "the signal ends sendMessageStream before"],
    bend: (client) => ({
      async sendMessageStream(messages, { signal, ...options } = {}) {
        const stream = await client.sendMessageStream(messages, options);
        return changed(stream, {
          async *[Symbol.asyncIterator]() {
            for await (const chunk of stream) {
              if (signal?.aborted) throw new SendError("aborted", "Aborted.", { partial: stream.partial });
              yield chunk;
            }
          },
        });
      },
    }),
  },
  {
    what: "ignores timeouts",
    noticedBy: ["ends at the limit `idle`", "ends at the limit `headers`", "ends at the limit `total`"],
    bend: calls(({ timeouts: _timeouts, ...options }) => options),
  },
  {
    what: "times the caller's own pauses",
    noticedBy: ["the idle clock does not run while the caller holds a chunk"],
    bend: (client) => ({
      async sendMessageStream(messages, options = {}) {
        const idle = options.timeouts?.idle;
        if (idle === undefined) return client.sendMessageStream(messages, options);
        const abort = new AbortController();
        const timer = setTimeout(() => abort.abort(), idle);
        const stream = await client.sendMessageStream(messages, { ...options, signal: abort.signal });
        return changed(stream, {
          async *[Symbol.asyncIterator]() {
            for await (const chunk of stream) {
              timer.refresh();
              yield chunk;
            }
            clearTimeout(timer);
          },
        });
      },
    }),
  },
  {
    what: "goes on after break",
    noticedBy: ["break closes the connection", "an error thrown in the loop closes", "after break, finalMessage"],
    bend: streams((stream) => {
      const chunks = stream[Symbol.asyncIterator]();
      const reader = { next: () => chunks.next(), [Symbol.asyncIterator]: () => reader };
      return changed(stream, { [Symbol.asyncIterator]: () => reader });
    }),
  },
  {
    what: "goes on after stop() and await using",
    noticedBy: ["stop() before anything was read", "the end of an `await using` block", "stop() while the loop waits"],
    bend: streams((stream) =>
      changed(stream, { stop: () => new Promise(() => {}), [Symbol.asyncDispose]: () => Promise.resolve() }),
    ),
  },
  {
    what: "ends stop() with an error",
    noticedBy: ["stop() before anything was read", "stop() while the loop waits is a normal end"],
    bend: streams((stream) => changed(stream, { stop: () => Promise.reject(new SendError("aborted", "Stopped.")) })),
  },
  {
    what: "reads on without being asked",
    noticedBy: ["a reader that does not read stops the sender"],
    bend: streams((stream) => {
      const all: MessageChunk[] = [];
      let wake = () => {};
      let done = false;
      const pump = async () => {
        for await (const chunk of stream) {
          all.push(chunk);
          wake();
        }
      };
      const finish = () => {
        done = true;
        wake();
      };
      pump().then(finish, finish);
      return changed(stream, {
        async *[Symbol.asyncIterator]() {
          for (let index = 0; ; index++) {
            while (index >= all.length && !done) await new Promise<void>((resolve) => (wake = resolve));
            const chunk = all[index];
            if (!chunk) return;
            yield chunk;
          }
        },
      });
    }),
  },
  {
    what: "opens before the provider has answered",
    noticedBy: ["a stream does not open before the provider accepts", "a refusal with status 401"],
    bend: (client) => ({
      async sendMessageStream(messages, options) {
        const opening = client.sendMessageStream(messages, options);
        opening.catch(() => undefined);
        return MessageStream.from(
          (async function* () {
            yield* await opening;
          })(),
        );
      },
    }),
  },
  {
    what: "answers a refusal with an empty reply",
    noticedBy: ["a refusal with status 401", "a refusal with status 500", "a refusal reports how long"],
    bend: (client) => ({
      async sendMessageStream(messages, options) {
        try {
          return await client.sendMessageStream(messages, options);
        } catch (error) {
          if (error instanceof SendError && error.status !== undefined)
            return scriptedClient([{ text: [] }]).sendMessageStream(messages);
          throw error;
        }
      },
    }),
  },
  {
    what: "retries when it must not",
    noticedBy: ["a refused request is sent once when retries are off"],
    bend: (client) => ({
      sendMessageStream: async (messages, options) => {
        try {
          return await client.sendMessageStream(messages, options);
        } catch (error) {
          if (error instanceof SendError && error.retryable) return client.sendMessageStream(messages, options);
          throw error;
        }
      },
    }),
  },
  {
    what: "asks the provider twice in order to be sure",
    noticedBy: ["one call sends as many requests as its metrics say"],
    bend: (client) => ({
      sendMessage: async (messages, options) => {
        await client.sendMessage(messages, options);
        return client.sendMessage(messages, options);
      },
    }),
  },
  {
    what: "sends whatever it is given",
    noticedBy: ["no messages is refused", "an unknown role is refused", "a negative timeout is refused"],
    bend: (client) => ({
      sendMessage: () => client.sendMessage([{ role: "user", content: "?" }]),
      sendMessageStream: () => client.sendMessageStream([{ role: "user", content: "?" }]),
    }),
  },
  {
    what: "answers otherwise when it does not stream",
    noticedBy: ["a reply with text is the same non-streamed and streamed"],
    bend: (client) => ({
      sendMessage: async (messages, options) => {
        const message = await client.sendMessage(messages, options);
        return { ...message, content: message.content.toUpperCase() };
      },
    }),
  },
  {
    what: "refuses its own replies",
    noticedBy: ["a reply can be put back", "thinking and tool calls that sendMessage brought"],
    bend: (client) => {
      const check = (messages: Parameters<Send>[0]) => {
        if (messages.some(({ role }) => role === "assistant")) throw new SendError("invalidRequest", "Who said that?");
      };
      return {
        sendMessage: async (messages, options) => {
          check(messages);
          return client.sendMessage(messages, options);
        },
        sendMessageStream: async (messages, options) => {
          check(messages);
          return client.sendMessageStream(messages, options);
        },
      };
    },
  },
  {
    what: "mixes its replies up",
    noticedBy: ["two replies at once do not mix"],
    bend: (client) => {
      let latest: MessageStream | undefined;
      return {
        sendMessageStream: async (messages, options) => {
          const stream = await client.sendMessageStream(messages, options);
          latest = stream;
          return changed(stream, { [Symbol.asyncIterator]: () => (latest ?? stream)[Symbol.asyncIterator]() });
        },
      };
    },
  },
  {
    what: "gives a second reader nothing, in silence",
    noticedBy: ["a second reader gets an error"],
    bend: streams((stream) => {
      let read = false;
      return changed(stream, {
        async *[Symbol.asyncIterator]() {
          if (read) return;
          read = true;
          yield* stream;
        },
      });
    }),
  },
  {
    what: "never settles finalMessage()",
    noticedBy: ["finalMessage() alone reads everything", "after break, finalMessage"],
    bend: streams((stream) => changed(stream, { finalMessage: () => new Promise(() => {}) })),
  },
  {
    what: "leaves rejected promises behind",
    noticedBy: [
      "a broken connection that is not observed",
      "an early end that is not observed",
      "an abort that is not observed",
    ],
    bend: (client) => ({
      async sendMessageStream(messages, options) {
        options?.signal?.addEventListener("abort", () => void Promise.reject(new Error("forgotten")));
        const stream = await client.sendMessageStream(messages, options);
        return changed(stream, {
          async *[Symbol.asyncIterator]() {
            try {
              yield* stream;
            } catch (error) {
              void Promise.reject(error);
              throw error;
            }
          },
        });
      },
    }),
  },
];
