/**
 * Programs that talk to a gateway by the providers' own libraries: what each library makes of its answers, as JSON. As a
 * program, for libraries that want a later Node: `node programs.mjs LIBRARY` reads `{ method, args }` from each line of
 * its input, and prints the outcome as one line.
 */

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { responses } from "./responses-programs.mjs";

/** The helpers; version 4 has them under `beta`. */
const helpersOf = (client) => client.beta.chat?.completions ?? client.chat.completions;

/** OpenAI's library, by the name under which it is installed. */
const openAi = (name) => ({
  /** Reads the stream itself. */
  async raw({ params, ...where }) {
    const seen = { text: "", reasoning: "", calls: [], chunks: 0 };
    try {
      const client = await openAiClient(name, where);
      for await (const chunk of await client.chat.completions.create({ ...params, stream: true })) {
        seen.chunks++;
        seen.model = chunk.model;
        if (chunk.usage) seen.usage = chunk.usage;
        const [choice] = chunk.choices;
        seen.text += choice?.delta.content ?? "";
        seen.reasoning += choice?.delta.reasoning_content ?? "";
        for (const { index, id, function: named } of choice?.delta.tool_calls ?? []) {
          seen.calls[index] ??= { id, name: named.name, text: "" };
          seen.calls[index].text += named.arguments ?? "";
        }
        if (choice?.finish_reason) seen.finish = choice.finish_reason;
      }
    } catch (error) {
      seen.error = openAiFailure(error);
    }
    return seen;
  },
  /** The helper, which is stricter. */
  async helper({ params, ...where }) {
    return openAiOutcome(async () => {
      const client = await openAiClient(name, where);
      return helpersOf(client).stream(params).finalChatCompletion();
    });
  },
  async whole({ params, ...where }) {
    return openAiOutcome(async () => (await openAiClient(name, where)).chat.completions.create(params));
  },
  /** Parses what the schema asks for. */
  async parsed({ params, ...where }) {
    return openAiOutcome(async () => helpersOf(await openAiClient(name, where)).parse(params));
  },
  /** Aborts after the first words. */
  async abort({ params, ...where }) {
    const client = await openAiClient(name, where);
    const stream = await client.chat.completions.create({ ...params, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    return { isAborted: stream.controller.signal.aborted };
  },
  async models({ model, ...where }) {
    const client = await openAiClient(name, where);
    const ids = [];
    for await (const { id } of client.models.list()) ids.push(id);
    return { ids, one: (await client.models.retrieve(model)).id };
  },
});

/** Without an origin, the environment says where the server is. */
async function openAiClient(name, { origin, path = "/v1", key, maxRetries = 0 }) {
  const { OpenAI } = await import(name);
  return new OpenAI({ ...(origin !== undefined && { apiKey: key, baseURL: origin + path }), maxRetries });
}

async function openAiOutcome(call) {
  try {
    const { choices, model, usage } = await call();
    const [{ message, finish_reason: finish }] = choices;
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: text } }) => ({ id, name, text }));
    return { text: message.content ?? "", parsed: message.parsed ?? undefined, calls, finish, model, usage };
  } catch (error) {
    return { error: openAiFailure(error) };
  }
}

function openAiFailure(failure) {
  const { status, message, code, type, requestID = failure.request_id } = failure; // version 4 has the second word
  return { name: failure.constructor.name, status, message, code, type, requestID };
}

/** Anthropic's library, by the name under which it is installed. */
const anthropic = (name) => ({
  async raw({ params, ...where }) {
    const seen = { text: "", thinking: "", calls: [], events: [] };
    try {
      const client = await anthropicClient(name, where);
      for await (const event of await client.messages.create({ ...params, stream: true })) noteEvent(seen, event);
    } catch (error) {
      seen.error = anthropicFailure(error);
    }
    return seen;
  },
  async helper({ params, ...where }) {
    return anthropicOutcome(async () => (await anthropicClient(name, where)).messages.stream(params).finalMessage());
  },
  async whole({ params, ...where }) {
    return anthropicOutcome(async () => (await anthropicClient(name, where)).messages.create(params));
  },
  async beta({ params, ...where }) {
    return anthropicOutcome(async () => (await anthropicClient(name, where)).beta.messages.create(params));
  },
  async abort({ params, ...where }) {
    const client = await anthropicClient(name, where);
    const stream = await client.messages.create({ ...params, stream: true });
    for await (const event of stream) if (event.type === "content_block_delta") break;
    return { isAborted: stream.controller.signal.aborted };
  },
  async countTokens({ params, ...where }) {
    return (await anthropicClient(name, where)).messages.countTokens(params);
  },
  async models({ model, ...where }) {
    const client = await anthropicClient(name, where);
    const ids = [];
    for await (const { id } of client.models.list()) ids.push(id);
    return { ids, one: (await client.models.retrieve(model)).id };
  },
});

async function anthropicClient(name, { origin, path = "", key, maxRetries = 0 }) {
  const { Anthropic } = await import(name);
  return new Anthropic({ ...(origin !== undefined && { apiKey: key, baseURL: origin + path }), maxRetries });
}

function noteEvent(seen, event) {
  seen.events.push(event.type);
  if (event.type === "message_start") seen.start = event.message;
  if (event.type === "message_delta") Object.assign(seen, { stop: event.delta.stop_reason, usage: event.usage });
  if (event.type === "content_block_start" && event.content_block.type === "tool_use") {
    seen.calls.push({ index: event.index, id: event.content_block.id, name: event.content_block.name, text: "" });
  }
  if (event.type !== "content_block_delta") return;
  const { delta } = event;
  seen.text += delta.text ?? "";
  seen.thinking += delta.thinking ?? "";
  if (delta.signature) seen.signature = delta.signature;
  if (delta.partial_json !== undefined)
    seen.calls.find(({ index }) => index === event.index).text += delta.partial_json;
}

async function anthropicOutcome(call) {
  try {
    const { content, stop_reason: stop, usage, model } = await call();
    return { content, stop, usage, model };
  } catch (error) {
    return { error: anthropicFailure(error) };
  }
}

function anthropicFailure(failure) {
  const { status, message, error, requestID } = failure;
  return { name: failure.constructor.name, status, message, type: error?.error?.type, requestID };
}

const LIBRARIES = { openAi, responses, anthropic };

/** Runs one method of one library, such as `openAi:openai-7`. */
export function run(library, method, args) {
  const [kind, name] = library.split(":");
  return LIBRARIES[kind](name)[method](args);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { method, args } = JSON.parse(line);
    console.log(JSON.stringify(await run(process.argv[2], method, args)));
  }
}
